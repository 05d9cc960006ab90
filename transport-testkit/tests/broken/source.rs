//! The inbound half, with the flaws that lie there.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use channel::transport::Source;

use crate::flaw::Flaw;
use crate::transport::{Pair, State};

pub struct BadSource {
    inner: Option<Box<dyn Source>>,
    state: Arc<State>,
    pair: Arc<Pair>,
    end: usize,
    /// What was taken out to be changed.
    buf: Vec<u8>,
    start: usize,
    waits: AtomicUsize,
    chunks: usize,
}

/// A waker that keeps quiet once the end `of` has left.
struct Quiet {
    waker: Waker,
    pair: Arc<Pair>,
    of: usize,
}

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        if !self.pair.left[self.of].load(SeqCst) {
            self.waker.wake_by_ref();
        }
    }
}

pub fn quiet(waker: &Waker, pair: &Arc<Pair>, of: usize) -> Waker {
    Waker::from(Arc::new(Quiet {
        waker: waker.clone(),
        pair: pair.clone(),
        of,
    }))
}

/// Half of what is left until then.
pub fn early(until: Option<Instant>, early: bool) -> Option<Instant> {
    let now = Instant::now();
    match until {
        Some(until) if early => now.checked_add(until.saturating_duration_since(now) / 2),
        until => until,
    }
}

pub fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl BadSource {
    pub fn new(
        inner: Box<dyn Source>,
        state: Arc<State>,
        pair: Arc<Pair>,
        end: usize,
    ) -> BadSource {
        BadSource {
            inner: Some(inner),
            state,
            pair,
            end,
            buf: Vec::new(),
            start: 0,
            waits: AtomicUsize::new(0),
            chunks: 0,
        }
    }

    fn inner(&mut self) -> &mut dyn Source {
        self.inner.as_deref_mut().expect("there until the drop")
    }

    /// The waker that is left for the bytes.
    fn waker(&self, waker: &Waker) -> Waker {
        match self.state.flaw {
            Flaw::ForgetsToWakeReads if self.waits.fetch_add(1, SeqCst) % 5 == 4 => {
                Waker::noop().clone()
            }
            Flaw::DisconnectLeavesOwnReadAsleep => quiet(waker, &self.pair, self.end),
            Flaw::DisconnectLeavesFarReadAsleep => quiet(waker, &self.pair, 1 - self.end),
            _ => waker.clone(),
        }
    }

    /// Takes `n` bytes out and changes them.
    fn take(&mut self, n: usize) -> usize {
        let mut chunk = self.inner().filled()[..n].to_vec();
        self.inner().consume(n);
        self.chunks += 1;
        match self.state.flaw {
            Flaw::DoublesAByte if self.chunks == 3 => chunk.insert(0, chunk[0]),
            Flaw::SwapsTwoBytes if self.chunks.is_multiple_of(3) => {
                let last = chunk.len() - 1;
                chunk.swap(0, last);
            }
            Flaw::MixesChannels => {
                let mut last = self.state.last.lock();
                if let Some((number, byte)) = *last
                    && number != self.pair.number
                {
                    chunk[0] = byte;
                }
                *last = chunk.last().map(|byte| (self.pair.number, *byte));
            }
            Flaw::LosesTheLastByte if self.pair.left[1 - self.end].load(SeqCst) => {
                let mut cx = Context::from_waker(Waker::noop());
                if matches!(self.inner().poll_fill(&mut cx), Poll::Ready(Ok(0))) {
                    chunk.pop();
                }
            }
            _ => {}
        }
        self.buf = chunk;
        self.start = 0;
        self.buf.len()
    }
}

impl Source for BadSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let peer = 1 - self.end;
        let left = self.pair.left[peer].load(SeqCst);
        if self.pair.destroyed[peer].load(SeqCst) {
            return Poll::Ready(Err(reset()));
        }
        if self.state.flaw == Flaw::EndsEarly && left {
            return Poll::Ready(Ok(0));
        }
        if self.start < self.buf.len() {
            return Poll::Ready(Ok(self.buf.len() - self.start));
        }
        let waker = self.waker(cx.waker());
        let poll = self.inner().poll_fill(&mut Context::from_waker(&waker));
        match (self.state.flaw, poll) {
            (Flaw::HidesALoss, Poll::Ready(Err(_))) => Poll::Ready(Ok(0)),
            (Flaw::InventsALoss, Poll::Ready(Ok(0))) if left => Poll::Ready(Err(reset())),
            (flaw, Poll::Ready(Ok(n))) if n > 0 && flaw.tampers() => Poll::Ready(Ok(self.take(n))),
            (_, poll) => poll,
        }
    }

    fn filled(&self) -> &[u8] {
        match &self.inner {
            Some(inner) if !self.state.flaw.tampers() => inner.filled(),
            _ => &self.buf[self.start..],
        }
    }

    fn consume(&mut self, n: usize) {
        if self.state.flaw.tampers() {
            self.start += n;
        } else {
            self.inner().consume(n);
        }
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        let until = early(until, self.state.flaw == Flaw::ReadsTimeOutEarly);
        ByDefault(self).read(out, until)
    }
}

/// The trait's own blocking form.
struct ByDefault<'a>(&'a mut BadSource);

impl Source for ByDefault<'_> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.0.poll_fill(cx)
    }

    fn filled(&self) -> &[u8] {
        self.0.filled()
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }
}

impl Drop for BadSource {
    fn drop(&mut self) {
        if self.state.flaw == Flaw::HidesADroppedReader {
            std::mem::forget(self.inner.take());
        }
    }
}
