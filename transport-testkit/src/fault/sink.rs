//! The outbound half of a wrapped connection.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use channel::transport::Sink;

use super::link::{Link, OUT};
use super::pace::{Pace, room_before};
use super::slices;

pub(super) struct FaultSink {
    pub(super) inner: Box<dyn Sink>,
    pub(super) link: Arc<Link>,
    pub(super) pace: Pace,
    /// The byte at which to cut.
    pub(super) cut: Option<u64>,
    /// Bytes that were written.
    pub(super) written: u64,
}

impl FaultSink {
    fn begin(&mut self, what: &str) -> io::Result<()> {
        if self.link.is_cut(OUT) {
            return Err(self.link.error());
        }
        match self.link.call(what) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// How many bytes may pass now; none: here it is cut.
    fn room(&self) -> io::Result<usize> {
        if self.link.left() {
            return Ok(usize::MAX);
        }
        match room_before(self.cut, self.written) {
            0 => Err(self.link.cut_at_byte(OUT)),
            room => Ok(room),
        }
    }

    /// What the wrapped sink said, for a caller that may not know of a cut yet.
    fn outcome<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        match result {
            // The operation is not through.
            Err(late) if late.kind() == io::ErrorKind::TimedOut => Err(late),
            Err(error) => {
                self.pace.done();
                self.link.broke();
                match self.link.is_cut(OUT) {
                    true => Err(self.link.error()),
                    false => Err(error),
                }
            }
            taken => {
                self.pace.done();
                taken
            }
        }
    }

    fn wrote(&mut self, given: usize, room: usize, result: io::Result<usize>) -> io::Result<usize> {
        let most = self.pace.most();
        let n = self.outcome(result)?;
        self.written += n as u64;
        if n == most && most < given && most < room {
            self.pace.split(&self.link);
        }
        Ok(n)
    }
}

impl Sink for FaultSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let given = slices::total(bufs.iter().map(|buf| buf.len()));
        self.begin("write")
            .inspect_err(|_| self.link.abort_soon())?;
        // An empty write never waits.
        if given == 0 {
            return self.inner.poll_write(cx, bufs);
        }
        ready!(self.pace.poll_pause(&self.link, cx));
        let room = self.room().inspect_err(|_| self.link.abort_soon())?;
        let front = slices::front(bufs, room.min(self.pace.most()));
        let result = ready!(self.inner.poll_write(cx, &front));
        Poll::Ready(self.wrote(given, room, result))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.begin("flush")
            .inspect_err(|_| self.link.abort_soon())?;
        ready!(self.pace.poll_pause(&self.link, cx));
        let result = ready!(self.inner.poll_flush(cx));
        Poll::Ready(self.outcome(result))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.begin("finish")
            .inspect_err(|_| self.link.abort_soon())?;
        self.inner.finish()
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], until: Option<Instant>) -> io::Result<usize> {
        let given = slices::total(bufs.iter().map(|buf| buf.len()));
        self.begin("write").inspect_err(|_| self.link.abort_now())?;
        if given == 0 {
            return self.inner.write(bufs, until);
        }
        if !self.pace.pause(&self.link, until) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let room = self.room().inspect_err(|_| self.link.abort_now())?;
        let front = slices::front(bufs, room.min(self.pace.most()));
        let result = self.inner.write(&front, until);
        self.wrote(given, room, result)
    }

    fn flush(&mut self, until: Option<Instant>) -> io::Result<()> {
        self.begin("flush").inspect_err(|_| self.link.abort_now())?;
        if !self.pace.pause(&self.link, until) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let result = self.inner.flush(until);
        self.outcome(result)
    }
}

impl Drop for FaultSink {
    fn drop(&mut self) {
        self.link.half_dropped(OUT);
    }
}
