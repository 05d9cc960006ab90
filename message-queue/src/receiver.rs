//! The receiving half of a queue.

use std::future::poll_fn;
use std::time::Duration;

use channel::{Handle, Key, Poller};

use crate::error::ReceiveError;
use crate::inbound::{Inbound, pending};
use crate::iter::Messages;
use crate::lent::MessageRef;
use crate::turn::Half;
use crate::wait::{Wait, deadline};

/// The receiving half of a [`MessageQueue`](crate::MessageQueue), without any lock.
///
/// Every call comes in four forms: blocking, `try_` (never blocks, `WouldBlock`), `_timeout`
/// (`TimedOut`) and `_async`. A call that is cut short loses nothing: what has arrived of a message is
/// kept, and the next call goes on from there, also a call of another form.
///
/// Dropping it makes the peer's sends fail with `PeerClosed`; dropping it while the thread panics
/// aborts the queue.
pub struct MessageReceiver(Inbound);

impl MessageReceiver {
    pub(crate) fn new(inbound: Inbound) -> MessageReceiver {
        MessageReceiver(inbound)
    }

    /// A handle that disconnects and observes the channel from any thread.
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Receives one whole message; blocks until there is one. One allocation, up to 64 KiB or the
    /// largest message received before; beyond that, memory doubles as bytes arrive.
    ///
    /// # Errors
    /// [`ReceiveError::PeerClosed`] when the peer has finished and everything was received,
    /// [`ReceiveError::Truncated`] when its last message is not whole, [`ReceiveError::TooLarge`],
    /// [`ReceiveError::PeerLost`], [`ReceiveError::Closed`].
    #[inline]
    pub fn receive(&mut self) -> Result<Vec<u8>, ReceiveError> {
        self.0.take(&mut Wait::Until(None))
    }

    /// As [`receive`](MessageReceiver::receive), never blocks: `WouldBlock` if there is no whole
    /// message; then a poller that this half is registered at hears when there may be.
    pub fn try_receive(&mut self) -> Result<Vec<u8>, ReceiveError> {
        self.0.take(&mut Wait::Not)
    }

    /// As [`receive`](MessageReceiver::receive), blocks for at most `limit`: `TimedOut`, never before
    /// the limit. The limit is one on waiting: a large message that keeps coming is not cut short.
    pub fn receive_timeout(&mut self, limit: Duration) -> Result<Vec<u8>, ReceiveError> {
        self.0.take(&mut Wait::Until(deadline(limit)))
    }

    /// As [`receive`](MessageReceiver::receive), waits without blocking the thread. Dropping the
    /// future loses nothing.
    pub async fn receive_async(&mut self) -> Result<Vec<u8>, ReceiveError> {
        poll_fn(|cx| self.0.poll_take(cx)).await
    }

    /// Receives one whole message into the caller's buffer, without an allocation, and returns its
    /// length; blocks until there is one.
    ///
    /// # Errors
    /// As [`receive`](MessageReceiver::receive); [`ReceiveError::BufferTooSmall`] tells how much room
    /// the message needs, and keeps it for the next call.
    #[inline]
    pub fn receive_into(&mut self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.0.take_into(buf, &mut Wait::Until(None))
    }

    /// As [`receive_into`](MessageReceiver::receive_into), never blocks.
    pub fn try_receive_into(&mut self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.0.take_into(buf, &mut Wait::Not)
    }

    /// As [`receive_into`](MessageReceiver::receive_into), blocks for at most `limit`.
    pub fn receive_into_timeout(
        &mut self,
        buf: &mut [u8],
        limit: Duration,
    ) -> Result<usize, ReceiveError> {
        self.0.take_into(buf, &mut Wait::Until(deadline(limit)))
    }

    /// As [`receive_into`](MessageReceiver::receive_into), waits without blocking the thread.
    pub async fn receive_into_async(&mut self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        poll_fn(|cx| self.0.poll_take_into(cx, buf)).await
    }

    /// Lends the next message where it lies, without a copy whenever it lies in the channel's buffer
    /// in one piece (one that goes around the buffer's end, or is larger than it, is gathered
    /// first); blocks until there is one. Dropping the guard takes the message out and makes room for
    /// the sender.
    ///
    /// # Errors
    /// As [`receive`](MessageReceiver::receive).
    #[inline]
    pub fn receive_ref(&mut self) -> Result<MessageRef<'_>, ReceiveError> {
        self.0.take_ref(&mut Wait::Until(None))
    }

    /// As [`receive_ref`](MessageReceiver::receive_ref), never blocks.
    pub fn try_receive_ref(&mut self) -> Result<MessageRef<'_>, ReceiveError> {
        self.0.take_ref(&mut Wait::Not)
    }

    /// As [`receive_ref`](MessageReceiver::receive_ref), blocks for at most `limit`.
    pub fn receive_ref_timeout(&mut self, limit: Duration) -> Result<MessageRef<'_>, ReceiveError> {
        self.0.take_ref(&mut Wait::Until(deadline(limit)))
    }

    /// As [`receive_ref`](MessageReceiver::receive_ref), waits without blocking the thread.
    pub async fn receive_ref_async(&mut self) -> Result<MessageRef<'_>, ReceiveError> {
        let place = poll_fn(|cx| pending(self.0.next(&mut Wait::Poll(cx), false))).await?;
        Ok(self.0.lend(place))
    }

    /// The messages that come, until the peer has closed.
    pub fn iter(&mut self) -> impl Iterator<Item = Result<Vec<u8>, ReceiveError>> + '_ {
        Messages::new(|| self.receive())
    }

    /// Registers at a poller: `key` is delivered once as soon as bytes (or the end) are there, which
    /// may be now, and then once after each call that said `WouldBlock` or `TimedOut`. Receive until
    /// one of these.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.0.register(poller, key);
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.0.deregister();
    }
}

impl std::fmt::Debug for MessageReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageReceiver")
            .field("channel", &self.0.handle())
            .finish_non_exhaustive()
    }
}
