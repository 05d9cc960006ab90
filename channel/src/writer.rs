//! The outbound half of a channel.

pub(crate) mod background;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::{WriteAllError, WriteError};
use crate::poller::{Key, Poller, Registration};
use crate::reader::deadline;
use crate::shared::{Handle, Shared};
use crate::transport::Sink;

/// The outbound half of a [`Channel`](crate::Channel): bytes, first in first out, lossless.
///
/// Every call comes in four forms: blocking, `try_` (never blocks, `WouldBlock`), `_timeout`
/// (`TimedOut`), and `_async` with its `poll_` function. A write may take fewer bytes than given;
/// what it took is delivered, unless the peer is lost. Writing an empty buffer never waits, and fails
/// where writing a byte would fail for good.
///
/// A peer that has left takes nothing more. Over a bare byte stream (tcp, tls, a pipe) the news of
/// that is on its way for a while: until it has arrived, a write may still be taken; those bytes are
/// thrown away at the peer's end.
///
/// Dropping the writer finishes the stream: the peer reads what was written, then end of stream.
/// Dropping it while the thread panics aborts the channel.
pub struct Writer {
    sink: Box<dyn Sink>,
    shared: Arc<Shared>,
    finished: bool,
    registration: Option<Registration>,
}

fn would_block<T>(poll: Poll<Result<T, WriteError>>) -> Result<T, WriteError> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(WriteError::WouldBlock),
    }
}

impl Writer {
    pub(crate) fn new(sink: Box<dyn Sink>, shared: Arc<Shared>) -> Writer {
        Writer {
            sink,
            shared,
            finished: false,
            registration: None,
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A handle that disconnects and observes the channel from any thread.
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// Runs a poll function with the waker of the poller's registration, if there is one.
    fn registered<T>(
        &mut self,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let registration = self.registration.take();
        let result = match &registration {
            Some(registration) => registration.poll(|cx| poll(self, cx)),
            None => poll(self, &mut Context::from_waker(Waker::noop())),
        };
        self.registration = registration;
        result
    }

    /// After a call that may have left another waker than the registration's: a key that is owed is
    /// delivered.
    #[inline]
    fn settle(&self) {
        if let Some(registration) = &self.registration {
            registration.settle();
        }
    }

    /// After a blocking call: one that could do nothing in time tries again, with the waker of the
    /// poller's registration.
    #[inline]
    fn unless_late<T>(
        &mut self,
        result: io::Result<T>,
        again: impl FnOnce(&mut dyn Sink, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let Some(registration) = &self.registration else {
            return result;
        };
        match result {
            Err(late) if late.kind() == io::ErrorKind::TimedOut => {
                match registration.poll(|cx| again(&mut *self.sink, cx)) {
                    Poll::Ready(result) => result,
                    Poll::Pending => Err(late),
                }
            }
            other => {
                registration.settle();
                other
            }
        }
    }

    /// Whether this side may still write; says nothing of the peer, and writes nothing.
    ///
    /// # Errors
    /// [`WriteError::Disconnected`], [`WriteError::Finished`].
    #[inline]
    pub fn check(&self) -> Result<(), WriteError> {
        if self.shared.left() {
            Err(WriteError::Disconnected)
        } else if self.finished {
            Err(WriteError::Finished)
        } else {
            Ok(())
        }
    }

    /// Translates what the sink said, and notes refusals and losses.
    #[inline]
    fn outcome<T>(&self, result: io::Result<T>) -> Result<T, WriteError> {
        result.map_err(|error| self.failed(error))
    }

    #[cold]
    fn failed(&self, error: io::Error) -> WriteError {
        if let Err(local) = self.check() {
            return local;
        }
        let error = WriteError::from_transport(error);
        match &error {
            WriteError::PeerClosed => self.shared.write_done(),
            WriteError::PeerLost(reason) => self.shared.lost_to_writer(reason),
            WriteError::Broken(reason) => self.shared.lost(reason),
            _ => {}
        }
        error
    }

    fn write_within(
        &mut self,
        bufs: &[IoSlice<'_>],
        until: Option<Instant>,
    ) -> Result<usize, WriteError> {
        self.check()?;
        let result = self.sink.write(bufs, until);
        let result = self.unless_late(result, |sink, cx| sink.poll_write(cx, bufs));
        self.outcome(result)
    }

    /// Writes at least one byte (unless `buf` is empty); blocks until one fits. Returns how many
    /// were taken.
    ///
    /// # Errors
    /// [`WriteError::Disconnected`] after the local disconnect, [`WriteError::Finished`] after
    /// [`finish`](Writer::finish), [`WriteError::PeerClosed`] when the peer reads no more,
    /// [`WriteError::PeerLost`]. Nothing was taken then.
    #[inline]
    pub fn write(&mut self, buf: &[u8]) -> Result<usize, WriteError> {
        self.write_within(&[IoSlice::new(buf)], None)
    }

    /// Writes what fits; never blocks.
    ///
    /// # Errors
    /// As [`write`](Writer::write), and [`WriteError::WouldBlock`]: then a poller that this writer
    /// is registered at hears when there is room.
    pub fn try_write(&mut self, buf: &[u8]) -> Result<usize, WriteError> {
        would_block(self.registered(|this, cx| this.poll_write(cx, buf)))
    }

    /// Writes at least one byte; blocks for at most `limit`.
    ///
    /// # Errors
    /// As [`write`](Writer::write), and [`WriteError::TimedOut`], never before the limit.
    pub fn write_timeout(&mut self, buf: &[u8], limit: Duration) -> Result<usize, WriteError> {
        self.write_within(&[IoSlice::new(buf)], deadline(limit))
    }

    /// Writes at least one byte; waits without blocking the thread. A future that is dropped before
    /// it is ready has taken nothing.
    pub async fn write_async(&mut self, buf: &[u8]) -> Result<usize, WriteError> {
        poll_fn(|cx| self.poll_write(cx, buf)).await
    }

    /// The poll function behind [`write_async`](Writer::write_async).
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize, WriteError>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    /// Writes from several buffers at once, at least one byte; blocks until one fits.
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize, WriteError> {
        self.write_within(bufs, None)
    }

    /// As [`write_vectored`](Writer::write_vectored), never blocks.
    pub fn try_write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize, WriteError> {
        would_block(self.registered(|this, cx| this.poll_write_vectored(cx, bufs)))
    }

    /// As [`write_vectored`](Writer::write_vectored), blocks for at most `limit`.
    pub fn write_vectored_timeout(
        &mut self,
        bufs: &[IoSlice<'_>],
        limit: Duration,
    ) -> Result<usize, WriteError> {
        self.write_within(bufs, deadline(limit))
    }

    /// As [`write_vectored_timeout`](Writer::write_vectored_timeout), with the moment at which the
    /// limit is over; none: blocks as long as it takes. For callers that make one call out of several
    /// writes.
    pub fn write_vectored_until(
        &mut self,
        bufs: &[IoSlice<'_>],
        until: Option<Instant>,
    ) -> Result<usize, WriteError> {
        self.write_within(bufs, until)
    }

    /// As [`write_vectored`](Writer::write_vectored), waits without blocking the thread.
    pub async fn write_vectored_async(
        &mut self,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize, WriteError> {
        poll_fn(|cx| self.poll_write_vectored(cx, bufs)).await
    }

    /// The poll function of the vectored write.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize, WriteError>> {
        self.check()?;
        self.sink.poll_write(cx, bufs).map(|result| {
            self.settle();
            self.outcome(result)
        })
    }

    /// Writes the whole buffer; blocks until then.
    ///
    /// # Errors
    /// [`WriteAllError`] tells how many bytes were written before it was cut short.
    pub fn write_all(&mut self, buf: &[u8]) -> Result<(), WriteAllError> {
        self.write_all_within(buf, None)
    }

    /// Writes the whole buffer; blocks for at most `limit`.
    ///
    /// # Errors
    /// [`WriteAllError`] tells how many bytes were written before it was cut short.
    pub fn write_all_timeout(&mut self, buf: &[u8], limit: Duration) -> Result<(), WriteAllError> {
        self.write_all_within(buf, deadline(limit))
    }

    fn write_all_within(
        &mut self,
        buf: &[u8],
        until: Option<Instant>,
    ) -> Result<(), WriteAllError> {
        let mut written = 0;
        // Once also for an empty buffer: what `write` refuses, this refuses.
        loop {
            match self.write_within(&[IoSlice::new(&buf[written..])], until) {
                Ok(n) => written += n,
                Err(error) => return Err(WriteAllError { written, error }),
            }
            if written >= buf.len() {
                return Ok(());
            }
        }
    }

    /// Writes the whole buffer; waits without blocking the thread. When the future is dropped, some
    /// of the buffer may have been written: use [`write_async`](Writer::write_async) where that
    /// matters.
    pub async fn write_all_async(&mut self, buf: &[u8]) -> Result<(), WriteAllError> {
        let mut written = 0;
        // Once also for an empty buffer: what `write` refuses, this refuses.
        loop {
            match self.write_async(&buf[written..]).await {
                Ok(n) => written += n,
                Err(error) => return Err(WriteAllError { written, error }),
            }
            if written >= buf.len() {
                return Ok(());
            }
        }
    }

    /// Passes on whatever this side still holds; blocks until the carrier has taken it. No
    /// transport holds bytes back for long by itself: a flush is never needed for the peer to get
    /// them.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.flush_within(None)
    }

    /// As [`flush`](Writer::flush), never blocks.
    pub fn try_flush(&mut self) -> Result<(), WriteError> {
        would_block(self.registered(|this, cx| this.poll_flush(cx)))
    }

    /// As [`flush`](Writer::flush), blocks for at most `limit`.
    pub fn flush_timeout(&mut self, limit: Duration) -> Result<(), WriteError> {
        self.flush_within(deadline(limit))
    }

    /// As [`flush`](Writer::flush), blocks until `until` at most; none: as long as it takes.
    pub fn flush_until(&mut self, until: Option<Instant>) -> Result<(), WriteError> {
        self.flush_within(until)
    }

    /// As [`flush`](Writer::flush), waits without blocking the thread.
    pub async fn flush_async(&mut self) -> Result<(), WriteError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// The poll function behind [`flush_async`](Writer::flush_async).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        match self.check() {
            // All that was written is on its way already.
            Err(WriteError::Finished) => return Poll::Ready(Ok(())),
            other => other?,
        }
        self.sink.poll_flush(cx).map(|result| {
            self.settle();
            self.outcome(result)
        })
    }

    fn flush_within(&mut self, until: Option<Instant>) -> Result<(), WriteError> {
        match self.check() {
            Err(WriteError::Finished) => return Ok(()),
            other => other?,
        }
        let result = self.sink.flush(until);
        let result = self.unless_late(result, |sink, cx| sink.poll_flush(cx));
        self.outcome(result)
    }

    /// Half-close: the peer reads what was written, then end of stream. Never blocks. Reading goes
    /// on. Finishing again does nothing.
    ///
    /// # Errors
    /// [`WriteError::Disconnected`] after the local disconnect; whatever the transport found out
    /// about the peer.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        match self.check() {
            Err(WriteError::Finished) => return Ok(()),
            other => other?,
        }
        let result = self.sink.finish();
        self.finished = true;
        self.shared.write_done();
        match result {
            Ok(()) => Ok(()),
            Err(_) if self.shared.left() => Err(WriteError::Disconnected),
            Err(error) => Err(WriteError::from_transport(error)),
        }
    }

    /// Registers at a poller: `key` is delivered once now, also if there is no room (the next `try_`
    /// call tells), and then once after each call that said `WouldBlock` or `TimedOut`, when there is
    /// room, or writing fails. Replaces an earlier registration; dropping the writer ends it.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        let registration = poller.registration(key);
        registration.deliver();
        self.registration = Some(registration);
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.registration = None;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.check().is_ok() {
            // Nobody is left to hear of an error; the peer hears of it from the transport.
            let _ = self.sink.finish();
        }
        self.shared.writer_dropped();
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Writer")
            .field(&Handle(self.shared.clone()))
            .finish()
    }
}

impl io::Write for Writer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(Writer::write(self, buf)?)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(Writer::write_vectored(self, bufs)?)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        Ok(Writer::write_all(self, buf)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(Writer::flush(self)?)
    }
}
