//! The sending half of a queue.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll};
use std::time::Duration;

use channel::{Handle, Key, Poller, Writer};

use crate::codec::{self, PREFIX};
use crate::error::SendError;
use crate::wait::{Wait, deadline};

/// How many bytes [`feed`](MessageSender::feed) gathers before it writes them: enough that the cost
/// of a write (a barrier, perhaps a wake-up or a system call) is shared by many small messages, and
/// a quarter of a channel's default buffer, so that the receiver works on one part while the next is
/// being gathered.
pub const BATCH: usize = 16 * 1024;

/// Slices that are handed on at once. Linux takes 1,024; most messages have a few.
const WINDOW: usize = 16;

/// The sending half of a [`MessageQueue`](crate::MessageQueue), without any lock.
///
/// Every call comes in four forms: blocking, `try_` (never blocks, `WouldBlock`), `_timeout`
/// (`TimedOut`) and `_async`. A call that ends in the middle of a message (only one with a limit can)
/// says [`Unfinished`](SendError::Unfinished): the rest is kept, and leaves ahead of whatever is next.
///
/// Dropping it finishes sending: what it still holds (messages that were fed and not flushed, the
/// rest of an unfinished one) is sent in the background, for as long as the channel may linger, and
/// the peer then hears that there is no more. A process that exits right after that may cut it short:
/// [`flush`](MessageSender::flush) before. Dropping it while the thread panics aborts the queue.
pub struct MessageSender {
    /// None only while it is being dropped.
    writer: Option<Writer>,
    /// Framed bytes that leave ahead of everything else, from `gone` on: batched messages, or the
    /// rest of one. At most a batch and the rest of one message.
    outgoing: Vec<u8>,
    gone: usize,
    limit: usize,
}

/// A message on its way: its prefix, and its slices.
struct Framed<'a> {
    prefix: [u8; PREFIX],
    body: &'a [IoSlice<'a>],
    length: usize,
}

impl<'a> Framed<'a> {
    fn new(body: &'a [IoSlice<'a>], limit: usize) -> Result<Framed<'a>, SendError> {
        let length = body
            .iter()
            .fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
        Ok(Framed {
            prefix: codec::prefix(length, limit)?,
            body,
            length,
        })
    }

    fn size(&self) -> usize {
        PREFIX + self.length
    }

    /// What is left after the first `skip` bytes, in slices.
    fn rest(&self, mut skip: usize) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.prefix[..])
            .chain(self.body.iter().map(|slice| &**slice))
            .filter_map(move |slice| {
                let from = skip.min(slice.len());
                skip -= from;
                (from < slice.len()).then(|| &slice[from..])
            })
    }
}

impl MessageSender {
    pub(crate) fn new(writer: Writer, limit: usize) -> MessageSender {
        MessageSender {
            writer: Some(writer),
            outgoing: Vec::new(),
            gone: 0,
            limit: limit.min(codec::MAX_LIMIT),
        }
    }

    #[inline]
    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("it is there until the drop")
    }

    /// The largest message it sends, in bytes.
    pub fn max_message(&self) -> usize {
        self.limit
    }

    /// A handle that disconnects and observes the channel from any thread.
    pub fn handle(&self) -> Handle {
        self.writer.as_ref().expect("it is there").handle()
    }

    /// Bytes that the queue itself holds: messages that were fed, or the rest of an unfinished one.
    /// [`flush`](MessageSender::flush) sends them.
    pub fn unsent(&self) -> usize {
        self.outgoing.len() - self.gone
    }

    #[inline]
    pub(crate) fn put(&mut self, message: &[u8], wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        let prefix = codec::prefix(message.len(), self.limit)?;
        if !self.outgoing.is_empty() {
            return self.put_slices(&[IoSlice::new(message)], wait);
        }
        let slices = [IoSlice::new(&prefix), IoSlice::new(message)];
        let n = wait.write(self.writer(), &slices)?;
        if n == PREFIX + message.len() {
            return Ok(());
        }
        self.put_from(&Framed::new(&[IoSlice::new(message)], self.limit)?, n, wait)
    }

    pub(crate) fn put_slices(
        &mut self,
        slices: &[IoSlice<'_>],
        wait: &mut Wait<'_, '_>,
    ) -> Result<(), SendError> {
        self.put_from(&Framed::new(slices, self.limit)?, 0, wait)
    }

    /// Sends a message of which the first `sent` bytes have left already, behind what is to leave
    /// ahead of it.
    fn put_from(
        &mut self,
        message: &Framed<'_>,
        mut sent: usize,
        wait: &mut Wait<'_, '_>,
    ) -> Result<(), SendError> {
        while sent < message.size() {
            let mut window = [IoSlice::new(&[]); WINDOW];
            let ahead = &self.outgoing[self.gone..];
            let mut count = 0;
            for slice in std::iter::once(ahead)
                .filter(|ahead| !ahead.is_empty())
                .chain(message.rest(sent))
                .take(WINDOW)
            {
                window[count] = IoSlice::new(slice);
                count += 1;
            }
            let writer = self.writer.as_mut().expect("it is there until the drop");
            match wait.write(writer, &window[..count]) {
                Ok(n) => {
                    let of_ahead = n.min(ahead.len());
                    self.left(of_ahead);
                    sent += n - of_ahead;
                }
                Err(error) => {
                    let error = SendError::from(error);
                    let late = matches!(error, SendError::TimedOut | SendError::WouldBlock);
                    if late && sent > 0 {
                        for slice in message.rest(sent) {
                            self.outgoing.extend_from_slice(slice);
                        }
                        return Err(SendError::Unfinished);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Notes that the first `n` unsent bytes have left.
    fn left(&mut self, n: usize) {
        self.gone += n;
        if self.gone == self.outgoing.len() {
            self.gone = 0;
            self.outgoing.clear();
            // The room of a batch is kept for the next; that of a large message is not.
            if self.outgoing.capacity() > 2 * BATCH {
                self.outgoing = Vec::new();
            }
        }
    }

    /// Sends what the queue holds.
    fn drain(&mut self, wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        while self.unsent() > 0 {
            let writer = self.writer.as_mut().expect("it is there until the drop");
            let n = wait.write(writer, &[IoSlice::new(&self.outgoing[self.gone..])])?;
            self.left(n);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn batch(
        &mut self,
        message: &[u8],
        wait: &mut Wait<'_, '_>,
    ) -> Result<(), SendError> {
        let prefix = codec::prefix(message.len(), self.limit)?;
        let size = PREFIX + message.len();
        if self.unsent() + size > BATCH {
            if size > BATCH {
                return self.put(message, wait);
            }
            let drained = self.drain(wait);
            // A little room will do.
            if self.unsent() + size > BATCH {
                drained?;
            }
        }
        self.outgoing.extend_from_slice(&prefix);
        self.outgoing.extend_from_slice(message);
        Ok(())
    }

    pub(crate) fn flush_with(&mut self, wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        self.drain(wait)?;
        Ok(wait.flush(self.writer())?)
    }

    /// The part of an asynchronous send that decides whether the message is taken.
    pub(crate) fn poll_put(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<(), SendError>> {
        match self.put_slices(slices, &mut Wait::Poll(cx)) {
            Err(SendError::WouldBlock) => Poll::Pending,
            // It is taken: the rest is the queue's.
            Err(SendError::Unfinished) => Poll::Ready(Ok(())),
            other => Poll::Ready(other),
        }
    }

    /// Sends what the queue holds, without a flush of the channel.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        pending(self.drain(&mut Wait::Poll(cx)))
    }

    pub(crate) fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        message: &[u8],
    ) -> Poll<Result<(), SendError>> {
        match self.batch(message, &mut Wait::Poll(cx)) {
            Err(SendError::Unfinished) => Poll::Ready(Ok(())),
            other => pending(other),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        pending(self.flush_with(&mut Wait::Poll(cx)))
    }

    pub(crate) fn finish_with(&mut self, wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        match self.flush_with(wait) {
            Ok(()) => Ok(self.writer().finish()?),
            Err(SendError::Finished) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends one whole message of 0 to [`max_message`](MessageSender::max_message) bytes; blocks
    /// while there is no room. When it returns, every byte is in the channel.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] before the first byte is sent; [`SendError::PeerClosed`],
    /// [`SendError::PeerLost`], [`SendError::Closed`], [`SendError::Finished`].
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.put(message, &mut Wait::Until(None))
    }

    /// Sends if there is room for at least a part of the message; never blocks.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send); [`SendError::WouldBlock`] if nothing of it was sent,
    /// [`SendError::Unfinished`] if it was taken but some of it is still here: then
    /// [`try_flush`](MessageSender::try_flush) until that succeeds. After either, a poller that this
    /// half is registered at hears when there is room.
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.put(message, &mut Wait::Not)
    }

    /// Sends one message; blocks for at most `limit`.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send); [`SendError::TimedOut`] if nothing of it was sent,
    /// [`SendError::Unfinished`] if it was taken but some of it is still here. Never before the
    /// limit.
    pub fn send_timeout(&mut self, message: &[u8], limit: Duration) -> Result<(), SendError> {
        self.put(message, &mut Wait::Until(deadline(limit)))
    }

    /// Sends one message; waits without blocking the thread. A future that is dropped before the
    /// first byte was sent has sent nothing; after it, the queue keeps the rest and sends it ahead
    /// of whatever is next.
    pub async fn send_async(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_vectored_async(&[IoSlice::new(message)]).await
    }

    /// Sends one message that lies in several slices, without gathering them first; blocks while
    /// there is no room.
    pub fn send_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        self.put_slices(slices, &mut Wait::Until(None))
    }

    /// As [`send_vectored`](MessageSender::send_vectored), never blocks; see
    /// [`try_send`](MessageSender::try_send).
    pub fn try_send_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        self.put_slices(slices, &mut Wait::Not)
    }

    /// As [`send_vectored`](MessageSender::send_vectored), blocks for at most `limit`; see
    /// [`send_timeout`](MessageSender::send_timeout).
    pub fn send_vectored_timeout(
        &mut self,
        slices: &[IoSlice<'_>],
        limit: Duration,
    ) -> Result<(), SendError> {
        self.put_slices(slices, &mut Wait::Until(deadline(limit)))
    }

    /// As [`send_vectored`](MessageSender::send_vectored), waits without blocking the thread; see
    /// [`send_async`](MessageSender::send_async).
    pub async fn send_vectored_async(&mut self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_put(cx, slices)).await?;
        poll_fn(|cx| self.poll_drain(cx)).await
    }

    /// Takes one message and sends it together with others: when [`BATCH`] bytes are gathered, at the
    /// next flush, or ahead of the next send. Blocks only while a full batch finds no room. Nothing
    /// is sent by time: whoever feeds, flushes.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send); the message was not taken then.
    #[inline]
    pub fn feed(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.batch(message, &mut Wait::Until(None))
    }

    /// As [`feed`](MessageSender::feed), never blocks: `WouldBlock` if a full batch finds no room.
    pub fn try_feed(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.batch(message, &mut Wait::Not)
    }

    /// As [`feed`](MessageSender::feed), blocks for at most `limit`.
    pub fn feed_timeout(&mut self, message: &[u8], limit: Duration) -> Result<(), SendError> {
        self.batch(message, &mut Wait::Until(deadline(limit)))
    }

    /// As [`feed`](MessageSender::feed), waits without blocking the thread.
    pub async fn feed_async(&mut self, message: &[u8]) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_batch(cx, message)).await
    }

    /// Sends whatever the queue holds (messages that were fed, the rest of an unfinished one); blocks
    /// until all of it is in the channel.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send).
    pub fn flush(&mut self) -> Result<(), SendError> {
        self.flush_with(&mut Wait::Until(None))
    }

    /// As [`flush`](MessageSender::flush), never blocks: `WouldBlock` if something is left.
    pub fn try_flush(&mut self) -> Result<(), SendError> {
        self.flush_with(&mut Wait::Not)
    }

    /// As [`flush`](MessageSender::flush), blocks for at most `limit`: `TimedOut` if something is
    /// left.
    pub fn flush_timeout(&mut self, limit: Duration) -> Result<(), SendError> {
        self.flush_with(&mut Wait::Until(deadline(limit)))
    }

    /// As [`flush`](MessageSender::flush), waits without blocking the thread. Dropping the future
    /// loses nothing.
    pub async fn flush_async(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Flushes, and tells the peer that there are no more messages from here; receiving goes on.
    /// Blocks until all is in the channel. Later sends say [`SendError::Finished`].
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.finish_with(&mut Wait::Until(None))
    }

    /// Registers at a poller: `key` is delivered once now, and then once after each call that said
    /// `WouldBlock`, `TimedOut` or `Unfinished`, when there is room, or sending fails.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.writer().register(poller, key);
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.writer().deregister();
    }
}

impl Drop for MessageSender {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            let mut rest = std::mem::take(&mut self.outgoing);
            rest.drain(..self.gone);
            writer.finish_after(rest);
        }
    }
}

/// In a poll function, "would block" means that the waker will be woken.
fn pending(result: Result<(), SendError>) -> Poll<Result<(), SendError>> {
    match result {
        Err(SendError::WouldBlock) => Poll::Pending,
        other => Poll::Ready(other),
    }
}

impl std::fmt::Debug for MessageSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageSender")
            .field("unsent", &self.unsent())
            .field("channel", &self.handle())
            .finish()
    }
}
