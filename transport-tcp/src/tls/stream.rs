//! One secured connection: what its halves, its control and its flusher do with socket and session.
//!
//! The lock of the session is never held across a system call. Who receives or sends says so in it
//! (`receiving`, `sending`) and lets go of it; whoever finds that leaves a waker, says that it is awaited,
//! and is woken. So both halves, on two threads, can bring the handshake forward, and ciphertext leaves in
//! the order in which it was made.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use channel::transport::{Carrier, Connection};
use channel::{Endpoint, Options};
use parking_lot::{Mutex, MutexGuard};

use super::control::TlsControl;
use super::error::TlsError;
use super::flusher;
use super::scratch::Wire;
use super::session::{Session, Side};
use super::sink::TlsSink;
use super::source::TlsSource;
use crate::buffer::READ_AHEAD;
use crate::socket::{Discarded, Socket};
use crate::state::{LEFT, LOST, SOURCE_DROPPED, Slot, lost, not_connected};
use crate::timer::within;

/// Most that one call takes in during the handshake: a message of it is a chain of certificates at most,
/// and this bounds what a stranger's may take.
const HANDSHAKE: usize = 32 * 1024;
/// A client that was refused is read from so many times while it takes in why.
pub(super) const PATIENCE: u8 = 16;

pub(super) struct TlsStream {
    pub(super) socket: Arc<Socket>,
    inner: Mutex<Inner>,
    pub(super) wakers: Arc<Wakers>,
    /// Wakes all of them.
    news: Waker,
}

/// Where plaintext goes.
type Deliver<'a> = &'a mut dyn FnMut(&[u8]);

struct Inner {
    session: Session,
    /// Plaintext that came while somebody else than the reader received.
    stash: Vec<u8>,
    /// Somebody is in the middle of a call of the system's.
    receiving: bool,
    sending: bool,
    /// Somebody waits until it is through.
    awaited: bool,
    /// Nothing more will be written: the end goes out behind what is left.
    finished: bool,
    sink_dropped: bool,
    /// A job sees to what is left over.
    flushing: bool,
}

/// Who waits. Apart from the stream, since the reactor holds it.
#[derive(Default)]
pub(super) struct Wakers {
    pub(super) reader: Slot,
    pub(super) writer: Slot,
    pub(super) flusher: Slot,
}

impl Wakers {
    fn wake_all(&self) {
        self.reader.wake();
        self.writer.wake();
        self.flusher.wake();
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }
}

/// The connection over a stream. `explains`: whether a client that is refused gets the time to learn why.
pub(super) fn connection(
    stream: Arc<TlsStream>,
    peer: Endpoint,
    options: &Options,
    explains: bool,
) -> Connection {
    let capacity = options.capacity(options.port()).clamp(1, READ_AHEAD);
    let control = TlsControl::of(&stream);
    Connection {
        source: Box::new(TlsSource::new(
            stream.clone(),
            capacity,
            options.spin(),
            explains,
        )),
        sink: Box::new(TlsSink::new(stream)),
        control: Arc::new(control),
        peer,
        carrier: Carrier::Bytes,
    }
}

/// What an attempt to send came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    /// The system takes no more now.
    Blocked,
    /// Another thread is at it, and sees to it that all leaves or somebody is told.
    Elsewhere,
}

/// What an attempt to receive came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Something,
    Nothing,
    /// Another thread is at it, and wakes who waits.
    Elsewhere,
    /// The peer's end.
    End,
}

impl TlsStream {
    pub(super) fn new(socket: Arc<Socket>, side: Side) -> Arc<TlsStream> {
        let wakers = Arc::<Wakers>::default();
        let mut session = Session::new(side);
        session.start();
        Arc::new(TlsStream {
            socket,
            inner: Mutex::new(Inner {
                session,
                stash: Vec::new(),
                receiving: false,
                sending: false,
                awaited: false,
                finished: false,
                sink_dropped: false,
                flushing: false,
            }),
            news: Waker::from(wakers.clone()),
            wakers,
        })
    }

    pub(super) fn news(&self) -> Context<'_> {
        Context::from_waker(&self.news)
    }

    /// Ready when the handshake is done. Both halves may be at it at once.
    pub(super) fn poll_established(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        slot: &Slot,
    ) -> Poll<io::Result<()>> {
        slot.set(cx.waker());
        loop {
            if let Some(error) = self.socket.state.left() {
                return Poll::Ready(Err(error));
            }
            self.flush_soon();
            let inner = self.inner.lock();
            if let Some(error) = inner.session.failure() {
                return Poll::Ready(Err(error.clone().into()));
            }
            if inner.session.is_established() {
                return Poll::Ready(Ok(()));
            }
            drop(inner);
            match self.receive(HANDSHAKE, None)? {
                Received::Something => {}
                Received::Nothing => match self.socket.poll_inbound(&mut self.news()) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => return Poll::Pending,
                },
                Received::Elsewhere => return Poll::Pending,
                Received::End => return Poll::Ready(Err(TlsError::Left.into())),
            }
        }
    }

    /// Waits until the handshake is done, no longer than `limit`.
    pub(super) async fn established(self: &Arc<Self>, limit: Duration) -> io::Result<()> {
        within(limit, |cx| self.poll_established(cx, &self.wakers.reader))
            .await
            .unwrap_or_else(|| Err(TlsError::Silent(limit).into()))
    }

    /// After a handshake that failed for the peer's certificate: gives it time to learn so. If the socket
    /// were closed before the peer has ended its stream, with bytes of it unread, the reset might destroy
    /// what it was told.
    pub(super) fn poll_explained(&self, cx: &mut Context<'_>, patience: &mut u8) -> Poll<()> {
        if !self.failure().is_some_and(|error| error.is_refusal()) {
            return Poll::Ready(());
        }
        while *patience > 0 {
            match self.socket.discard() {
                Discarded::All => break,
                Discarded::Some => *patience -= 1,
                Discarded::Nothing => match self.socket.poll_inbound(cx) {
                    Poll::Ready(Ok(())) if !self.socket.state.has_any(LEFT) => {}
                    Poll::Ready(_) => break,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
        *patience = 0;
        Poll::Ready(())
    }

    /// As [`poll_explained`](TlsStream::poll_explained), no longer than `limit`.
    pub(super) async fn explain_to_peer(&self, limit: Duration) {
        let mut patience = PATIENCE;
        within(limit, |cx| self.poll_explained(cx, &mut patience)).await;
    }

    /// Takes in what has come, if something has: one call of the system's, of at most `room` bytes.
    /// Plaintext goes to `deliver`, at most [`READ_AHEAD`] bytes, or is kept for who asks next.
    pub(super) fn receive(
        self: &Arc<Self>,
        room: usize,
        mut deliver: Option<Deliver<'_>>,
    ) -> io::Result<Received> {
        let mut inner = self.inner.lock();
        if let Some(deliver) = &mut deliver
            && !inner.stash.is_empty()
        {
            let stash = std::mem::take(&mut inner.stash);
            drop(inner);
            deliver(&stash);
            return Ok(Received::Something);
        }
        if inner.receiving {
            inner.awaited = true;
            return Ok(Received::Elsewhere);
        }
        if let Some(error) = inner.session.failure() {
            return Err(error.clone().into());
        }
        if inner.session.has_ended() {
            return Ok(Received::End);
        }
        let have = inner.session.undigested();
        if have >= room {
            inner.session.too_large();
            return Err(self.failed(inner));
        }
        let was_established = inner.session.is_established();
        inner.receiving = true;
        drop(inner);
        let mut wire = Wire::take();
        let result = self.socket.read_one(&mut wire.bytes()[have..room]);
        let mut inner = self.inner.lock();
        inner.receiving = false;
        let outcome = match result {
            Ok(0) if self.socket.state.has_any(LOST) => Err(lost()),
            Ok(0) => {
                inner.session.end_of_input();
                Ok(Received::Something)
            }
            Ok(n) => {
                let wire = &mut wire.bytes()[..have + n];
                let Inner { session, stash, .. } = &mut *inner;
                match deliver {
                    Some(deliver) => session.receive(wire, have, deliver),
                    None => {
                        session.receive(wire, have, &mut |bytes| stash.extend_from_slice(bytes));
                    }
                }
                Ok(Received::Something)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Received::Nothing),
                io::ErrorKind::Interrupted => Ok(Received::Something),
                _ => Err(self.socket.state.note(error)),
            },
        };
        if inner.session.failure().is_some() {
            self.socket.state.set(LOST);
        }
        let is_news =
            inner.session.failure().is_some() || inner.session.is_established() != was_established;
        let wake = std::mem::take(&mut inner.awaited) || is_news;
        let send = !inner.session.outgoing.is_empty() || is_news;
        let (end, stashed) = (inner.finished, !inner.stash.is_empty());
        drop(inner);
        if send && end {
            self.settle();
        } else if send {
            self.flush_soon();
        }
        if stashed {
            // It may sleep at the socket, where there is nothing any more.
            self.socket.state.call_reader();
        }
        if wake {
            self.wakers.wake_all();
        }
        outcome
    }

    fn failed(&self, inner: MutexGuard<'_, Inner>) -> io::Error {
        self.socket.state.set(LOST);
        match inner.session.failure() {
            Some(error) => error.clone().into(),
            None => lost(),
        }
    }

    /// Why nothing more is received, if TLS knows.
    pub(super) fn failure(&self) -> Option<TlsError> {
        self.inner.lock().session.failure().cloned()
    }

    /// After a failed write: what the peer has said before it left says more than that it has.
    pub(super) fn explain(self: &Arc<Self>, error: io::Error) -> io::Error {
        let empty = self.inner.lock().stash.is_empty();
        if empty && self.failure().is_none() {
            let _ = self.receive(READ_AHEAD, None);
        }
        match self.failure() {
            Some(reason @ TlsError::Refused(_)) => reason.into(),
            _ => error,
        }
    }

    /// Seals what fits and gives it to the system; `None` if something lies before it. What the system
    /// does not take leaves in the background, or ahead of the next.
    pub(super) fn send(self: &Arc<Self>, bufs: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let mut inner = self.inner.lock();
        if inner.finished {
            return Err(not_connected("this side has finished writing"));
        }
        if inner.sending {
            inner.awaited = true;
            return Ok(None);
        }
        if !inner.session.outgoing.is_empty() {
            return Ok(None);
        }
        let mut wire = Wire::take();
        let (out, gathered) = wire.split();
        let (taken, used) = inner.session.seal(bufs, out, gathered)?;
        let (mut inner, sent) = self.transmit(inner, &out[..used]);
        let wake = std::mem::take(&mut inner.awaited);
        let (rest, end) = (!inner.session.outgoing.is_empty(), inner.finished);
        drop(inner);
        if wake {
            self.wakers.wake_all();
        }
        if end {
            self.settle();
        } else if sent? == Sent::Blocked {
            self.flush_later();
        } else if rest {
            self.flush_soon();
        }
        Ok(Some(taken))
    }

    /// Gives the system what it takes of `bytes` at once; the rest goes to the head of what is outgoing.
    fn transmit<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        bytes: &[u8],
    ) -> (MutexGuard<'a, Inner>, io::Result<Sent>) {
        inner.sending = true;
        drop(inner);
        let result = loop {
            match self.socket.write(&[IoSlice::new(bytes)]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let mut inner = self.inner.lock();
        inner.sending = false;
        let sent = match result {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                // Nothing leaves any more.
                inner.session.outgoing = Vec::new();
                return (inner, Err(self.socket.state.note(error)));
            }
        };
        let rest = &bytes[sent..];
        if rest.is_empty() {
            return (inner, Ok(Sent::All));
        }
        inner.session.outgoing.splice(0..0, rest.iter().copied());
        (inner, Ok(Sent::Blocked))
    }

    /// Gives the system what it takes at once of what is outgoing.
    pub(super) fn flush(&self) -> io::Result<Sent> {
        let mut inner = self.inner.lock();
        let result = loop {
            if inner.sending {
                inner.awaited = true;
                return Ok(Sent::Elsewhere);
            }
            if inner.session.outgoing.is_empty() {
                break Ok(Sent::All);
            }
            let bytes = std::mem::take(&mut inner.session.outgoing);
            let (again, sent) = self.transmit(inner, &bytes);
            inner = again;
            if !matches!(sent, Ok(Sent::All)) {
                break sent;
            }
        };
        let wake = std::mem::take(&mut inner.awaited);
        drop(inner);
        if wake {
            self.wakers.wake_all();
        }
        result
    }

    /// As [`flush`](TlsStream::flush); what is left then leaves in the background.
    fn flush_soon(self: &Arc<Self>) {
        // If the connection is broken, whoever reads or writes next hears of it.
        if let Ok(Sent::Blocked) = self.flush() {
            self.flush_later();
        }
    }

    pub(super) fn flush_later(self: &Arc<Self>) {
        if !std::mem::replace(&mut self.inner.lock().flushing, true) {
            flusher::start(self.clone());
        }
    }

    /// Whether the job that flushes may end: nothing is left, and whoever leaves something from now on
    /// starts another.
    pub(super) fn end_flusher(&self, give_up: bool) -> bool {
        let mut inner = self.inner.lock();
        if give_up {
            inner.session.outgoing = Vec::new();
        }
        if inner.sending || !inner.session.outgoing.is_empty() {
            return false;
        }
        inner.flushing = false;
        true
    }

    /// Ready when nothing is left of what was sealed before.
    pub(super) fn poll_sent(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wakers.writer.set(cx.waker());
        loop {
            match self.flush()? {
                Sent::All => return Poll::Ready(Ok(())),
                Sent::Elsewhere => return Poll::Pending,
                Sent::Blocked => match self.socket.poll_outbound(&mut self.news()) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => return Poll::Pending,
                },
            }
            if let Some(error) = self.socket.state.left() {
                return Poll::Ready(Err(error));
            }
        }
    }

    /// The end of the outbound stream; with `notify`, the orderly one. Never blocks.
    pub(super) fn finish(self: &Arc<Self>, notify: bool) {
        let mut inner = self.inner.lock();
        if !std::mem::replace(&mut inner.finished, true) && notify {
            inner.session.close();
        }
        drop(inner);
        self.settle();
    }

    /// Once nothing more will be written: sends what is left, then the end of the connection's stream;
    /// in the background, what cannot leave now.
    pub(super) fn settle(self: &Arc<Self>) {
        let inner = self.inner.lock();
        if !inner.finished {
            return;
        }
        // The orderly end is said once the handshake is done, and the reader brings that forward.
        let reads = !self.socket.state.has_any(LEFT | SOURCE_DROPPED);
        if reads && !inner.session.is_established() && inner.session.failure().is_none() {
            return;
        }
        drop(inner);
        match self.flush() {
            // Whoever sends elsewhere may have more to do than to see to the end.
            Ok(Sent::Blocked | Sent::Elsewhere) => {
                self.flush_later();
                // It looks at the clock from now on, if nobody is there any more.
                self.wakers.flusher.wake();
            }
            Ok(Sent::All) | Err(_) => self.end(),
        }
    }

    /// All that was to leave has left.
    pub(super) fn end(&self) {
        let inner = self.inner.lock();
        let (finished, dropped) = (inner.finished, inner.sink_dropped);
        drop(inner);
        if dropped {
            self.socket.sink_dropped();
        } else if finished {
            // It fails only if the connection is broken already.
            let _ = self.socket.finish();
            self.socket.discard_if_due(false);
        }
    }

    /// Whether nobody of this side is there any more: the time to linger runs.
    pub(super) fn is_deserted(&self) -> bool {
        let state = &self.socket.state;
        state.has_any(LEFT) || state.has_any(SOURCE_DROPPED) && self.inner.lock().finished
    }

    /// Whether another thread is in the middle of receiving; then it wakes all when it is through.
    pub(super) fn is_receiving(&self) -> bool {
        let mut inner = self.inner.lock();
        inner.awaited |= inner.receiving;
        inner.receiving
    }

    pub(super) fn sink_dropped(self: &Arc<Self>) {
        self.inner.lock().sink_dropped = true;
        self.wakers.writer.clear();
        self.finish(true);
    }

    pub(super) fn source_dropped(self: &Arc<Self>) {
        self.wakers.reader.clear();
        self.socket.source_dropped();
        self.settle();
    }

    /// Everybody's next call says that this side has disconnected; whoever waits is woken.
    pub(super) fn leave(&self) {
        let state = &self.socket.state;
        state.set(LEFT);
        state.call_reader();
        state.outbound.wake();
        self.wakers.wake_all();
    }
}
