//! The inbound half.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use channel::Spin;
use channel::transport::Source;
use channel::wait::Spinner;

use crate::buffer::{Buffer, Scratch};
use crate::sleep;
use crate::socket::Socket;
use crate::state::{ENDED, LOST, lost};

pub(crate) struct TcpSource {
    socket: Arc<Socket>,
    buffer: Buffer,
    /// Most that is read ahead.
    capacity: usize,
    spinner: Spinner,
}

impl TcpSource {
    pub(crate) fn new(socket: Arc<Socket>, capacity: usize, spin: Spin) -> TcpSource {
        TcpSource {
            socket,
            buffer: Buffer::Empty,
            capacity,
            spinner: Spinner::of_calls(spin),
        }
    }

    /// Tries first and asks the reactor only if there is nothing: most reads find something.
    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(result) = attempt(&self.socket, &mut read) {
                return Poll::Ready(result);
            }
            ready!(self.socket.poll_inbound(cx))?;
        }
    }

    /// Tries, tries for a little longer, and then sleeps.
    fn block_with(
        &mut self,
        until: Option<Instant>,
        mut read: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        sleep::prepare();
        let mut slept = Ok(());
        loop {
            let mut result = attempt(&self.socket, &mut read);
            if result.is_none() && slept.is_ok() {
                self.socket.leave_reactor();
                self.spinner.spin(until, || {
                    result = attempt(&self.socket, &mut read);
                    result.is_some()
                });
            }
            match (result, slept) {
                (Some(result), _) => return result,
                (None, Err(error)) => return Err(error),
                (None, Ok(())) => slept = self.spinner.sleep(|| self.socket.wait_inbound(until)),
            }
        }
    }

    /// Shows what was read ahead.
    fn keep(&mut self, scratch: Scratch, n: usize) -> usize {
        if n > 0 {
            self.buffer = Buffer::keep(scratch, n);
        }
        n
    }

    /// Copies out what was read ahead.
    fn take(&mut self, out: &mut [IoSliceMut<'_>]) -> usize {
        let n = self.buffer.take(out);
        self.socket.state.count_read(n);
        n
    }

    /// Of `n` bytes that were read, what lies behind the first `out` is kept; how many are there.
    fn split(&mut self, scratch: Scratch, n: usize, out: usize) -> usize {
        let there = n.min(out);
        self.socket.state.count_read(there);
        self.keep(scratch, n - there);
        there
    }

    /// Whether a read of so much goes straight to where the bytes are wanted.
    fn is_direct(&self, room: usize) -> bool {
        self.buffer.filled().is_empty() && room >= self.capacity
    }
}

/// One try; `None` if there is nothing yet.
pub(crate) fn attempt(
    socket: &Socket,
    read: &mut impl FnMut(&Socket) -> io::Result<usize>,
) -> Option<io::Result<usize>> {
    let state = &*socket.state;
    loop {
        if let Some(error) = state.left() {
            return Some(Err(error));
        }
        return Some(match read(socket) {
            Ok(0) => {
                // Whoever discards after a disconnect may have come to the end.
                if let Some(error) = state.left() {
                    return Some(Err(error));
                }
                // The system tells of a loss once, and it may have told somebody else.
                state.wait_for_others();
                if state.has_any(LOST) {
                    return Some(Err(lost()));
                }
                state.set(ENDED);
                Ok(0)
            }
            // After a disconnect that came meanwhile, what lay before these bytes may have been discarded.
            Ok(n) => state.left().map_or(Ok(n), Err),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return None,
                io::ErrorKind::Interrupted => continue,
                _ => Err(state.note(error)),
            },
        });
    }
}

fn room(out: &[IoSliceMut<'_>]) -> usize {
    out.iter().map(|slice| slice.len()).sum()
}

impl Source for TcpSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled = self.buffer.filled().len();
        if filled > 0 {
            return Poll::Ready(Ok(filled));
        }
        let mut scratch = Scratch::take();
        let room = &mut scratch.bytes()[..self.capacity];
        let n = ready!(self.poll_with(cx, |socket| socket.read_one(room)))?;
        Poll::Ready(Ok(self.keep(scratch, n)))
    }

    fn filled(&self) -> &[u8] {
        self.buffer.filled()
    }

    fn consume(&mut self, n: usize) {
        self.buffer.consume(n);
        self.socket.state.count_read(n);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = room(out);
        if room == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.is_direct(room) {
            let n = ready!(self.poll_with(cx, |socket| socket.read(out)))?;
            self.socket.state.count_read(n);
            return Poll::Ready(Ok(n));
        }
        if ready!(self.poll_fill(cx))? == 0 {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(Ok(self.take(out)))
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        let room = room(out);
        if room == 0 {
            return Ok(0);
        }
        if self.is_direct(room) {
            let n = self.block_with(until, |socket| socket.read(out))?;
            self.socket.state.count_read(n);
            return Ok(n);
        }
        if self.fill(until)? == 0 {
            return Ok(0);
        }
        Ok(self.take(out))
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        let filled = self.buffer.filled().len();
        if filled > 0 {
            return Ok(filled);
        }
        let capacity = self.capacity;
        let mut scratch = Scratch::take();
        let ahead = &mut scratch.bytes()[..capacity];
        let n = self.block_with(until, |socket| socket.read_one(ahead))?;
        Ok(self.keep(scratch, n))
    }

    fn poll_read_ahead(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut scratch = Scratch::take();
        let ahead = &mut scratch.bytes()[..self.capacity];
        let n = ready!(self.poll_with(cx, |socket| {
            socket.read(&mut [IoSliceMut::new(out), IoSliceMut::new(ahead)])
        }))?;
        Poll::Ready(Ok(self.split(scratch, n, out.len())))
    }

    fn read_ahead(&mut self, out: &mut [u8], until: Option<Instant>) -> io::Result<usize> {
        let capacity = self.capacity;
        let mut scratch = Scratch::take();
        let ahead = &mut scratch.bytes()[..capacity];
        let n = self.block_with(until, |socket| {
            socket.read(&mut [IoSliceMut::new(out), IoSliceMut::new(ahead)])
        })?;
        Ok(self.split(scratch, n, out.len()))
    }

    fn interrupter(&self) -> Option<Waker> {
        Some(self.socket.state.clone().into())
    }
}

impl Drop for TcpSource {
    fn drop(&mut self) {
        self.socket.source_dropped();
    }
}
