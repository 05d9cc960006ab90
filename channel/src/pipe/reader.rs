//! The reading end of a pipe.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ringbuf_core::{Consumer, Heap, Signal, Sleep};

use super::cut::beyond;
use super::{Ends, corrupt};
use crate::transport::Source;
use crate::wait::{Parker, Spinner, timed_out};

/// The reading end. Dropping it abandons the stream: the writer's calls fail with `BrokenPipe`.
pub struct PipeReader {
    pub(super) consumer: Consumer<Heap>,
    pub(super) ends: Arc<Ends>,
    pub(super) spinner: Spinner,
    /// The ring's flag that says "the consumer sleeps" may be set.
    pub(super) armed: bool,
    /// The orderly end was given.
    pub(super) ended: bool,
    /// Where the stream ends, once that was decided.
    pub(super) end: Option<usize>,
}

impl PipeReader {
    /// Capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.consumer.capacity()
    }

    #[inline]
    fn try_read(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let n = match out {
            [one] => self.consumer.read(one),
            many => self.consumer.read_vectored(many),
        }
        .map_err(corrupt)?;
        Ok(if n > 0 { self.took(n) } else { 0 })
    }

    /// After bytes were taken out: the writer hears of room when a quarter is free, so that two
    /// busy threads do not wake each other for every few bytes; of less room a little later. Returns
    /// how many of the `n` bytes count.
    #[inline]
    pub(super) fn took(&mut self, n: usize) -> usize {
        if self.armed {
            self.consumer.cancel_sleep();
            self.armed = false;
        }
        if self.consumer.freed_unsignalled() >= self.consumer.capacity() / 4 {
            self.signal();
        } else if self.consumer.producer_sleeps() {
            self.ends.look_later();
        }
        if self.consumer.is_finished() || self.consumer.is_abandoned() {
            return self.took_of_the_tail(n);
        }
        n
    }

    /// After bytes were taken out of a stream that has ended or was abandoned meanwhile.
    #[cold]
    fn took_of_the_tail(&mut self, n: usize) -> usize {
        let here = self.ends.observer.read();
        let mut over = 0;
        if self.consumer.is_abandoned() {
            over = beyond(here, self.ends.read_end());
        }
        if self.consumer.is_finished() {
            let end = self.end();
            over = over.max(beyond(here, end));
            if beyond(end, here) == 0 {
                // The last byte: the receipt is known.
                self.ends.receipt.wake();
            }
        }
        n.saturating_sub(over)
    }

    /// Where the stream ends, after it was seen finished.
    fn end(&mut self) -> usize {
        let ends = &self.ends;
        *self.end.get_or_insert_with(|| ends.end())
    }

    #[inline]
    fn signal(&mut self) {
        if self.consumer.signal() == Signal::Wake {
            self.ends.writer.wake();
        }
    }

    /// What an empty ring means: the end (`Some`), or that more may come.
    fn ended(&mut self) -> Option<io::Result<usize>> {
        if self.consumer.is_abandoned() {
            // From here on the count stands.
            self.ends.read_end();
            return Some(Err(io::ErrorKind::NotConnected.into()));
        }
        if !self.consumer.is_finished() {
            return None;
        }
        let end = self.end();
        if beyond(end, self.ends.observer.read()) > 0 {
            return None;
        }
        // An end that was given stays the end.
        if !self.ended {
            self.ends.receipt.wake();
            if self.ends.writer_aborted() {
                return Some(Err(io::ErrorKind::ConnectionReset.into()));
            }
            self.ended = true;
        }
        Some(Ok(0))
    }

    /// Leaves `waker` to be woken by the next byte or the end; `false` when something is there by
    /// now.
    fn prepare_sleep(&mut self, waker: &Waker) -> io::Result<bool> {
        // The order matters: whoever sees the flag must find the waker.
        self.ends.reader.set(waker);
        self.armed = true;
        if self.consumer.prepare_sleep().map_err(corrupt)? == Sleep::Ready {
            self.armed = false;
            return Ok(false);
        }
        // About to sleep: the writer must know of all room there is, or both might sleep.
        if self.consumer.freed_unsignalled() > 0 {
            self.signal();
        }
        Ok(true)
    }

    /// The one loop behind all forms of reading.
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Self) -> io::Result<Option<T>>,
        end: impl Fn() -> T,
    ) -> Poll<io::Result<T>> {
        loop {
            if let Some(got) = attempt(self)? {
                return Poll::Ready(Ok(got));
            }
            if let Some(ended) = self.ended() {
                return Poll::Ready(ended.map(|_| end()));
            }
            if self.prepare_sleep(cx.waker())? {
                return Poll::Pending;
            }
        }
    }

    /// The same for a blocking call.
    fn wait_with<T>(
        &mut self,
        until: Option<Instant>,
        mut attempt: impl FnMut(&mut Self) -> io::Result<Option<T>>,
        end: impl Fn() -> T,
    ) -> io::Result<T> {
        loop {
            if let Some(got) = attempt(self)? {
                return Ok(got);
            }
            if let Some(ended) = self.ended() {
                return ended.map(|_| end());
            }
            let consumer = &mut self.consumer;
            let ready = || {
                !matches!(consumer.available(), Ok(0))
                    || consumer.is_finished()
                    || consumer.is_abandoned()
            };
            if self.spinner.spin(until, ready) {
                continue;
            }
            let in_time = Parker::with(|parker| {
                if !self.prepare_sleep(parker.waker())? {
                    return Ok::<_, io::Error>(true);
                }
                Ok(self.spinner.sleep(|| parker.park(until)))
            })?;
            if !in_time {
                // What came at the last moment is taken all the same.
                return match attempt(self)? {
                    Some(got) => Ok(got),
                    None => self
                        .ended()
                        .map_or_else(|| Err(timed_out()), |e| e.map(|_| end())),
                };
            }
        }
    }

    fn try_fill(&mut self) -> io::Result<Option<usize>> {
        let mut n = self.consumer.filled().0.len();
        if n == 0 {
            self.consumer.available().map_err(corrupt)?;
            n = self.consumer.filled().0.len();
        }
        if n > 0 && self.consumer.is_finished() {
            // What lies behind the end is not lent.
            n = n.min(beyond(self.end(), self.ends.observer.read()));
        }
        Ok((n > 0).then_some(n))
    }
}

fn some(n: usize) -> Option<usize> {
    (n > 0).then_some(n)
}

impl Source for PipeReader {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_with(cx, Self::try_fill, || 0)
    }

    fn filled(&self) -> &[u8] {
        let filled = self.consumer.filled().0;
        match self.end {
            None => filled,
            Some(end) => &filled[..filled.len().min(beyond(end, self.ends.observer.read()))],
        }
    }

    fn consume(&mut self, n: usize) {
        self.consumer.consume(n);
        // Bytes that are consumed after a disconnect do not count any more.
        self.took(n);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, |this| this.try_read(out).map(some), || 0)
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        self.wait_with(until, |this| this.try_read(out).map(some), || 0)
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        self.wait_with(until, Self::try_fill, || 0)
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.consumer.abandon();
        self.ends.read_end();
        self.ends.writer.wake();
        self.ends.receipt.wake();
    }
}
