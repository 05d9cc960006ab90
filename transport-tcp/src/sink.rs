//! The outbound half.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use channel::transport::Sink;

use crate::socket::Socket;
use crate::state::{LEFT, not_connected};

/// Holds nothing back: what it takes, the kernel has.
pub(crate) struct TcpSink {
    socket: Arc<Socket>,
}

impl TcpSink {
    pub(crate) fn new(socket: Arc<Socket>) -> TcpSink {
        TcpSink { socket }
    }

    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        write: impl Fn(&Socket, &[IoSlice<'_>]) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let state = &*self.socket.state;
        // A write of the system's from empty slices alone says nothing.
        let first = bufs.iter().position(|buf| !buf.is_empty());
        loop {
            if let Some(error) = state.refusal() {
                return Poll::Ready(Err(error));
            }
            let Some(first) = first else {
                return Poll::Ready(Ok(0));
            };
            match state.ask(|| write(&self.socket, &bufs[first..])) {
                Ok(n) => {
                    state.count_written(n);
                    return Poll::Ready(Ok(n));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        let outbound = self.socket.poll_outbound(cx);
                        // The peer may wait for us to read, and nobody reads any more. Only now: a reader that is
                        // dropped after this look finds the waker.
                        self.socket.discard_if_due(true);
                        ready!(outbound)?;
                    }
                    io::ErrorKind::Interrupted => {}
                    _ => return Poll::Ready(Err(error)),
                },
            }
        }
    }
}

impl Sink for TcpSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, bufs, Socket::write)
    }

    fn poll_write_last(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(cx, bufs, Socket::write_last)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket.state.left() {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Ready(Ok(())),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.socket.state.has_any(LEFT) {
            return Err(not_connected("this side has disconnected"));
        }
        let result = self.socket.finish();
        self.socket.discard_if_due(false);
        match result {
            // A peer that is gone misses nothing by the end; the reader hears of it.
            Err(error) if error.kind() != io::ErrorKind::NotConnected => {
                Err(self.socket.state.note(error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for TcpSink {
    fn drop(&mut self) {
        self.socket.sink_dropped();
    }
}
