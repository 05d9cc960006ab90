//! The reading end of a pipe.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ringbuf_core::{Consumer, Heap, Signal, Sleep};

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
        if n > 0 {
            self.took();
        }
        Ok(n)
    }

    /// After bytes were taken out: the writer hears of room when a quarter is free, so that two
    /// busy threads do not wake each other for every few bytes; of less room a little later.
    #[inline]
    fn took(&mut self) {
        if self.armed {
            self.consumer.cancel_sleep();
            self.armed = false;
        }
        if self.consumer.freed_unsignalled() >= self.consumer.capacity() / 4 {
            self.signal();
        } else if self.consumer.producer_sleeps() {
            self.ends.look_later();
        }
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
            return Some(Err(io::ErrorKind::NotConnected.into()));
        }
        match self.consumer.at_end() {
            Err(error) => Some(Err(corrupt(error))),
            Ok(false) => None,
            // An end that was given stays the end.
            Ok(true) if !self.ended && self.ends.writer_aborted() => {
                Some(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Ok(true) => {
                self.ended = true;
                Some(Ok(0))
            }
        }
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
        self.consumer.filled().0
    }

    fn consume(&mut self, n: usize) {
        self.consumer.consume(n);
        self.took();
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
        self.ends.writer.wake();
    }
}
