//! The inbound half.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use channel::transport::Source;

use crate::buffer::{Buffer, Scratch};
use crate::socket::Socket;
use crate::state::{ENDED, LOST, lost};

pub(crate) struct TcpSource {
    socket: Arc<Socket>,
    buffer: Buffer,
    /// Most that is read ahead.
    capacity: usize,
}

impl TcpSource {
    pub(crate) fn new(socket: Arc<Socket>, capacity: usize) -> TcpSource {
        TcpSource {
            socket,
            buffer: Buffer::Empty,
            capacity,
        }
    }

    /// Tries first and asks the reactor only if there is nothing: most reads find something.
    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(&Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let state = &*self.socket.state;
        loop {
            if let Some(error) = state.left() {
                return Poll::Ready(Err(error));
            }
            match read(&self.socket) {
                Ok(0) => {
                    // The system tells of a loss once, and it may have told somebody else. And whoever
                    // discards after a disconnect may have come to the end.
                    if let Some(error) = state.left() {
                        return Poll::Ready(Err(error));
                    }
                    if state.has_any(LOST) {
                        return Poll::Ready(Err(lost()));
                    }
                    state.set(ENDED);
                    return Poll::Ready(Ok(0));
                }
                Ok(n) => return Poll::Ready(Ok(n)),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => ready!(self.socket.poll_inbound(cx))?,
                    io::ErrorKind::Interrupted => {}
                    _ => return Poll::Ready(Err(state.note(error))),
                },
            }
        }
    }
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
        if n > 0 {
            self.buffer = Buffer::keep(scratch, n);
        }
        Poll::Ready(Ok(n))
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
        let room: usize = out.iter().map(|slice| slice.len()).sum();
        if room == 0 {
            return Poll::Ready(Ok(0));
        }
        // A large read goes straight to where the bytes are wanted.
        if self.buffer.filled().is_empty() && room >= self.capacity {
            let n = ready!(self.poll_with(cx, |socket| socket.read(out)))?;
            self.socket.state.count_read(n);
            return Poll::Ready(Ok(n));
        }
        if ready!(self.poll_fill(cx))? == 0 {
            return Poll::Ready(Ok(0));
        }
        let mut from = self.buffer.filled();
        let mut total = 0;
        for slice in out {
            let n = from.len().min(slice.len());
            slice[..n].copy_from_slice(&from[..n]);
            from = &from[n..];
            total += n;
        }
        self.consume(total);
        Poll::Ready(Ok(total))
    }
}

impl Drop for TcpSource {
    fn drop(&mut self) {
        self.socket.source_dropped();
    }
}
