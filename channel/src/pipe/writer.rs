//! The writing end of a pipe.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ringbuf_core::{Heap, Producer, Signal, Sleep};

use super::cut::beyond;
use super::{Ends, PipeControl, corrupt};
use crate::transport::Sink;
use crate::wait::{Parker, Spinner, timed_out};

/// The writing end. Dropping it finishes the stream.
pub struct PipeWriter {
    pub(super) producer: Producer<Heap>,
    pub(super) ends: Arc<Ends>,
    pub(super) spinner: Spinner,
    /// The ring's flag that says "the producer sleeps" may be set.
    pub(super) armed: bool,
    /// The pipe of the other direction, at the same side of a connection.
    pub(super) inbound: Option<PipeControl>,
}

impl PipeWriter {
    /// Names the pipe of the other direction, at the same side of a connection. A reader puts off
    /// the news of a little room; before this writer sleeps it brings them. Else two sides could
    /// sleep in their writes, each with room that it was not told of.
    pub fn pair_with(&mut self, inbound: &PipeControl) {
        self.inbound = Some(inbound.clone());
    }

    /// Capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.producer.capacity()
    }

    /// Waits for room for `room` bytes, or for all the room there is if the ring is smaller; tells how much there
    /// is. For a driver that grants the peer what its application has freed, and has nothing to write now.
    ///
    /// It may be woken earlier, for a part of that: then it asks again. A reader that frees less than a
    /// quarter, and waits for nothing, is noticed one or two milliseconds later.
    ///
    /// # Errors
    /// As for a write: the stream is finished, or the reader has stopped.
    pub fn poll_room(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        let room = room.min(self.capacity());
        loop {
            let vacant = self.producer.vacant().map_err(corrupt)?;
            if self.producer.is_finished() || self.producer.is_abandoned() {
                return Poll::Ready(self.stopped());
            }
            if vacant >= room {
                if self.armed {
                    self.producer.cancel_sleep();
                    self.armed = false;
                }
                return Poll::Ready(Ok(vacant));
            }
            if self.arm(cx.waker(), room)? {
                return Poll::Pending;
            }
        }
    }

    #[inline]
    fn try_write(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = match bufs {
            [one] => self.producer.write(one),
            many => self.producer.write_vectored(many),
        }
        .map_err(corrupt)?;
        if n == 0 {
            return self.stopped();
        }
        if self.armed {
            self.producer.cancel_sleep();
            self.armed = false;
        }
        if self.producer.signal() == Signal::Wake {
            self.ends.reader.wake();
        }
        if self.producer.is_finished() || self.producer.is_abandoned() {
            return self.wrote_at_the_end(n);
        }
        Ok(n)
    }

    /// After bytes were written into a stream that was finished or abandoned meanwhile: those behind
    /// the end do not count.
    #[cold]
    pub(super) fn wrote_at_the_end(&self, n: usize) -> io::Result<usize> {
        let over = beyond(self.ends.observer.written(), self.ends.end());
        match n.saturating_sub(over) {
            0 => self.stopped(),
            kept => Ok(kept),
        }
    }

    /// What it means that nothing was taken: an error, or that there is no room.
    fn stopped(&self) -> io::Result<usize> {
        let finished = self.producer.is_finished();
        if !finished && !self.producer.is_abandoned() {
            return Ok(0);
        }
        // From here on the count stands.
        self.ends.end();
        if finished {
            Err(io::ErrorKind::NotConnected.into())
        } else if self.ends.reader_aborted() {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    /// Finishes the stream behind what was written.
    fn finish_here(&mut self) {
        self.producer.finish();
        self.ends.end();
        self.ends.reader.wake();
        self.ends.receipt.wake();
    }

    /// Leaves `waker` to be woken when there is room for `room` bytes, or a part of it; `false` when there is
    /// by now.
    fn arm(&mut self, waker: &Waker, room: usize) -> io::Result<bool> {
        // The order matters: whoever sees the flag must find the waker.
        self.ends.writer.set(waker);
        // Relaxed: see `Ends::look`.
        let known = self.ends.observer.read();
        self.ends.known.store(known, Ordering::Relaxed);
        self.armed = true;
        if self.producer.prepare_sleep_for(room).map_err(corrupt)? == Sleep::Ready {
            self.armed = false;
            return Ok(false);
        }
        // The reader may not have seen yet that this side sleeps.
        self.ends.look_later();
        Ok(true)
    }

    fn prepare_sleep(&mut self, waker: &Waker) -> io::Result<bool> {
        if !self.arm(waker, 1)? {
            return Ok(false);
        }
        if let Some(inbound) = &self.inbound {
            inbound.nudge_writer();
        }
        Ok(true)
    }
}

impl Sink for PipeWriter {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let n = self.try_write(bufs)?;
            if n > 0 || bufs.iter().all(|b| b.is_empty()) {
                return Poll::Ready(Ok(n));
            }
            if self.prepare_sleep(cx.waker())? {
                return Poll::Pending;
            }
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.finish_here();
        Ok(())
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        loop {
            let n = self.try_write(bufs)?;
            if n > 0 || bufs.iter().all(|b| b.is_empty()) {
                return Ok(n);
            }
            // While it spins, a writer waits for room that is worth the trip.
            let wanted: usize = bufs.iter().map(|b| b.len()).sum();
            let room = wanted.min((self.producer.capacity() / 4).max(1));
            let producer = &mut self.producer;
            let ready = || {
                !matches!(producer.vacant(), Ok(n) if n < room)
                    || producer.is_finished()
                    || producer.is_abandoned()
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
                return match self.try_write(bufs)? {
                    0 => Err(timed_out()),
                    n => Ok(n),
                };
            }
        }
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.finish_here();
    }
}
