//! The writer's half.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::outbound::Outbound;
use super::{FINISHED, LEFT, SINK_DROPPED, STOPPED, Shared, not_connected};
use crate::transport::Sink;

/// A writer that never has to wait looks at the peer's news once in so many calls of the carrier's. A
/// task that only writes, to a peer that discards, would not hear of its going otherwise before the carrier is
/// torn down. Each look costs a read of the carrier that finds nothing.
const LOOK_EVERY: u32 = 16;

/// Sends each write as one record.
///
/// The blocking forms are the trait's own, which park on a waker: see the module's documentation.
pub(super) struct RecordSink {
    shared: Arc<Shared>,
    /// Calls of the carrier's by the last write, and by the last look.
    calls: u32,
    looked: u32,
}

impl RecordSink {
    pub(super) fn new(shared: Arc<Shared>) -> RecordSink {
        RecordSink {
            shared,
            calls: 0,
            looked: 0,
        }
    }

    /// Tries, leaves the waker, tries again, and then looks whether the peer still reads.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl Fn(&mut Outbound, &Shared, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        // Most attempts succeed. A waker that was left for one that did would be woken for nothing,
        // with everything that comes inbound.
        if let Poll::Ready(result) = self.attempt(&attempt) {
            return Poll::Ready(self.judge(result));
        }
        self.shared.wakers.writer.set(cx.waker());
        if let Poll::Ready(result) = self.attempt(&attempt) {
            return Poll::Ready(self.judge(result));
        }
        let shared = &self.shared;
        shared.look_and_answer(true);
        let refusal = shared.outbound.lock().refusal(shared);
        match refusal {
            Some(error) => Poll::Ready(self.judge(Err(error))),
            None => Poll::Pending,
        }
    }

    fn attempt<T>(
        &mut self,
        attempt: impl Fn(&mut Outbound, &Shared, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut cx = Context::from_waker(&self.shared.outbound_news);
        let mut out = self.shared.outbound.lock();
        let poll = attempt(&mut out, &self.shared, &mut cx);
        // What the carrier left of a record leaves also if no further call comes. A job that runs
        // may wait for room that this very attempt has used: then nobody else wakes it, not even to learn
        // that there is nothing left to wait for. After `Pending`, the carrier does.
        let calls = out.calls;
        let deprived = out.waits_for_carrier && poll.is_ready();
        // Else a job that runs comes by for what is held.
        let comes_by = out.lingering && (out.held_since().is_some() || poll.is_pending());
        if deprived || out.pending() > 0 && !comes_by {
            self.shared.linger_on(out);
        }
        self.calls = calls;
        poll
    }

    /// When the carrier refuses, the reason may have arrived already: a peer that has stopped
    /// reading in an orderly way is not a lost one.
    fn judge<T>(&self, result: io::Result<T>) -> io::Result<T> {
        let Err(error) = result else { return result };
        if error.kind() == io::ErrorKind::NotConnected {
            return Err(error);
        }
        if !self.shared.has_any(STOPPED) {
            self.shared.look_and_answer(false);
        }
        let out = self.shared.outbound.lock();
        let error = out.refusal(&self.shared).unwrap_or(error);
        drop(out);
        // A loss may be that there never was a channel, and the inbound stream says why.
        let refused = match error.kind() {
            io::ErrorKind::ConnectionReset => self.shared.inbound.lock().refusal(),
            _ => None,
        };
        Err(refused.unwrap_or(error))
    }
}

impl Sink for RecordSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(match self.shared.outbound.lock().refusal(&self.shared) {
                Some(error) => Err(error),
                None => Ok(0),
            });
        }
        if self.calls.wrapping_sub(self.looked) >= LOOK_EVERY {
            self.looked = self.calls;
            self.shared.look_and_answer(false);
        }
        self.poll_with(cx, |out, shared, cx| out.poll_write(shared, cx, bufs))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_with(cx, Outbound::poll_flush)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.shared.has_any(LEFT) {
            return Err(not_connected("this side has disconnected"));
        }
        self.shared.set(FINISHED);
        self.shared.settle();
        match self.shared.outbound.lock().refusal(&self.shared) {
            // A peer that reads no more misses nothing by the end.
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for RecordSink {
    fn drop(&mut self) {
        self.shared.set(FINISHED | SINK_DROPPED);
        self.shared.settle();
        // Its waker is not kept for the time that the rest lingers.
        self.shared.wakers.writer.wake();
    }
}
