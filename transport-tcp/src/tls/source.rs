//! The inbound half.

#[cfg(test)]
mod tests;

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use channel::transport::Source;
use channel::wait::Spinner;
use channel::{Endpoint, Spin, wait};

use super::stream::{PATIENCE, Received, TlsStream};
use crate::buffer::{Buffer, READ_AHEAD, Scratch};
use crate::sleep;
use crate::state::ENDED;

/// At least so much is taken in at once: a whole record, and the longest message of the protocol that is
/// put up with.
const LEAST: usize = 32 * 1024;
/// So many calls of the system's in a row may bring nothing that concerns the user, before others get their
/// turn on the thread.
const EMPTY: usize = 16;

pub(super) struct TlsSource {
    ahead: Ahead,
    spinner: Spinner,
    established: bool,
    /// How often a client that is refused is still read from.
    patience: u8,
    peer: Endpoint,
}

/// The stream, and what was read ahead of it.
struct Ahead {
    stream: Arc<TlsStream>,
    buffer: Buffer,
    /// Most that is taken in at once.
    room: usize,
}

/// What one try came to.
enum Tried {
    /// So many bytes lie there now, or the stream is over.
    Over(io::Result<usize>),
    Nothing,
    /// Another thread receives.
    Elsewhere,
    /// Something came, time and again, that holds no bytes.
    Again,
}

impl TlsSource {
    /// `explains`: whether a client that is refused gets the time to learn why.
    pub(super) fn new(
        stream: Arc<TlsStream>,
        capacity: usize,
        spin: Spin,
        peer: Endpoint,
        explains: bool,
    ) -> TlsSource {
        TlsSource {
            ahead: Ahead {
                stream,
                buffer: Buffer::Empty,
                room: capacity.clamp(LEAST, READ_AHEAD),
            },
            spinner: Spinner::of_calls(spin),
            established: false,
            patience: if explains { PATIENCE } else { 0 },
            peer,
        }
    }

    fn poll_established(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.established {
            return Poll::Ready(Ok(()));
        }
        let stream = &self.ahead.stream;
        if let Err(error) = ready!(stream.poll_established(cx, &stream.wakers.reader)) {
            ready!(stream.poll_explained(cx, &mut self.patience));
            tracing::debug!(target: "transport_tcp", peer = %self.peer, %error, "refuse");
            return Poll::Ready(Err(error));
        }
        self.established = true;
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, out: &mut [IoSliceMut<'_>]) -> usize {
        let n = self.ahead.buffer.take(out);
        self.ahead.stream.socket.state.count_read(n);
        n
    }

    fn block_established(&mut self, until: Option<Instant>) -> io::Result<()> {
        if self.established {
            return Ok(());
        }
        wait::block(until, |cx| match self.poll_established(cx) {
            Poll::Pending if self.ahead.stream.socket.state.reading.take_call() => {
                Poll::Ready(Err(io::ErrorKind::Interrupted.into()))
            }
            poll => poll,
        })
    }
}

impl Ahead {
    fn attempt(&mut self) -> Tried {
        let stream = &self.stream;
        let state = &*stream.socket.state;
        for _ in 0..EMPTY {
            if let Some(error) = state.left() {
                return Tried::Over(Err(error));
            }
            let mut scratch = Scratch::take();
            let mut n = 0;
            let mut deliver = |bytes: &[u8]| {
                scratch.bytes()[n..n + bytes.len()].copy_from_slice(bytes);
                n += bytes.len();
            };
            let received = stream.receive(self.room, Some(&mut deliver));
            if n > 0 {
                self.buffer = Buffer::keep(scratch, n);
                return Tried::Over(Ok(n));
            }
            match received {
                Ok(Received::Something) => {}
                Ok(Received::Nothing) => return Tried::Nothing,
                Ok(Received::Elsewhere) => return Tried::Elsewhere,
                Ok(Received::End) => {
                    // Whoever discards after a disconnect may have come to the end.
                    if let Some(error) = state.left() {
                        return Tried::Over(Err(error));
                    }
                    state.set(ENDED);
                    return Tried::Over(Ok(0));
                }
                Err(error) => return Tried::Over(Err(state.left().unwrap_or(error))),
            }
        }
        Tried::Again
    }

    /// Ready when another try is worth it. What another thread has taken in meanwhile is no news of the
    /// system's any more.
    fn poll_inbound(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &self.stream;
        // Before the look: whoever takes something in from now on, or this one's place at the socket,
        // wakes it.
        stream.wakers.reader.set(cx.waker());
        match stream.socket.poll_inbound(cx) {
            Poll::Pending if stream.has_received() => Poll::Ready(Ok(())),
            poll => poll,
        }
    }

    /// Ready when the other thread is through.
    fn poll_elsewhere(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.wakers.reader.set(cx.waker());
        if self.stream.is_receiving() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl Source for TlsSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled = self.ahead.buffer.filled().len();
        if filled > 0 {
            return Poll::Ready(Ok(filled));
        }
        ready!(self.poll_established(cx))?;
        loop {
            match self.ahead.attempt() {
                Tried::Over(result) => return Poll::Ready(result),
                Tried::Nothing => ready!(self.ahead.poll_inbound(cx))?,
                Tried::Elsewhere => ready!(self.ahead.poll_elsewhere(cx))?,
                Tried::Again => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }

    fn filled(&self) -> &[u8] {
        self.ahead.buffer.filled()
    }

    fn consume(&mut self, n: usize) {
        self.ahead.buffer.consume(n);
        self.ahead.stream.socket.state.count_read(n);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if out.iter().all(|slice| slice.is_empty()) || ready!(self.poll_fill(cx))? == 0 {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(Ok(self.take(out)))
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        if out.iter().all(|slice| slice.is_empty()) || self.fill(until)? == 0 {
            return Ok(0);
        }
        Ok(self.take(out))
    }

    /// Tries, tries for a little longer, and then sleeps at the socket.
    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        let filled = self.ahead.buffer.filled().len();
        if filled > 0 {
            return Ok(filled);
        }
        self.block_established(until)?;
        sleep::prepare();
        let mut slept = Ok(());
        loop {
            let mut tried = self.ahead.attempt();
            if matches!(tried, Tried::Nothing) && slept.is_ok() {
                self.ahead.stream.socket.leave_reactor();
                self.spinner.spin(until, || {
                    tried = self.ahead.attempt();
                    !matches!(tried, Tried::Nothing)
                });
            }
            match (tried, slept) {
                (Tried::Over(result), _) => return result,
                (_, Err(error)) => return Err(error),
                (Tried::Elsewhere, Ok(())) => {
                    slept = wait::block(until, |cx| self.ahead.poll_elsewhere(cx));
                }
                (Tried::Again, Ok(())) => {
                    slept = match until {
                        Some(until) if Instant::now() >= until => {
                            Err(io::ErrorKind::TimedOut.into())
                        }
                        _ => Ok(()),
                    };
                }
                (Tried::Nothing, Ok(())) => {
                    let socket = &self.ahead.stream.socket;
                    slept = self.spinner.sleep(|| socket.wait_inbound(until));
                }
            }
        }
    }

    fn interrupter(&self) -> Option<Waker> {
        Some(self.ahead.stream.socket.state.clone().into())
    }
}

impl Drop for TlsSource {
    fn drop(&mut self) {
        self.ahead.stream.source_dropped();
    }
}
