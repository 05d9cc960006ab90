//! A channel's end as the mux sees it: the far ends of its user's two pipes.

use std::io::{IoSlice, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use channel::pipe::{PipeReader, PipeWriter};
use channel::transport::{Receipt, Sink, Source};
use link_mux::{End, Mux, Pull, Reading, Session, Stream};
use parking_lot::Mutex;

use crate::state::{Ends, READING, STREAM, State};

/// Ends that the mux was told of: they leave with what is being sent.
#[derive(Clone, Default)]
pub(crate) struct Departing(Arc<Mutex<Vec<Departure>>>);

struct Departure {
    state: Arc<State>,
    what: u8,
    /// It is out of the mux, and has left when all before this mark has arrived.
    mark: Option<u64>,
}

impl Departing {
    fn push(&self, state: &Arc<State>, what: u8) {
        self.0.lock().push(Departure {
            state: state.clone(),
            what,
            mark: None,
        });
    }

    /// What was transmitted so far is out of this process.
    pub(crate) fn sent(&self, session: &mut Session<ChannelStream>) {
        self.0.lock().retain_mut(|departure| {
            let state = &departure.state;
            if departure.mark.is_none() && !is_due(session.mux(), state) {
                departure.mark = Some(session.mark());
            }
            let left = departure.mark.is_some_and(|mark| session.has_arrived(mark));
            if left {
                state.has_left(departure.what);
            }
            !left
        });
    }

    /// Nothing leaves any more.
    pub(crate) fn over(&self) {
        for departure in self.0.lock().drain(..) {
            departure.state.has_left(departure.what);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// Whether the mux has yet to send something of this channel beside its bytes.
fn is_due(mux: &Mux<ChannelStream>, state: &Arc<State>) -> bool {
    let Some(&id) = state.toucher.id.get() else {
        return false;
    };
    // The id may be another channel's by now.
    let same = |stream: &ChannelStream| Arc::ptr_eq(&stream.state, state);
    mux.has_due(id) && mux.stream(id).is_some_and(same)
}

pub(crate) struct ChannelStream {
    /// `None`: the peer reads no more.
    outbound: Option<PipeReader>,
    inbound: PipeWriter,
    state: Arc<State>,
    waker: Waker,
    capacity: u32,
    /// Taken from the outbound pipe.
    pulled: u64,
    /// Put into the inbound pipe.
    pushed: u64,
    /// Read by the application, as of the last look.
    read: u64,
    /// The inbound pipe will wake us when its reading is over.
    watching: bool,
    /// The peer's stream has ended, or the peer is lost.
    finished: bool,
    /// The mux has the end of the outbound stream.
    end_pulled: bool,
    /// The mux has the end of the reading.
    over_told: bool,
    departing: Departing,
}

impl ChannelStream {
    pub(crate) fn new(ends: Ends, departing: Departing) -> ChannelStream {
        let Ends {
            outbound,
            inbound,
            state,
        } = ends;
        ChannelStream {
            outbound: Some(outbound),
            // No pipe is larger than 2^30.
            capacity: u32::try_from(inbound.capacity()).unwrap_or(u32::MAX),
            inbound,
            waker: Waker::from(state.toucher.clone()),
            state,
            pulled: 0,
            pushed: 0,
            read: 0,
            watching: false,
            finished: false,
            end_pulled: false,
            over_told: false,
            departing,
        }
    }

    /// The waker was woken.
    pub(crate) fn woken(&mut self) {
        self.watching = false;
    }

    fn pulled(&mut self, end: End) -> Pull {
        if !self.end_pulled {
            self.end_pulled = true;
            self.departing.push(&self.state, STREAM);
        }
        Pull::End(end)
    }

    /// How far the application has read, as a figure that does not wrap.
    fn read_so_far(&mut self) -> u64 {
        let news = (self.state.inbound.read() as usize).wrapping_sub(self.read as usize);
        self.read += news as u64;
        self.read
    }

    fn over(&mut self, end: End) -> Reading {
        if !self.over_told {
            self.over_told = true;
            self.departing.push(&self.state, READING);
        }
        let read = self.read_so_far();
        Reading::Over { read, end }
    }

    /// No more is taken from the user; how much that is in all.
    fn stop_outbound(&mut self, end: End) -> u64 {
        if end == End::Abort {
            self.state.outbound.abort_reading();
        }
        // Its drop decides how much was taken, and then it can be told where the stream ends.
        self.outbound = None;
        let rest = self
            .state
            .outbound
            .poll_receipt(&mut Context::from_waker(Waker::noop()));
        let unread = match rest {
            Poll::Ready(Receipt::Partial { unread, .. }) => unread,
            _ => 0,
        };
        self.pulled + unread
    }

    fn end_all(&mut self) {
        if self.outbound.is_some() {
            self.stop_outbound(End::Abort);
            self.state.set_peer_lost();
            self.state.set_receipt(Receipt::Unknown);
        }
        self.finish(End::Abort);
    }
}

impl Stream for ChannelStream {
    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        let Some(reader) = &mut self.outbound else {
            return self.pulled(End::Orderly);
        };
        let mut cx = Context::from_waker(&self.waker);
        let poll = match out {
            [] => reader.poll_fill(&mut cx).map_ok(|n| (n, 0)),
            _ => {
                let poll = reader.poll_read(&mut cx, &mut [IoSliceMut::new(out)]);
                poll.map_ok(|n| (n, n))
            }
        };
        match poll {
            Poll::Pending => Pull::Empty,
            Poll::Ready(Ok((0, _))) => self.pulled(End::Orderly),
            Poll::Ready(Ok((_, taken))) => {
                self.pulled += taken as u64;
                Pull::Bytes(taken)
            }
            Poll::Ready(Err(_)) => self.pulled(End::Abort),
        }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        let mut cx = Context::from_waker(&self.waker);
        while !bytes.is_empty() {
            match self.inbound.poll_write(&mut cx, &[IoSlice::new(bytes)]) {
                Poll::Ready(Ok(n)) => {
                    self.pushed += n as u64;
                    bytes = &bytes[n..];
                }
                // The user reads no more: nobody misses them.
                Poll::Ready(Err(_)) => return,
                // The mux lets nobody send more than fits.
                Poll::Pending => {
                    debug_assert!(false, "bytes beyond the credit");
                    return;
                }
            }
        }
    }

    fn finish(&mut self, end: End) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        if end == End::Abort {
            self.state.set_peer_lost();
            self.state.inbound.abort_writing();
        }
        // Of a writer it is known at once where its stream ends.
        let _ = self.inbound.finish();
    }

    fn reading(&mut self, wanted: Option<u32>) -> Reading {
        let state = self.state.clone();
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        if self.finished || !self.watching || state.inbound.is_abandoned() {
            self.watching = true;
            // Of a reader that has stopped it can take a moment to say how far it came.
            if state.inbound.poll_receipt(&mut cx).is_ready() {
                let abort = state.inbound.is_reader_aborted();
                return self.over(if abort { End::Abort } else { End::Orderly });
            }
        }
        if let Some(wanted) = wanted {
            let read = self.read_so_far();
            let fill = self.pushed.saturating_sub(read);
            let vacant = u64::from(self.capacity).saturating_sub(fill);
            let room = vacant.saturating_add(u64::from(wanted));
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            // What there is by now is in the figure below.
            let _ = self.inbound.poll_room(&mut cx, room);
        }
        Reading::On {
            read: self.read_so_far(),
        }
    }

    fn stopped(&mut self, read: u64, end: End) {
        if self.outbound.is_none() {
            return;
        }
        let written = self.stop_outbound(end);
        if end == End::Abort {
            self.state.set_peer_lost();
        }
        self.state.set_receipt(match written.saturating_sub(read) {
            0 => Receipt::Complete,
            unread => Receipt::Partial { read, unread },
        });
        // It is not pulled any more.
        self.pulled(end);
    }

    fn lost(&mut self) {
        self.end_all();
        self.state.has_left(STREAM | READING);
    }
}

impl Drop for ChannelStream {
    // A channel that is closed has ended on both sides by now; any other is lost. Who reads no more was not told how
    // the other side ended.
    fn drop(&mut self) {
        self.finished |= self.over_told && self.outbound.is_none();
        self.end_all();
        self.departing.push(&self.state, STREAM | READING);
    }
}
