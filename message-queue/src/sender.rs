//! The sending half of a queue.

use std::future::poll_fn;
use std::io::IoSlice;
use std::time::Duration;

use channel::{Handle, Key, Poller};

use crate::error::SendError;
use crate::outbound::Outbound;
use crate::turn::Half;
use crate::wait::{Wait, deadline};

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
pub struct MessageSender(pub(crate) Outbound);

impl MessageSender {
    /// The largest message it sends, in bytes.
    pub fn max_message(&self) -> usize {
        self.0.max_message()
    }

    /// A handle that disconnects and observes the channel from any thread.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Bytes that the queue itself holds: messages that were fed, or the rest of an unfinished one.
    /// [`flush`](MessageSender::flush) sends them.
    pub fn unsent(&self) -> usize {
        self.0.unsent()
    }

    /// Sends one whole message of 0 to [`max_message`](MessageSender::max_message) bytes; blocks
    /// while there is no room. When it returns, every byte is in the channel.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] before the first byte is sent; [`SendError::PeerClosed`],
    /// [`SendError::PeerLost`], [`SendError::Closed`], [`SendError::Finished`].
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.put(message, &mut Wait::Until(None))
    }

    /// Sends if there is room for at least a part of the message; never blocks.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send); [`SendError::WouldBlock`] if nothing of it was sent,
    /// [`SendError::Unfinished`] if it was taken but some of it is still here: then
    /// [`try_flush`](MessageSender::try_flush) until that succeeds. After either, a poller that this
    /// half is registered at hears when there is room.
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.put(message, &mut Wait::Not)
    }

    /// Sends one message; blocks for at most `limit`.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send); [`SendError::TimedOut`] if nothing of it was sent,
    /// [`SendError::Unfinished`] if it was taken but some of it is still here. Never before the
    /// limit. The limit is one on waiting: a large message that keeps moving is not cut short.
    pub fn send_timeout(&mut self, message: &[u8], limit: Duration) -> Result<(), SendError> {
        self.0.put(message, &mut Wait::Until(deadline(limit)))
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
        self.0.put_slices(slices, &mut Wait::Until(None))
    }

    /// As [`send_vectored`](MessageSender::send_vectored), never blocks; see
    /// [`try_send`](MessageSender::try_send).
    pub fn try_send_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        self.0.put_slices(slices, &mut Wait::Not)
    }

    /// As [`send_vectored`](MessageSender::send_vectored), blocks for at most `limit`; see
    /// [`send_timeout`](MessageSender::send_timeout).
    pub fn send_vectored_timeout(
        &mut self,
        slices: &[IoSlice<'_>],
        limit: Duration,
    ) -> Result<(), SendError> {
        self.0.put_slices(slices, &mut Wait::Until(deadline(limit)))
    }

    /// As [`send_vectored`](MessageSender::send_vectored), waits without blocking the thread; see
    /// [`send_async`](MessageSender::send_async).
    pub async fn send_vectored_async(&mut self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        poll_fn(|cx| self.0.poll_put(cx, slices)).await?;
        poll_fn(|cx| self.0.poll_drain(cx)).await
    }

    /// Takes one message and sends it together with others: when [`BATCH`](crate::BATCH) bytes are gathered, at the
    /// next flush, or ahead of the next send. Blocks only while a full batch finds no room. Nothing
    /// is sent by time: whoever feeds, flushes. That the peer is gone shows at the next write, not here.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send); the message was not taken then.
    #[inline]
    pub fn feed(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.batch(message, &mut Wait::Until(None))
    }

    /// As [`feed`](MessageSender::feed), never blocks: `WouldBlock` if a full batch finds no room. A
    /// message larger than a batch is sent like by [`try_send`](MessageSender::try_send), and may be
    /// `Unfinished`: then it was taken.
    pub fn try_feed(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.0.batch(message, &mut Wait::Not)
    }

    /// As [`feed`](MessageSender::feed), blocks for at most `limit`; see
    /// [`try_feed`](MessageSender::try_feed) for messages larger than a batch.
    pub fn feed_timeout(&mut self, message: &[u8], limit: Duration) -> Result<(), SendError> {
        self.0.batch(message, &mut Wait::Until(deadline(limit)))
    }

    /// As [`feed`](MessageSender::feed), waits without blocking the thread.
    pub async fn feed_async(&mut self, message: &[u8]) -> Result<(), SendError> {
        poll_fn(|cx| self.0.poll_batch(cx, message)).await
    }

    /// Sends whatever the queue holds (messages that were fed, the rest of an unfinished one); blocks
    /// until all of it is in the channel.
    ///
    /// # Errors
    /// As [`send`](MessageSender::send).
    pub fn flush(&mut self) -> Result<(), SendError> {
        self.0.flush_with(&mut Wait::Until(None))
    }

    /// As [`flush`](MessageSender::flush), never blocks: `WouldBlock` if something is left.
    pub fn try_flush(&mut self) -> Result<(), SendError> {
        self.0.flush_with(&mut Wait::Not)
    }

    /// As [`flush`](MessageSender::flush), blocks for at most `limit`: `TimedOut` if something is
    /// left.
    pub fn flush_timeout(&mut self, limit: Duration) -> Result<(), SendError> {
        self.0.flush_with(&mut Wait::Until(deadline(limit)))
    }

    /// As [`flush`](MessageSender::flush), waits without blocking the thread. Dropping the future
    /// loses nothing.
    pub async fn flush_async(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.0.poll_flush(cx)).await
    }

    /// Flushes, and tells the peer that there are no more messages from here; receiving goes on.
    /// Blocks until all is in the channel. Later sends say [`SendError::Finished`].
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.0.finish_with(&mut Wait::Until(None))
    }

    /// As [`finish`](MessageSender::finish), never blocks: `WouldBlock` if something is left; then
    /// sending is not finished yet.
    pub fn try_finish(&mut self) -> Result<(), SendError> {
        self.0.finish_with(&mut Wait::Not)
    }

    /// As [`finish`](MessageSender::finish), blocks for at most `limit`: `TimedOut` if something is
    /// left; then sending is not finished yet.
    pub fn finish_timeout(&mut self, limit: Duration) -> Result<(), SendError> {
        self.0.finish_with(&mut Wait::Until(deadline(limit)))
    }

    /// As [`finish`](MessageSender::finish), waits without blocking the thread.
    pub async fn finish_async(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.0.poll_finish(cx)).await
    }

    /// Registers at a poller: `key` is delivered once now, and then once after each call that said
    /// `WouldBlock`, `TimedOut` or `Unfinished`, when there is room, or sending fails.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.0.register(poller, key);
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.0.deregister();
    }
}

impl std::fmt::Debug for MessageSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageSender")
            .field("unsent", &self.0.unsent())
            .field("channel", &self.0.handle())
            .finish()
    }
}
