//! The outbound half, with the flaws that lie there.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use channel::transport::{Control, Disconnect, Sink};

use crate::control::BadControl;
use crate::end::{locked, quiet, spoilt, wait};
use crate::flaw::Flaw;

use crate::transport::{Pair, State};

pub struct BadSink {
    pub inner: Box<dyn Sink>,
    pub control: Arc<BadControl>,
    pub state: Arc<State>,
    pub pair: Arc<Pair>,
    pub end: usize,
}

impl BadSink {
    fn waker(&self, waker: &Waker) -> Waker {
        match self.state.flaw {
            Flaw::ForgetsToWakeWrites => Waker::noop().clone(),
            Flaw::ForgetsToWakeTheAcceptorsWrites if self.end == 1 => Waker::noop().clone(),
            Flaw::WakesUnderALock => locked(waker, &self.pair, self.end),
            Flaw::DisconnectLeavesOwnWriteAsleep => quiet(waker, &self.pair, self.end),
            _ => waker.clone(),
        }
    }

    /// Whether another connection holds up this one.
    fn is_stalled(&self) -> bool {
        let by = self.state.stalls.load(SeqCst);
        by != 0 && by != self.pair.number
    }
}

impl Sink for BadSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let flaw = self.state.flaw;
        if flaw == Flaw::OneStallsAll && self.is_stalled() {
            return Poll::Pending;
        }
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        let own = &self.pair.ends[self.end];
        own.offered.fetch_add(all as u64, SeqCst);
        let waker = self.waker(cx.waker());
        let many = flaw == Flaw::LosesTheLastOfManySlices && bufs.len() >= 5;
        let kept = &bufs[..bufs.len() - usize::from(many)];
        let kept_size: usize = kept.iter().map(|buf| buf.len()).sum();
        let poll = self
            .inner
            .poll_write(&mut Context::from_waker(&waker), kept);
        if let Poll::Ready(Ok(n)) = poll {
            own.written.fetch_add(n as u64, SeqCst);
            if many && n == kept_size {
                return Poll::Ready(Ok(all));
            }
        }
        if flaw == Flaw::WakesForNothing && poll.is_pending() {
            cx.waker().wake_by_ref();
        }
        if flaw == Flaw::OneStallsAll {
            let stalls = if poll.is_pending() {
                self.pair.number
            } else {
                0
            };
            self.state.stalls.store(stalls, SeqCst);
        }
        match (flaw, poll) {
            (Flaw::DropsWhatDoesNotFit, Poll::Pending) => Poll::Ready(Ok(all)),
            (Flaw::WritesForEver, Poll::Ready(Err(error)))
                if error.kind() == io::ErrorKind::BrokenPipe =>
            {
                Poll::Ready(Ok(all))
            }
            (Flaw::HidesALoss, Poll::Ready(Err(error)))
                if error.kind() == io::ErrorKind::ConnectionReset =>
            {
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            (_, poll) => poll,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.state.flaw == Flaw::FinishBlocks {
            wait(200);
        }
        self.pair.ends[self.end].finished.store(true, SeqCst);
        let finished = self.inner.finish();
        if self.state.flaw == Flaw::FinishClosesBoth {
            self.control.disconnect(Disconnect::Orderly);
        }
        finished
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let until = spoilt(until, self.state.flaw, self.end, false);
        ByDefault(self).write(bufs, until)
    }
}

/// The trait's own blocking form.
struct ByDefault<'a>(&'a mut BadSink);

impl Sink for ByDefault<'_> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.finish()
    }
}
