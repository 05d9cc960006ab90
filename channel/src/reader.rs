//! The inbound half of a channel.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::{ReadError, ReadExactError};
use crate::poller::{Key, Poller, Registration};
use crate::shared::{Handle, Shared};
use crate::transport::Source;

/// The inbound half of a [`Channel`](crate::Channel): bytes, first in first out, lossless.
///
/// Every call comes in four forms: blocking, `try_` (never blocks, `WouldBlock`), `_timeout`
/// (`TimedOut`), and `_async` with its `poll_` function. `Ok(0)` means end of stream, unless the
/// buffer given was empty: then it is `Ok(0)` at once and says nothing about the stream. After the
/// local disconnect every call says `Disconnected`, with an empty buffer too.
///
/// Dropping the reader makes the peer's writes fail with `PeerClosed`; dropping it while the thread
/// panics aborts the channel.
pub struct Reader {
    source: Box<dyn Source>,
    shared: Arc<Shared>,
    registration: Option<Registration>,
}

/// The time limit of a call that starts now; none if it lies beyond what the clock can tell.
pub(crate) fn deadline(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

/// A blocking call of the source that may be called away for reasons of the transport's own: then it goes
/// on. What is meant for this side, such as its disconnect, the next try finds.
#[inline]
fn undisturbed(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn would_block<T>(poll: Poll<Result<T, ReadError>>) -> Result<T, ReadError> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ReadError::WouldBlock),
    }
}

impl Reader {
    pub(crate) fn new(source: Box<dyn Source>, shared: Arc<Shared>) -> Reader {
        Reader {
            source,
            shared,
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

    /// After a blocking call: one that found nothing in time asks again, with the waker of the
    /// poller's registration.
    #[inline]
    fn unless_late(
        &mut self,
        result: io::Result<usize>,
        again: impl FnOnce(&mut dyn Source, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> io::Result<usize> {
        let Some(registration) = &self.registration else {
            return result;
        };
        match result {
            Err(late) if late.kind() == io::ErrorKind::TimedOut => {
                match registration.poll(|cx| again(&mut *self.source, cx)) {
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

    #[inline]
    fn check(&self) -> Result<(), ReadError> {
        if self.shared.left() {
            Err(ReadError::Disconnected)
        } else {
            Ok(())
        }
    }

    /// What every call does first.
    #[inline]
    fn enter(&mut self) -> Result<(), ReadError> {
        if self.shared.left() {
            self.give_back();
        }
        self.check()
    }

    /// What was lent and not consumed is the source's again: over records, whoever closes waits for
    /// news behind it.
    #[cold]
    fn give_back(&mut self) {
        let _ = self
            .source
            .poll_fill(&mut Context::from_waker(Waker::noop()));
    }

    /// Translates what the source said, and notes ends and losses.
    #[inline]
    fn outcome(&self, result: io::Result<usize>) -> Result<usize, ReadError> {
        match result {
            Ok(n) if n > 0 => Ok(n),
            other => self.ended(other),
        }
    }

    #[cold]
    fn ended(&self, result: io::Result<usize>) -> Result<usize, ReadError> {
        self.check()?;
        let error = match result {
            Ok(n) => {
                self.shared.read_done();
                return Ok(n);
            }
            Err(error) => ReadError::from_transport(error),
        };
        match &error {
            ReadError::PeerLost(reason) | ReadError::Broken(reason) => self.shared.lost(reason),
            _ => {}
        }
        Err(error)
    }

    fn read_within(
        &mut self,
        out: &mut [IoSliceMut<'_>],
        until: Option<Instant>,
    ) -> Result<usize, ReadError> {
        self.enter()?;
        if out.iter().all(|b| b.is_empty()) {
            return Ok(0);
        }
        let result = undisturbed(|| self.source.read(out, until));
        let result = self.unless_late(result, |source, cx| source.poll_read(cx, out));
        self.outcome(result)
    }

    /// Reads at least one byte; blocks until there is one.
    ///
    /// # Errors
    /// [`ReadError::Disconnected`] after the local disconnect, [`ReadError::PeerLost`] when the
    /// peer is lost and everything that did arrive was read.
    #[inline]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, ReadError> {
        self.read_within(&mut [IoSliceMut::new(buf)], None)
    }

    /// Reads what is there; never blocks.
    ///
    /// # Errors
    /// As [`read`](Reader::read), and [`ReadError::WouldBlock`]: then a poller that this reader is
    /// registered at hears when there is something.
    pub fn try_read(&mut self, buf: &mut [u8]) -> Result<usize, ReadError> {
        would_block(self.registered(|this, cx| this.poll_read(cx, buf)))
    }

    /// Reads at least one byte; blocks for at most `limit`.
    ///
    /// # Errors
    /// As [`read`](Reader::read), and [`ReadError::TimedOut`], never before the limit; nothing is
    /// lost then.
    pub fn read_timeout(&mut self, buf: &mut [u8], limit: Duration) -> Result<usize, ReadError> {
        self.read_within(&mut [IoSliceMut::new(buf)], deadline(limit))
    }

    /// As [`read_timeout`](Reader::read_timeout), with the moment at which the limit is over; none:
    /// blocks as long as it takes. For callers that make one call out of several reads.
    pub fn read_until(
        &mut self,
        buf: &mut [u8],
        until: Option<Instant>,
    ) -> Result<usize, ReadError> {
        self.read_within(&mut [IoSliceMut::new(buf)], until)
    }

    /// Reads at least one byte; waits without blocking the thread. Dropping the future loses
    /// nothing.
    pub async fn read_async(&mut self, buf: &mut [u8]) -> Result<usize, ReadError> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// The poll function behind [`read_async`](Reader::read_async).
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, ReadError>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buf)])
    }

    /// Reads into several buffers at once, at least one byte; blocks until there is one.
    pub fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, ReadError> {
        self.read_within(bufs, None)
    }

    /// As [`read_vectored`](Reader::read_vectored), never blocks.
    pub fn try_read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize, ReadError> {
        would_block(self.registered(|this, cx| this.poll_read_vectored(cx, bufs)))
    }

    /// As [`read_vectored`](Reader::read_vectored), blocks for at most `limit`.
    pub fn read_vectored_timeout(
        &mut self,
        bufs: &mut [IoSliceMut<'_>],
        limit: Duration,
    ) -> Result<usize, ReadError> {
        self.read_within(bufs, deadline(limit))
    }

    /// As [`read_vectored`](Reader::read_vectored), waits without blocking the thread.
    pub async fn read_vectored_async(
        &mut self,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize, ReadError> {
        poll_fn(|cx| self.poll_read_vectored(cx, bufs)).await
    }

    /// The poll function of the vectored read.
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize, ReadError>> {
        self.enter()?;
        if bufs.iter().all(|b| b.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.source.poll_read(cx, bufs).map(|result| {
            self.settle();
            self.outcome(result)
        })
    }

    /// Fills the whole buffer; blocks until then.
    ///
    /// # Errors
    /// [`ReadExactError`] tells how many bytes were read; they are in the buffer.
    pub fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError> {
        self.read_exact_within(buf, None)
    }

    /// Fills the whole buffer; blocks for at most `limit`.
    ///
    /// # Errors
    /// [`ReadExactError`] tells how many bytes were read; they are in the buffer.
    pub fn read_exact_timeout(
        &mut self,
        buf: &mut [u8],
        limit: Duration,
    ) -> Result<(), ReadExactError> {
        self.read_exact_within(buf, deadline(limit))
    }

    fn read_exact_within(
        &mut self,
        buf: &mut [u8],
        until: Option<Instant>,
    ) -> Result<(), ReadExactError> {
        let wanted = buf.len();
        let mut read = 0;
        if wanted == 0
            && let Err(error) = self.enter()
        {
            return Err(ReadExactError {
                read,
                wanted,
                error: Some(error),
            });
        }
        while read < wanted {
            match self.read_within(&mut [IoSliceMut::new(&mut buf[read..])], until) {
                Ok(0) => {
                    return Err(ReadExactError {
                        read,
                        wanted,
                        error: None,
                    });
                }
                Ok(n) => read += n,
                Err(error) => {
                    return Err(ReadExactError {
                        read,
                        wanted,
                        error: Some(error),
                    });
                }
            }
        }
        Ok(())
    }

    /// Fills the whole buffer; waits without blocking the thread. What was read when the future is
    /// dropped is taken out of the stream.
    pub async fn read_exact_async(&mut self, buf: &mut [u8]) -> Result<(), ReadExactError> {
        let wanted = buf.len();
        let mut read = 0;
        if wanted == 0
            && let Err(error) = self.enter()
        {
            return Err(ReadExactError {
                read,
                wanted,
                error: Some(error),
            });
        }
        while read < wanted {
            match self.read_async(&mut buf[read..]).await {
                Ok(0) => {
                    return Err(ReadExactError {
                        read,
                        wanted,
                        error: None,
                    });
                }
                Ok(n) => read += n,
                Err(error) => {
                    return Err(ReadExactError {
                        read,
                        wanted,
                        error: Some(error),
                    });
                }
            }
        }
        Ok(())
    }

    /// Waits for bytes and lends them where they lie, without a copy; empty at the end of the
    /// stream. [`consume`](Reader::consume) takes them out.
    pub fn fill_buf(&mut self) -> Result<&[u8], ReadError> {
        self.fill_within(None)
    }

    /// As [`fill_buf`](Reader::fill_buf), never blocks.
    pub fn try_fill_buf(&mut self) -> Result<&[u8], ReadError> {
        let n = would_block(self.registered(|this, cx| this.poll_fill(cx)))?;
        Ok(&self.source.filled()[..n])
    }

    /// As [`fill_buf`](Reader::fill_buf), blocks for at most `limit`.
    pub fn fill_buf_timeout(&mut self, limit: Duration) -> Result<&[u8], ReadError> {
        self.fill_within(deadline(limit))
    }

    /// As [`fill_buf`](Reader::fill_buf), blocks until `until` at most; none: as long as it takes.
    pub fn fill_buf_until(&mut self, until: Option<Instant>) -> Result<&[u8], ReadError> {
        self.fill_within(until)
    }

    /// As [`fill_buf`](Reader::fill_buf), waits without blocking the thread.
    pub async fn fill_buf_async(&mut self) -> Result<&[u8], ReadError> {
        let n = poll_fn(|cx| self.poll_fill(cx)).await?;
        Ok(&self.source.filled()[..n])
    }

    /// The poll function behind [`fill_buf_async`](Reader::fill_buf_async).
    pub fn poll_fill_buf(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], ReadError>> {
        match self.poll_fill(cx) {
            Poll::Ready(Ok(n)) => Poll::Ready(Ok(&self.source.filled()[..n])),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, ReadError>> {
        self.enter()?;
        self.source.poll_fill(cx).map(|result| {
            self.settle();
            self.outcome(result)
        })
    }

    fn fill_within(&mut self, until: Option<Instant>) -> Result<&[u8], ReadError> {
        self.enter()?;
        let result = undisturbed(|| self.source.fill(until));
        let result = self.unless_late(result, |source, cx| source.poll_fill(cx));
        let n = self.outcome(result)?;
        Ok(&self.source.filled()[..n])
    }

    /// Whether this side has disconnected, so that every read fails. Cheap; for callers that serve
    /// themselves from the [`buffer`](Reader::buffer).
    #[inline]
    pub fn is_disconnected(&self) -> bool {
        self.shared.left()
    }

    /// The bytes that the last fill lent and nobody consumed yet.
    pub fn buffer(&self) -> &[u8] {
        self.source.filled()
    }

    /// Takes out the first `n` bytes of what the last fill lent.
    ///
    /// # Panics
    /// If it lent fewer.
    pub fn consume(&mut self, n: usize) {
        let filled = self.source.filled().len();
        assert!(n <= filled, "consume({n}) of {filled} bytes that are there");
        if n > 0 {
            self.source.consume(n);
        }
    }

    /// Registers at a poller: `key` is delivered once as soon as there is something to read (bytes,
    /// the end, an error), which may be now, and then once after each call that said `WouldBlock` or
    /// `TimedOut`. Replaces an earlier registration; dropping the reader ends it.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.registration = Some(poller.registration(key));
        if self.registered(Self::poll_fill).is_ready()
            && let Some(registration) = &self.registration
        {
            registration.deliver();
        }
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.registration = None;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.reader_dropped();
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader")
            .field(&Handle(self.shared.clone()))
            .finish()
    }
}

impl io::Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(Reader::read(self, buf)?)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(Reader::read_vectored(self, bufs)?)
    }
}

impl io::BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(Reader::fill_buf(self)?)
    }

    fn consume(&mut self, n: usize) {
        Reader::consume(self, n);
    }
}
