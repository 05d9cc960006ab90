//! Plain mode: the link's bytes are one bare stream, of one connection at a time.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use channel::DialError;
use channel::pipe::{PipeReader, PipeWriter};
use channel::transport::{Carrier, Receipt, Sink, Source};

use crate::dial::Request;
use crate::load::Load;
use crate::shared::{Shared, Toucher};
use crate::state::{self, Ends, READING, STREAM, State};

pub(crate) struct Plain {
    shared: Arc<Shared>,
    /// Wait for the device, or for the end of the connection that has it.
    waiting: VecDeque<Arc<Request>>,
    current: Option<Current>,
    linked: bool,
    touched: Vec<Arc<Toucher>>,
    leaving: Vec<Arc<State>>,
}

/// The connection that has the link.
struct Current {
    outbound: PipeReader,
    inbound: PipeWriter,
    state: Arc<State>,
    waker: Waker,
    /// The link's input has ended.
    input_ended: bool,
    /// The user has ended its stream, and all of it was taken.
    output_ended: bool,
    /// The user neither reads nor writes any more.
    gone: bool,
    /// The user has ended something: until then what it wrote may take to leave.
    until: Option<Duration>,
    overdue: bool,
}

impl Current {
    fn new(ends: Ends) -> Current {
        let Ends {
            outbound,
            inbound,
            state,
        } = ends;
        // A bare stream tells nothing: nobody waits until the peer has heard that this side reads no more, either.
        state.set_receipt(Receipt::Unknown);
        state.has_left(READING);
        let waker = Waker::from(state.toucher.clone());
        let current = Current {
            outbound,
            inbound,
            state,
            waker,
            input_ended: false,
            output_ended: false,
            gone: false,
            until: None,
            overdue: false,
        };
        current.watch();
        current
    }

    /// Has the driver called when the user reads no more.
    fn watch(&self) {
        let mut cx = Context::from_waker(&self.waker);
        let _ = self.state.inbound.poll_receipt(&mut cx);
    }

    /// The user did something: who leaves in two steps has its time to linger from the second one.
    fn look(&mut self, now: Duration) {
        let left = self.state.is_gone() || self.state.outbound.is_writer_aborted();
        if !self.gone && left {
            self.gone = true;
            self.until = now.checked_add(self.state.linger);
        }
        self.watch();
    }

    fn is_over(&self) -> bool {
        let reading = !self.input_ended && !self.state.inbound.is_abandoned();
        self.overdue || self.output_ended && !reading
    }
}

impl Drop for Current {
    /// The link is gone. What ended well before stays so.
    fn drop(&mut self) {
        if !self.input_ended {
            self.state.set_peer_lost();
            self.state.inbound.abort_writing();
        }
        self.state.outbound.abort_reading();
        self.state.has_left(STREAM | READING);
    }
}

impl Plain {
    pub(crate) fn new(shared: Arc<Shared>) -> Plain {
        Plain {
            shared,
            waiting: VecDeque::new(),
            current: None,
            linked: false,
            touched: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Gives the link to whoever is next.
    fn begin(&mut self) {
        while let Some(request) = self.waiting.pop_front() {
            if request.is_withdrawn() {
                continue;
            }
            match state::channel(&self.shared, &request.to, &request.options, Carrier::Bytes) {
                Err(error) => request.answer(Err(error.into())),
                Ok((connection, ends)) => {
                    self.current = Some(Current::new(ends));
                    return request.answer(Ok(connection));
                }
            }
        }
        let mut desk = self.shared.desk();
        let Some(to) = &mut desk.listening else {
            return;
        };
        match state::channel(&self.shared, &to.local, &to.options, Carrier::Bytes) {
            Err(error) => tracing::warn!(
                target: "transport_link", link = %self.shared.name, %error, "a connection cannot be accepted"
            ),
            Ok((connection, ends)) => {
                self.current = Some(Current::new(ends));
                to.backlog.push_back(connection);
                let waker = to.waker.take();
                drop(desk);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
    }
}

impl Load for Plain {
    fn news(&mut self, now: Duration) -> bool {
        let mut touched = std::mem::take(&mut self.touched);
        self.shared.take_touched(&mut touched, &mut self.leaving);
        touched.drain(..).for_each(|toucher| toucher.taken());
        self.touched = touched;
        for state in self.leaving.drain(..) {
            if let Some(current) = &mut self.current
                && Arc::ptr_eq(&current.state, &state)
            {
                current.until = now.checked_add(state.linger);
            }
        }
        if let Some(current) = &mut self.current {
            current.look(now);
        }
        let mut desk = self.shared.desk();
        self.waiting.extend(desk.dials.drain(..));
        if std::mem::take(&mut desk.withdrawn) {
            drop(desk);
            self.waiting.retain(|request| !request.is_withdrawn());
            desk = self.shared.desk();
        }
        std::mem::take(&mut desk.news)
    }

    fn link_up(&mut self, _: Duration) {
        self.linked = true;
        self.begin();
    }

    fn link_down(&mut self) {
        self.linked = false;
        self.current = None;
    }

    fn cannot_open(&mut self, error: &Arc<io::Error>) {
        for request in self.waiting.drain(..) {
            request.answer(Err(DialError::Io(error.clone())));
        }
    }

    fn room(&mut self) -> usize {
        let Some(current) = &mut self.current else {
            return 0;
        };
        let mut cx = Context::from_waker(&current.waker);
        match current.inbound.poll_room(&mut cx, 1) {
            Poll::Ready(Ok(room)) => room,
            Poll::Pending => 0,
            // The user reads no more: what comes is thrown away.
            Poll::Ready(Err(_)) => usize::MAX,
        }
    }

    fn receive(&mut self, _: Duration, mut bytes: &[u8]) {
        let Some(current) = &mut self.current else {
            return;
        };
        let mut cx = Context::from_waker(&current.waker);
        while !bytes.is_empty() {
            match current.inbound.poll_write(&mut cx, &[IoSlice::new(bytes)]) {
                Poll::Ready(Ok(n)) => bytes = &bytes[n..],
                // Nobody misses them. (There was room.)
                _ => return,
            }
        }
    }

    fn end_of_input(&mut self) -> bool {
        let Some(current) = &mut self.current else {
            return false;
        };
        current.input_ended = true;
        let _ = current.inbound.finish();
        true
    }

    /// The user is told when it writes, and reads on: the link's input ends by itself.
    fn end_of_output(&mut self) -> bool {
        let Some(current) = &mut self.current else {
            return false;
        };
        current.output_ended = true;
        current.state.outbound.abort_reading();
        current.state.has_left(STREAM | READING);
        true
    }

    fn transmit(&mut self, _: Duration, out: &mut [u8]) -> usize {
        let Some(current) = &mut self.current else {
            return 0;
        };
        if current.output_ended {
            return 0;
        }
        let mut cx = Context::from_waker(&current.waker);
        match current
            .outbound
            .poll_read(&mut cx, &mut [IoSliceMut::new(out)])
        {
            Poll::Pending => 0,
            Poll::Ready(Ok(n @ 1..)) => n,
            Poll::Ready(_) => {
                current.output_ended = true;
                0
            }
        }
    }

    fn sent(&mut self) {
        if let Some(current) = &self.current
            && current.output_ended
        {
            current.state.has_left(STREAM | READING);
        }
    }

    fn is_finished(&mut self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.output_ended)
    }

    fn deadline(&self) -> Option<Duration> {
        self.current.as_ref().and_then(|current| current.until)
    }

    fn tick(&mut self, now: Duration) {
        let Some(current) = &mut self.current else {
            return;
        };
        if current.until.is_some_and(|until| until <= now) {
            current.until = None;
            // Who has finished and reads on, or writes on without a reader, has all the time it wants.
            current.overdue = current.gone;
            if current.state.is_leaving() {
                tracing::debug!(target: "transport_link", "linger time over before everything was sent");
                current.state.has_left(STREAM | READING);
            }
        }
    }

    fn wants_link(&mut self) -> bool {
        match &self.current {
            Some(current) => !current.is_over(),
            // It is to be opened anew for the next one.
            None if self.linked => false,
            None => {
                let desk = self.shared.desk();
                let listening = desk.listening.as_ref();
                let room = listening.is_some_and(|to| to.backlog.len() < to.options.max_hellos());
                room || !self.waiting.is_empty()
            }
        }
    }

    fn gives_up(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.overdue)
    }

    fn is_idle(&mut self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.shared.abandon_dials(self.waiting.drain(..));
    }
}
