//! The inbound half of a wrapped connection.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use channel::transport::Source;

use super::link::{IN, Link};
use super::pace::{Pace, room_before};
use super::slices;

pub(super) struct FaultSource {
    pub(super) inner: Box<dyn Source>,
    pub(super) link: Arc<Link>,
    pub(super) pace: Pace,
    /// The byte at which to cut.
    pub(super) cut: Option<u64>,
    /// Bytes that were read.
    pub(super) read: u64,
    /// How much of what the wrapped source lends is shown.
    pub(super) visible: usize,
    pub(super) state: State,
}

#[derive(PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// The end was given, and stays the end.
    Ended,
    /// The loss was given, and stays one.
    Lost,
}

/// What a call is to do.
enum Go {
    /// Ask the wrapped source.
    On,
    /// Take what has arrived, and nothing else: the other half was cut.
    Drain,
    /// The end of the stream.
    End,
}

impl FaultSource {
    fn begin(&mut self, what: &str) -> io::Result<Go> {
        match self.state {
            State::Ended => return Ok(Go::End),
            State::Lost => return Err(self.link.error()),
            State::Open => {}
        }
        if self.link.is_cut(IN) {
            return Ok(Go::Drain);
        }
        if let Some(error) = self.link.call(what) {
            self.state = State::Lost;
            return Err(error);
        }
        Ok(Go::On)
    }

    /// How many bytes may pass now; none: here it is cut.
    fn room(&mut self) -> io::Result<usize> {
        if self.link.left() {
            return Ok(usize::MAX);
        }
        match room_before(self.cut, self.read) {
            0 => {
                self.state = State::Lost;
                Err(self.link.cut_at_byte(IN))
            }
            room => Ok(room),
        }
    }

    /// What the wrapped source said, for a caller that may not know of a cut yet.
    fn outcome(&mut self, result: io::Result<usize>) -> io::Result<usize> {
        if late(&result) {
            return result;
        }
        self.pace.done();
        match result {
            Ok(n) if n > 0 => Ok(n),
            _ if self.link.is_cut(IN) => {
                self.state = State::Lost;
                Err(self.link.error())
            }
            Ok(end) => {
                self.state = State::Ended;
                self.link.ended();
                Ok(end)
            }
            error => {
                self.link.broke();
                error
            }
        }
    }

    /// After a cut of the other half: what had arrived, then the loss. Never blocks.
    fn drain(
        &mut self,
        poll: impl FnOnce(&mut dyn Source, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> io::Result<usize> {
        match poll(&mut *self.inner, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(n)) if n > 0 => Ok(n),
            _ => {
                self.state = State::Lost;
                Err(self.link.error())
            }
        }
    }

    /// Shows what the wrapped source has, up to `room`.
    fn show(&mut self, room: usize, result: io::Result<usize>) -> io::Result<usize> {
        let most = self.pace.most();
        let n = self.outcome(result)?;
        let n = n.min(self.inner.filled().len());
        self.visible = n.min(room).min(most);
        if most < n && most < room {
            self.pace.split(&self.link);
        }
        Ok(self.visible)
    }

    /// Counts what was copied out.
    fn copied(
        &mut self,
        given: usize,
        room: usize,
        result: io::Result<usize>,
    ) -> io::Result<usize> {
        let most = self.pace.most();
        let n = self.outcome(result)?;
        self.read += n as u64;
        // Whether there was more is not known; there was no room for it.
        if n == most && most < given && most < room {
            self.pace.split(&self.link);
        }
        Ok(n)
    }
}

/// Whether a time limit ran out: the operation is not through.
fn late(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::TimedOut)
}

fn room_in(out: &[IoSliceMut<'_>]) -> usize {
    slices::total(out.iter().map(|slice| slice.len()))
}

impl Source for FaultSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.visible > 0 {
            return Poll::Ready(Ok(self.visible));
        }
        let began = self.begin("fill");
        if began.is_err() {
            self.link.abort_soon();
        }
        match began? {
            Go::End => return Poll::Ready(Ok(0)),
            Go::Drain => {
                let result = self.drain(|inner, cx| inner.poll_fill(cx));
                return Poll::Ready(result.inspect(|&n| self.visible = n));
            }
            Go::On => {}
        }
        ready!(self.pace.poll_pause(&self.link, cx));
        let room = self.room().inspect_err(|_| self.link.abort_soon())?;
        let result = ready!(self.inner.poll_fill(cx));
        Poll::Ready(self.show(room, result))
    }

    fn filled(&self) -> &[u8] {
        let filled = self.inner.filled();
        &filled[..self.visible.min(filled.len())]
    }

    fn consume(&mut self, n: usize) {
        assert!(
            n <= self.visible,
            "consume({n}) of {} bytes that are shown",
            self.visible
        );
        self.inner.consume(n);
        self.visible -= n;
        self.read += n as u64;
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let given = room_in(out);
        if given == 0 {
            return Poll::Ready(Ok(0));
        }
        // What was shown can be read at once.
        let shown = std::mem::take(&mut self.visible) > 0;
        let began = self.begin("read");
        if began.is_err() {
            self.link.abort_soon();
        }
        match began? {
            Go::End => return Poll::Ready(Ok(0)),
            Go::Drain => return Poll::Ready(self.drain(|inner, cx| inner.poll_read(cx, out))),
            Go::On => {}
        }
        if !shown {
            ready!(self.pace.poll_pause(&self.link, cx));
        }
        let room = self.room().inspect_err(|_| self.link.abort_soon())?;
        let mut front = slices::front_mut(out, room.min(self.pace.most()));
        let result = ready!(self.inner.poll_read(cx, &mut front));
        Poll::Ready(self.copied(given, room, result))
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        let given = room_in(out);
        if given == 0 {
            return Ok(0);
        }
        // What was shown can be read at once.
        let shown = std::mem::take(&mut self.visible) > 0;
        match self.begin("read").inspect_err(|_| self.link.abort_now())? {
            Go::End => return Ok(0),
            Go::Drain => return self.drain(|inner, cx| inner.poll_read(cx, out)),
            Go::On => {}
        }
        if !shown && !self.pace.pause(&self.link, until) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let room = self.room().inspect_err(|_| self.link.abort_now())?;
        let mut front = slices::front_mut(out, room.min(self.pace.most()));
        let result = self.inner.read(&mut front, until);
        self.copied(given, room, result)
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        if self.visible > 0 {
            return Ok(self.visible);
        }
        match self.begin("fill").inspect_err(|_| self.link.abort_now())? {
            Go::End => return Ok(0),
            Go::Drain => {
                let result = self.drain(|inner, cx| inner.poll_fill(cx));
                return result.inspect(|&n| self.visible = n);
            }
            Go::On => {}
        }
        if !self.pace.pause(&self.link, until) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let room = self.room().inspect_err(|_| self.link.abort_now())?;
        let result = self.inner.fill(until);
        self.show(room, result)
    }
}

impl Drop for FaultSource {
    fn drop(&mut self) {
        self.link.half_dropped(IN);
    }
}
