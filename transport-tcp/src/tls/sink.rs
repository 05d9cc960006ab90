//! The outbound half.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use channel::transport::Sink;

use super::stream::TlsStream;
use crate::state::{LEFT, not_connected};

/// Holds one batch of sealed records at most, which leaves by itself.
pub(super) struct TlsSink {
    stream: Arc<TlsStream>,
    established: bool,
}

impl TlsSink {
    pub(super) fn new(stream: Arc<TlsStream>) -> TlsSink {
        TlsSink {
            stream,
            established: false,
        }
    }

    fn refusal(&self) -> Option<io::Error> {
        let error = self.stream.socket.state.refusal()?;
        if error.kind() == io::ErrorKind::NotConnected {
            return Some(error);
        }
        // TLS may know better why.
        Some(self.stream.failure().map_or(error, Into::into))
    }
}

impl Sink for TlsSink {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().position(|buf| !buf.is_empty());
        loop {
            if let Some(error) = self.refusal() {
                return Poll::Ready(Err(error));
            }
            let Some(first) = first else {
                return Poll::Ready(Ok(0));
            };
            if !self.established {
                let wakers = &self.stream.wakers;
                ready!(self.stream.poll_established(cx, &wakers.writer))?;
                self.established = true;
            }
            let stream = &self.stream;
            let state = &stream.socket.state;
            let result = match stream.send(&bufs[first..]) {
                Ok(Some(n)) => {
                    state.count_written(n);
                    return Poll::Ready(Ok(n));
                }
                Ok(None) => ready!(stream.poll_sent(cx)),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                let error = state.left().unwrap_or(error);
                if error.kind() == io::ErrorKind::NotConnected {
                    return Poll::Ready(Err(error));
                }
                return Poll::Ready(Err(stream.explain(error)));
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.stream.socket.state.left() {
            return Poll::Ready(Err(error));
        }
        self.stream.poll_sent(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.stream.socket.state.has_any(LEFT) {
            return Err(not_connected("this side has disconnected"));
        }
        self.stream.finish(true);
        Ok(())
    }
}

impl Drop for TlsSink {
    fn drop(&mut self) {
        self.stream.sink_dropped();
    }
}
