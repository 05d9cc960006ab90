//! The inbound half, with the flaws that lie there.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use channel::transport::Source;

use crate::end::{locked, quiet, spoilt, wait};
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
    /// How often an end or a loss was told.
    ends: usize,
    hides: bool,
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
            ends: 0,
            hides: false,
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
            Flaw::DiallersDisconnectLeavesItsReadAsleep if self.end == 0 => {
                quiet(waker, &self.pair, 0)
            }
            Flaw::WakesUnderALock => locked(waker, &self.pair, self.end),
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
            Flaw::SpoilsLongStreams => {
                let own = &self.pair.ends[self.end];
                let from = own.consumed.fetch_add(n as u64, SeqCst);
                if from + n as u64 > 1 << 24 {
                    chunk[n - 1] ^= 1;
                }
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
        self.hides = false;
        let own = &self.pair.ends[self.end];
        if let Poll::Ready(Ok(n)) = poll {
            own.lent.store(own.consumed.load(SeqCst) + n as u64, SeqCst);
        }
        if let Poll::Ready(Ok(0) | Err(_)) = poll {
            self.ends += 1;
        }
        match (self.state.flaw, poll) {
            (Flaw::WakesForNothing, Poll::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (Flaw::PollsBlock, Poll::Pending) => {
                if self.waits.fetch_add(1, SeqCst) % 16 == 15 {
                    wait(20);
                }
                Poll::Pending
            }
            (Flaw::EndsThenFails, Poll::Ready(Ok(0))) if self.ends > 30 => {
                Poll::Ready(Err(reset()))
            }
            (Flaw::LosesThenEnds, Poll::Ready(Err(_))) if self.ends > 30 => Poll::Ready(Ok(0)),
            (Flaw::HidesALoss, Poll::Ready(Err(_))) => Poll::Ready(Ok(0)),
            (Flaw::InventsALoss, Poll::Ready(Ok(0))) if left => Poll::Ready(Err(reset())),
            (flaw, Poll::Ready(Ok(n))) if n > 0 && flaw.tampers() => Poll::Ready(Ok(self.take(n))),
            (_, poll) => poll,
        }
    }

    fn filled(&self) -> &[u8] {
        match &self.inner {
            _ if self.hides => &[],
            Some(inner) if !self.state.flaw.tampers() => inner.filled(),
            _ => &self.buf[self.start..],
        }
    }

    fn consume(&mut self, n: usize) {
        if self.state.flaw.tampers() {
            self.start += n;
        } else {
            self.pair.ends[self.end]
                .consumed
                .fetch_add(n as u64, SeqCst);
            self.inner().consume(n);
            self.hides = self.state.flaw == Flaw::HidesTheRest && n > 0;
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let read = ByDefault(self).poll_read(cx, out);
        if let (Flaw::SwapsTheLastOfManySlices, [_, _, .., a, b]) = (self.state.flaw, out) {
            let n = a.len().min(b.len());
            a[..n].swap_with_slice(&mut b[..n]);
        }
        read
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        let pair = self.pair.clone();
        let _held = match self.state.flaw {
            Flaw::ReadsUnderALock => Some(pair.ends[self.end].lock.lock()),
            _ => None,
        };
        let until = spoilt(until, self.state.flaw, self.end, true);
        Polled(self).read(out, until)
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        let until = spoilt(until, self.state.flaw, self.end, true);
        ByDefault(self).fill(until)
    }
}

/// The trait's own forms, over fills.
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

/// The trait's own blocking form, over this one's polls.
struct Polled<'a>(&'a mut BadSource);

impl Source for Polled<'_> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.0.poll_fill(cx)
    }

    fn filled(&self) -> &[u8] {
        self.0.filled()
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, out)
    }
}

impl Drop for BadSource {
    fn drop(&mut self) {
        if self.state.flaw == Flaw::DropBlocks {
            wait(200);
        }
        if self.state.flaw == Flaw::HidesADroppedReader {
            std::mem::forget(self.inner.take());
        }
    }
}
