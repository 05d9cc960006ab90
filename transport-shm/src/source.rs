//! The inbound half.
//!
//! A read copies straight out of the ring. To lend bytes, they are copied into memory of this process first
//! (the other one could change those in the ring at any time), and leave the ring when they are consumed: so
//! the ring's position always tells what the application has read.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use channel::Spin;
use channel::transport::Source;
use channel::wait::Spinner;
use ringbuf_core::{Consumer, Corrupt, Signal, Sleep};

use crate::ahead::Ahead;
use crate::segment::Mapped;
use crate::side::{Side, Writer};

pub(crate) struct ShmSource {
    consumer: Consumer<Mapped>,
    side: Arc<Side>,
    spinner: Spinner,
    ahead: Ahead,
    dense: Dense,
    /// The ring's flag that says "the consumer sleeps" may be set.
    armed: bool,
    /// The orderly end was given.
    ended: bool,
    /// The other side knows that everything was read.
    told: bool,
}

/// Whether bytes come so closely one after the other that a reader does better to let some gather.
///
/// A reader that is faster than the writer looks for each small write as it comes; and each look takes the
/// cache lines away from the writer, which needs them for the next one. A moment's patience after a short wait
/// lets the writer put several there at its own speed. Who answers is no such reader: somebody waits for it.
#[derive(Default)]
struct Dense {
    /// Short waits in a row, with nothing written between.
    waits: u8,
}

impl Dense {
    /// Looks at a ring that a short wait consists of at most: some 0.3 µs.
    const SHORT: u32 = 16;
    /// So many in a row are a stream.
    const STREAM: u8 = 4;
    /// Pauses until the next look. Measured with 64 B, between cores that share no cache: 5 M/s without,
    /// 7 to 8 with 32, no more with 100; between cores that share one, 23 and 32 M/s.
    const PATIENCE: u32 = 32;

    fn waited(&mut self, looks: u32, wrote: bool) {
        if wrote || looks > Dense::SHORT {
            self.waits = 0;
        } else if self.waits < Dense::STREAM {
            self.waits += 1;
        } else {
            for _ in 0..Dense::PATIENCE {
                std::hint::spin_loop();
            }
        }
    }
}

pub(crate) fn corrupt(error: Corrupt) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl ShmSource {
    pub(crate) fn new(consumer: Consumer<Mapped>, side: Arc<Side>, spin: Spin) -> ShmSource {
        ShmSource {
            consumer,
            side,
            spinner: Spinner::new(spin),
            ahead: Ahead::default(),
            dense: Dense::default(),
            armed: false,
            ended: false,
            told: false,
        }
    }

    fn try_read(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if !self.ahead.is_empty() {
            let n = copy(self.ahead.filled(), out);
            return Ok(self.take(n));
        }
        let n = match out {
            [one] => self.consumer.read(one),
            many => self.consumer.read_vectored(many),
        }
        .map_err(corrupt)?;
        self.ahead.read_past(n);
        Ok(if n > 0 { self.took(n) } else { 0 })
    }

    fn try_fill(&mut self) -> io::Result<usize> {
        if !self.ahead.is_empty() {
            return Ok(self.ahead.filled().len());
        }
        let consumer = &mut self.consumer;
        if consumer.available().map_err(corrupt)? == 0 {
            return Ok(0);
        }
        self.ahead.fill(|bytes| {
            let n = consumer.copy(bytes).map_err(corrupt)?;
            if !consumer.is_finished() && !consumer.is_abandoned() {
                return Ok(n);
            }
            // What lies behind the end is not lent.
            consumer.settle();
            Ok(n.min(consumer.available().map_err(corrupt)?))
        })
    }

    /// Takes the first `n` bytes of those copied ahead out; how many of them count.
    fn take(&mut self, n: usize) -> usize {
        self.ahead.consume(n);
        let n = self.consumer.free(n);
        self.took(n)
    }

    /// After bytes were taken out: the writer hears of room when a quarter is free, so that two busy threads
    /// do not wake each other for every few bytes; of less room a little later. Returns how many of the `n`
    /// bytes count.
    #[inline]
    fn took(&mut self, n: usize) -> usize {
        if self.armed {
            self.consumer.cancel_sleep();
            self.armed = false;
        }
        if self.consumer.freed_unsignalled() >= self.consumer.capacity() / 4 {
            self.signal();
        } else if self.consumer.producer_sleeps() {
            self.side.look_later(Writer::Theirs);
        }
        if self.consumer.is_finished() || self.consumer.is_abandoned() {
            return self.took_of_the_tail(n);
        }
        n
    }

    /// After bytes were taken out of a stream that has ended or was abandoned meanwhile.
    #[cold]
    fn took_of_the_tail(&mut self, n: usize) -> usize {
        let over = self.consumer.settle();
        if matches!(self.consumer.at_end(), Ok(true)) {
            self.tell();
        }
        n.saturating_sub(over)
    }

    /// The last byte was read: who waits for the receipt hears of it.
    fn tell(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.side.their_writer.ring();
        }
    }

    fn signal(&mut self) {
        if self.consumer.signal() == Signal::Wake {
            self.side.their_writer.ring();
        }
    }

    /// What an empty ring means: the end (`Some`), or that more may come.
    fn ended(&mut self) -> Option<io::Result<()>> {
        // Looked at once, and first: this side says that it is leaving before it abandons.
        let abandoned = self.consumer.is_abandoned();
        if self.side.left() || abandoned && self.side.is_leaving() {
            self.consumer.settle();
            return Some(Err(io::ErrorKind::NotConnected.into()));
        }
        if self.ended {
            return Some(Ok(()));
        }
        if abandoned {
            // Not by this side: it would know.
            let text = "the other side has written where it must not";
            return Some(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        // In this order: all that was committed before it was gone lies before the flag.
        let gone = self.side.is_gone();
        if !self.consumer.is_finished() {
            return gone.then(|| Err(io::ErrorKind::ConnectionReset.into()));
        }
        match self.consumer.at_end() {
            Err(error) => Some(Err(corrupt(error))),
            Ok(false) => None,
            // Abandoned since the look above: that is no end of the stream.
            Ok(true) if self.consumer.is_abandoned() => self.ended(),
            Ok(true) if self.consumer.is_writer_lost() => {
                Some(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Ok(true) => {
                self.ended = true;
                self.tell();
                Some(Ok(()))
            }
        }
    }

    /// Raises the flag that this side sleeps; `false` when there is something by now.
    fn prepare_sleep(&mut self) -> io::Result<bool> {
        self.armed = true;
        self.side.reader.await_it();
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

    /// The one loop behind all forms that do not block.
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match attempt(self)? {
                0 => {}
                n => return Poll::Ready(Ok(n)),
            }
            if let Some(ended) = self.ended() {
                return Poll::Ready(ended.map(|()| 0));
            }
            // The order matters: whoever sees the flag finds the waker.
            self.side.reader.waiting().half.register(cx.waker());
            if !self.prepare_sleep()? {
                continue;
            }
            if self.side.reader.poll()?.is_pending() {
                self.side.watch()?;
                if !self.side.is_gone() {
                    return Poll::Pending;
                }
            }
        }
    }

    /// The same for a blocking call.
    fn wait_with(
        &mut self,
        until: Option<Instant>,
        mut attempt: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut in_time = true;
        loop {
            match attempt(self)? {
                0 => {}
                n => return Ok(n),
            }
            if let Some(ended) = self.ended() {
                return ended.map(|()| 0);
            }
            if !in_time {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let consumer = &mut self.consumer;
            let mut looks = 0;
            let ready = || {
                looks += 1;
                !matches!(consumer.available(), Ok(0))
                    || consumer.is_finished()
                    || consumer.is_abandoned()
            };
            if self.spinner.spin(until, ready) {
                self.dense.waited(looks, self.side.take_wrote());
                continue;
            }
            if !self.prepare_sleep()? {
                continue;
            }
            let side = &self.side;
            in_time = self.spinner.sleep(|| side.sleep(&side.reader, until))?;
        }
    }
}

fn room(out: &[IoSliceMut<'_>]) -> usize {
    out.iter().map(|slice| slice.len()).sum()
}

/// Copies as much of `from` as fits into `out`; returns how much.
fn copy(mut from: &[u8], out: &mut [IoSliceMut<'_>]) -> usize {
    let mut total = 0;
    for slice in out {
        let n = from.len().min(slice.len());
        slice[..n].copy_from_slice(&from[..n]);
        from = &from[n..];
        total += n;
    }
    total
}

impl Source for ShmSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_with(cx, Self::try_fill)
    }

    fn filled(&self) -> &[u8] {
        self.ahead.filled()
    }

    fn consume(&mut self, n: usize) {
        // Bytes that are consumed after a disconnect do not count any more.
        self.take(n);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if room(out) == 0 {
            return Poll::Ready(Ok(0));
        }
        self.poll_with(cx, |this| this.try_read(out))
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        if room(out) == 0 {
            return Ok(0);
        }
        self.wait_with(until, |this| this.try_read(out))
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        self.wait_with(until, Self::try_fill)
    }
}

impl Drop for ShmSource {
    fn drop(&mut self) {
        self.consumer.abandon();
        // From here on the count stands.
        self.consumer.settle();
        self.side.their_writer.ring();
        self.side.writer.waiting().receipt.wake();
    }
}
