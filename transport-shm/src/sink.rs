//! The outbound half.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use channel::Spin;
use channel::transport::Sink;
use channel::wait::Spinner;
use ringbuf_core::{Producer, Signal, Sleep};

use crate::segment::Mapped;
use crate::side::{Side, Writer};
use crate::source::corrupt;

pub(crate) struct ShmSink {
    producer: Producer<Mapped>,
    side: Arc<Side>,
    spinner: Spinner,
    /// The ring's flag that says "the producer sleeps" may be set.
    armed: bool,
}

impl ShmSink {
    pub(crate) fn new(producer: Producer<Mapped>, side: Arc<Side>, spin: Spin) -> ShmSink {
        ShmSink {
            producer,
            side,
            spinner: Spinner::new(spin),
            armed: false,
        }
    }

    /// `None` when there is no room.
    fn try_write(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        if self.side.left() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let n = match bufs {
            [one] => self.producer.write(one),
            many => self.producer.write_vectored(many),
        }
        .map_err(corrupt)?;
        if n == 0 {
            return self.stopped().map_or(Ok(None), Err);
        }
        if self.armed {
            self.producer.cancel_sleep();
            self.armed = false;
        }
        self.side.note_write();
        if self.producer.signal() == Signal::Wake {
            self.side.their_reader.ring();
        }
        if self.producer.is_finished() || self.producer.is_abandoned() {
            return self.wrote_at_the_end(n);
        }
        Ok(Some(n))
    }

    /// After bytes were written into a stream that was finished or abandoned meanwhile: those behind the end
    /// do not count.
    #[cold]
    fn wrote_at_the_end(&mut self, n: usize) -> io::Result<Option<usize>> {
        match n.saturating_sub(self.producer.settle()) {
            0 => self.stopped().map_or(Ok(None), Err),
            kept => Ok(Some(kept)),
        }
    }

    /// Why nothing more is taken; `None` if there is no room.
    fn stopped(&mut self) -> Option<io::Error> {
        let gone = self.side.is_gone();
        let kind = if self.producer.is_finished() {
            io::ErrorKind::NotConnected
        } else if !self.producer.is_abandoned() {
            // Nobody makes room any more, whatever became of the flag.
            return gone.then(|| io::ErrorKind::ConnectionReset.into());
        } else if self.producer.is_reader_lost() {
            io::ErrorKind::ConnectionReset
        } else {
            io::ErrorKind::BrokenPipe
        };
        // From here on the count stands.
        self.producer.settle();
        Some(kind.into())
    }

    /// Raises the flag that this side sleeps; `false` when there is room by now.
    fn prepare_sleep(&mut self) -> io::Result<bool> {
        self.armed = true;
        self.side.writer.await_it();
        if self.producer.prepare_sleep().map_err(corrupt)? == Sleep::Ready {
            self.armed = false;
            return Ok(false);
        }
        // The reader may not have seen yet that this side sleeps.
        self.side.look_later(Writer::Ours);
        // Our reader puts off the news of a little room. Else two sides could sleep in their writes, each with
        // room that it was not told of.
        self.side.wake_writer(Writer::Theirs);
        Ok(true)
    }

    fn finish_here(&mut self) {
        self.producer.finish();
        self.producer.settle();
        self.side.wake_their_reader();
        self.side.writer.waiting().receipt.wake();
    }
}

fn are_empty(bufs: &[IoSlice<'_>]) -> bool {
    bufs.iter().all(|buf| buf.is_empty())
}

impl Sink for ShmSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(n) = self.try_write(bufs)? {
                return Poll::Ready(Ok(n));
            }
            if are_empty(bufs) {
                return Poll::Ready(Ok(0));
            }
            // The order matters: whoever sees the flag finds the waker.
            self.side.writer.waiting().half.register(cx.waker());
            if !self.prepare_sleep()? {
                continue;
            }
            if self.side.writer.poll()?.is_pending() {
                self.side.watch()?;
                if !self.side.is_gone() {
                    return Poll::Pending;
                }
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
        let mut in_time = true;
        loop {
            if let Some(n) = self.try_write(bufs)? {
                return Ok(n);
            }
            if are_empty(bufs) {
                return Ok(0);
            }
            if !in_time {
                return Err(io::ErrorKind::TimedOut.into());
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
            if self.spinner.spin(until, ready) || !self.prepare_sleep()? {
                continue;
            }
            let side = &self.side;
            in_time = self.spinner.sleep(|| side.sleep(&side.writer, until))?;
        }
    }
}

impl Drop for ShmSink {
    fn drop(&mut self) {
        self.finish_here();
    }
}
