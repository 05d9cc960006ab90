//! How a call waits: the one thing in which the forms of a call differ.

use std::io::IoSlice;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::{ReadError, Reader, WriteError, Writer};

/// How a call waits for the channel.
pub(crate) enum Wait<'a, 'b> {
    /// Blocks the thread, until then at most.
    Until(Option<Instant>),
    /// Not at all; a poller that the half is registered at hears when it can go on.
    Not,
    /// Leaves a waker. "Would block" then means that the waker will be woken.
    Poll(&'a mut Context<'b>),
}

/// The end of a time limit that starts now; none if it lies beyond what the clock can tell.
pub(crate) fn deadline(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

impl Wait<'_, '_> {
    /// Writes at least one byte.
    #[inline]
    pub(crate) fn write(
        &mut self,
        writer: &mut Writer,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize, WriteError> {
        match self {
            Wait::Until(until) => writer.write_vectored_until(bufs, *until),
            Wait::Not => writer.try_write_vectored(bufs),
            Wait::Poll(cx) => match writer.poll_write_vectored(cx, bufs) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(WriteError::WouldBlock),
            },
        }
    }

    /// Passes on what the channel itself still holds.
    pub(crate) fn flush(&mut self, writer: &mut Writer) -> Result<(), WriteError> {
        match self {
            Wait::Until(until) => writer.flush_until(*until),
            Wait::Not => writer.try_flush(),
            Wait::Poll(cx) => match writer.poll_flush(cx) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(WriteError::WouldBlock),
            },
        }
    }

    /// Has at least one byte in the reader's buffer; `false` at the end of the stream.
    #[inline]
    pub(crate) fn fill(&mut self, reader: &mut Reader) -> Result<bool, ReadError> {
        let filled = match self {
            Wait::Until(until) => reader.fill_buf_until(*until)?,
            Wait::Not => reader.try_fill_buf()?,
            Wait::Poll(cx) => match reader.poll_fill_buf(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Err(ReadError::WouldBlock),
            },
        };
        Ok(!filled.is_empty())
    }
}
