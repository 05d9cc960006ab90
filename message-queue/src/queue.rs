//! A queue that any number of threads and tasks share.

use std::io::IoSlice;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::transport::Receipt;
use channel::{Channel, Handle, Key, Poller, WakerList};

use crate::codec::DEFAULT_MAX_MESSAGE;
use crate::error::{ReceiveError, SendError};
use crate::inbound::Inbound;
use crate::iter::Messages;
use crate::outbound::Outbound;
use crate::receiver::MessageReceiver;
use crate::sender::MessageSender;
use crate::turn::Turn;
use crate::wait::{Wait, deadline};

/// Whole messages, both ways, over a channel: of any size from nothing to the limit, first in first
/// out, never interleaved, never short.
///
/// Every call takes `&self`: any number of threads and tasks may send and receive at once, in any
/// form. Every call comes in four forms: blocking, `try_` (never blocks, `WouldBlock`, also while
/// another thread is in the middle of the same kind of call), `_timeout` (`TimedOut`) and `_async`.
/// [`split`](MessageQueue::split) gives two halves for two threads that need no lock.
///
/// Dropping it closes it in an orderly way, as dropping a [`MessageSender`] and a [`MessageReceiver`]
/// does; dropping it while the thread panics aborts it, and the peer sees `PeerLost`.
pub struct MessageQueue {
    sender: Turn<Outbound>,
    receiver: Turn<Inbound>,
    handle: Handle,
    limit: usize,
}

/// Calls that do not block are through by then.
const SHORT_CALLS: Duration = Duration::from_millis(1);

impl MessageQueue {
    /// Messages of at most [`DEFAULT_MAX_MESSAGE`] bytes over a channel.
    pub fn new(channel: Channel) -> MessageQueue {
        MessageQueue::with_max_message(channel, DEFAULT_MAX_MESSAGE)
    }

    /// Messages of at most `limit` bytes over a channel, up to 4 GiB - 1. Both ends should have the
    /// same limit: what one end may send and the other does not take ends the queue.
    pub fn with_max_message(channel: Channel, limit: usize) -> MessageQueue {
        let handle = channel.handle();
        let (reader, writer) = channel.split();
        let sender = Outbound::new(writer, limit);
        MessageQueue {
            limit: sender.max_message(),
            sender: Turn::new(sender),
            receiver: Turn::new(Inbound::new(reader, limit)),
            handle,
        }
    }

    /// Takes the queue apart for two threads that need no lock between them.
    pub fn split(self) -> (MessageSender, MessageReceiver) {
        (
            MessageSender(self.sender.into_inner()),
            MessageReceiver::new(self.receiver.into_inner()),
        )
    }

    /// The largest message it sends and takes, in bytes.
    pub fn max_message(&self) -> usize {
        self.limit
    }

    /// A handle that disconnects and observes the channel below from any thread. Its disconnect ends
    /// the queue at once: what the queue itself holds (see [`feed`](MessageQueue::feed)) is lost.
    /// [`close`](MessageQueue::close) sends that first.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    fn sending(
        &self,
        until: Option<Instant>,
        call: impl FnOnce(&mut Outbound, &mut Wait<'_, '_>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        self.sender
            .block(until, |sender| call(sender, &mut Wait::Until(until)))
            .unwrap_or(Err(SendError::TimedOut))
    }

    fn try_sending(
        &self,
        call: impl FnOnce(&mut Outbound, &mut Wait<'_, '_>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        self.sender
            .attempt(|sender| call(sender, &mut Wait::Not))
            .unwrap_or(Err(SendError::WouldBlock))
    }

    fn receiving<T>(
        &self,
        until: Option<Instant>,
        call: impl FnOnce(&mut Inbound, &mut Wait<'_, '_>) -> Result<T, ReceiveError>,
    ) -> Result<T, ReceiveError> {
        self.receiver
            .block(until, |receiver| call(receiver, &mut Wait::Until(until)))
            .unwrap_or(Err(ReceiveError::TimedOut))
    }

    fn try_receiving<T>(
        &self,
        call: impl FnOnce(&mut Inbound, &mut Wait<'_, '_>) -> Result<T, ReceiveError>,
    ) -> Result<T, ReceiveError> {
        self.receiver
            .attempt(|receiver| call(receiver, &mut Wait::Not))
            .unwrap_or(Err(ReceiveError::WouldBlock))
    }

    /// Sends one whole message; blocks while there is no room, or while another thread sends. When
    /// it returns, every byte is in the channel: the peer gets the message unless one side is lost.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] before the first byte is sent; [`SendError::PeerClosed`],
    /// [`SendError::PeerLost`], [`SendError::Closed`], [`SendError::Finished`].
    #[inline]
    pub fn send(&self, message: &[u8]) -> Result<(), SendError> {
        self.sending(None, |sender, wait| sender.put(message, wait))
    }

    /// As [`send`](MessageQueue::send), never blocks; see [`MessageSender::try_send`].
    pub fn try_send(&self, message: &[u8]) -> Result<(), SendError> {
        self.try_sending(|sender, wait| sender.put(message, wait))
    }

    /// As [`send`](MessageQueue::send), blocks for at most `limit`; see
    /// [`MessageSender::send_timeout`].
    pub fn send_timeout(&self, message: &[u8], limit: Duration) -> Result<(), SendError> {
        self.sending(deadline(limit), |sender, wait| sender.put(message, wait))
    }

    /// As [`send`](MessageQueue::send), waits without blocking the thread; see
    /// [`MessageSender::send_async`].
    pub async fn send_async(&self, message: &[u8]) -> Result<(), SendError> {
        self.send_vectored_async(&[IoSlice::new(message)]).await
    }

    /// Sends one message that lies in several slices, without gathering them first.
    pub fn send_vectored(&self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        self.sending(None, |sender, wait| sender.put_slices(slices, wait))
    }

    /// As [`send_vectored`](MessageQueue::send_vectored), never blocks.
    pub fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        self.try_sending(|sender, wait| sender.put_slices(slices, wait))
    }

    /// As [`send_vectored`](MessageQueue::send_vectored), blocks for at most `limit`.
    pub fn send_vectored_timeout(
        &self,
        slices: &[IoSlice<'_>],
        limit: Duration,
    ) -> Result<(), SendError> {
        self.sending(deadline(limit), |sender, wait| {
            sender.put_slices(slices, wait)
        })
    }

    /// As [`send_vectored`](MessageQueue::send_vectored), waits without blocking the thread.
    pub async fn send_vectored_async(&self, slices: &[IoSlice<'_>]) -> Result<(), SendError> {
        self.sender
            .wait_for(|sender, cx| sender.poll_put(cx, slices))
            .await?;
        self.sender.wait_for(Outbound::poll_drain).await
    }

    /// Takes one message and sends it together with others; see [`MessageSender::feed`].
    pub fn feed(&self, message: &[u8]) -> Result<(), SendError> {
        self.sending(None, |sender, wait| sender.batch(message, wait))
    }

    /// As [`feed`](MessageQueue::feed), never blocks.
    pub fn try_feed(&self, message: &[u8]) -> Result<(), SendError> {
        self.try_sending(|sender, wait| sender.batch(message, wait))
    }

    /// As [`feed`](MessageQueue::feed), blocks for at most `limit`.
    pub fn feed_timeout(&self, message: &[u8], limit: Duration) -> Result<(), SendError> {
        self.sending(deadline(limit), |sender, wait| sender.batch(message, wait))
    }

    /// As [`feed`](MessageQueue::feed), waits without blocking the thread.
    pub async fn feed_async(&self, message: &[u8]) -> Result<(), SendError> {
        self.sender
            .wait_for(|sender, cx| sender.poll_batch(cx, message))
            .await
    }

    /// Sends whatever the queue itself holds; see [`MessageSender::flush`].
    pub fn flush(&self) -> Result<(), SendError> {
        self.sending(None, |sender, wait| sender.flush_with(wait))
    }

    /// As [`flush`](MessageQueue::flush), never blocks: `WouldBlock` if something is left.
    pub fn try_flush(&self) -> Result<(), SendError> {
        self.try_sending(|sender, wait| sender.flush_with(wait))
    }

    /// As [`flush`](MessageQueue::flush), blocks for at most `limit`: `TimedOut` if something is
    /// left.
    pub fn flush_timeout(&self, limit: Duration) -> Result<(), SendError> {
        self.sending(deadline(limit), |sender, wait| sender.flush_with(wait))
    }

    /// As [`flush`](MessageQueue::flush), waits without blocking the thread.
    pub async fn flush_async(&self) -> Result<(), SendError> {
        self.sender.wait_for(Outbound::poll_flush).await
    }

    /// Flushes, and tells the peer that there are no more messages from here; receiving goes on. See
    /// [`MessageSender::finish`].
    pub fn finish(&self) -> Result<(), SendError> {
        self.sending(None, |sender, wait| sender.finish_with(wait))
    }

    /// As [`finish`](MessageQueue::finish), never blocks; see [`MessageSender::try_finish`].
    pub fn try_finish(&self) -> Result<(), SendError> {
        self.try_sending(|sender, wait| sender.finish_with(wait))
    }

    /// As [`finish`](MessageQueue::finish), blocks for at most `limit`; see
    /// [`MessageSender::finish_timeout`].
    pub fn finish_timeout(&self, limit: Duration) -> Result<(), SendError> {
        self.sending(deadline(limit), |sender, wait| sender.finish_with(wait))
    }

    /// As [`finish`](MessageQueue::finish), waits without blocking the thread.
    pub async fn finish_async(&self) -> Result<(), SendError> {
        self.sender.wait_for(Outbound::poll_finish).await
    }

    /// Receives one whole message; blocks until there is one. See [`MessageReceiver::receive`].
    ///
    /// # Errors
    /// [`ReceiveError::PeerClosed`] when the peer has closed and everything was received,
    /// [`ReceiveError::Truncated`] when its last message is not whole, [`ReceiveError::TooLarge`],
    /// [`ReceiveError::PeerLost`], [`ReceiveError::Closed`].
    #[inline]
    pub fn receive(&self) -> Result<Vec<u8>, ReceiveError> {
        self.receiving(None, Inbound::take)
    }

    /// As [`receive`](MessageQueue::receive), never blocks.
    pub fn try_receive(&self) -> Result<Vec<u8>, ReceiveError> {
        self.try_receiving(Inbound::take)
    }

    /// As [`receive`](MessageQueue::receive), blocks for at most `limit`. What has arrived of a
    /// message by then is kept.
    pub fn receive_timeout(&self, limit: Duration) -> Result<Vec<u8>, ReceiveError> {
        self.receiving(deadline(limit), Inbound::take)
    }

    /// As [`receive`](MessageQueue::receive), waits without blocking the thread. Dropping the future
    /// loses nothing.
    pub async fn receive_async(&self) -> Result<Vec<u8>, ReceiveError> {
        self.receiver.wait_for(Inbound::poll_take).await
    }

    /// A poll function like [`receive_async`](MessageQueue::receive_async). The wakers of all who poll
    /// are kept until there is news; a future takes its own along when it is dropped.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, ReceiveError>> {
        self.receiver.poll(WakerList::BARE, cx, Inbound::poll_take)
    }

    /// Receives one whole message into the caller's buffer, without an allocation; blocks until there
    /// is one. See [`MessageReceiver::receive_into`].
    #[inline]
    pub fn receive_into(&self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.receiving(None, |receiver, wait| receiver.take_into(buf, wait))
    }

    /// As [`receive_into`](MessageQueue::receive_into), never blocks.
    pub fn try_receive_into(&self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.try_receiving(|receiver, wait| receiver.take_into(buf, wait))
    }

    /// As [`receive_into`](MessageQueue::receive_into), blocks for at most `limit`.
    pub fn receive_into_timeout(
        &self,
        buf: &mut [u8],
        limit: Duration,
    ) -> Result<usize, ReceiveError> {
        self.receiving(deadline(limit), |receiver, wait| {
            receiver.take_into(buf, wait)
        })
    }

    /// As [`receive_into`](MessageQueue::receive_into), waits without blocking the thread.
    pub async fn receive_into_async(&self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.receiver
            .wait_for(|receiver, cx| receiver.poll_take_into(cx, buf))
            .await
    }

    /// The messages that come, until the queue is closed by either side; an error is the last item.
    pub fn iter(&self) -> impl Iterator<Item = Result<Vec<u8>, ReceiveError>> + '_ {
        Messages::new(|| self.receive())
    }

    /// Registers both directions at a poller under one key: it is delivered once now, and then once
    /// after each call that said `WouldBlock`, `TimedOut` or `Unfinished`, when it can go on. While
    /// another thread is in a blocking call, the registration of that direction waits for its end.
    pub fn register(&self, poller: &Poller, key: Key) {
        self.receiver.register(Some((poller.clone(), key)));
        self.sender.register(Some((poller.clone(), key)));
    }

    /// Ends the registration at a poller.
    pub fn deregister(&self) {
        self.receiver.register(None);
        self.sender.register(None);
    }

    /// Closes the queue: receives no more, sends what it still holds, disconnects, and waits until it
    /// is known what became of the tail: whether the peer's application has received all of it. Blocks
    /// as long as that takes, also while another thread is in the middle of a send.
    ///
    /// The receipt counts bytes of the channel, with 4 more for each message's length.
    pub fn close(&self) -> Receipt {
        self.close_within(None)
    }

    /// As [`close`](MessageQueue::close), for at most `limit`. What could not be sent by then is
    /// lost; the receipt is `Unknown` then, and the queue is closed all the same.
    pub fn close_timeout(&self, limit: Duration) -> Receipt {
        self.close_within(deadline(limit))
    }

    fn close_within(&self, until: Option<Instant>) -> Receipt {
        // Nothing is received any more: what the peer sends must not keep it from reading. If somebody
        // is in a blocking receive, that does as well.
        let soon = deadline(SHORT_CALLS);
        self.receiver.block(soon, Inbound::close);
        let unsent = self.sender.block(until, |sender| {
            // The reason does not matter any more: what is left tells.
            let _ = sender.flush_with(&mut Wait::Until(until));
            // Before anybody else's turn: nothing more is taken.
            self.handle.disconnect();
            sender.unsent()
        });
        self.handle.disconnect();
        // That ends every call that is under way, so these turns come soon.
        let unsent = unsent.or_else(|| self.sender.block(None, |sender| sender.unsent()));
        self.receiver.block(None, Inbound::close);
        let receipt = match until {
            None => self.handle.receipt(),
            Some(until) => self
                .handle
                .receipt_timeout(until.saturating_duration_since(Instant::now())),
        };
        self.without(unsent.unwrap_or(0), receipt)
    }

    /// As [`close`](MessageQueue::close), waits without blocking the thread. Dropping the future
    /// before it is ready leaves the queue open or closed; it receives no more in either case.
    pub async fn close_async(&self) -> Receipt {
        self.receiver.attempt(Inbound::close);
        let unsent = self
            .sender
            .wait_for(|sender, cx| match sender.poll_flush(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(_) => {
                    self.handle.disconnect();
                    Poll::Ready(sender.unsent())
                }
            })
            .await;
        self.receiver
            .wait_for(|inbound, _| {
                inbound.close();
                Poll::Ready(())
            })
            .await;
        let receipt = self.handle.receipt_async().await;
        self.without(unsent, receipt)
    }

    /// The channel's receipt, for a queue that could not give the channel all it had.
    fn without(&self, unsent: usize, receipt: Receipt) -> Receipt {
        let more = unsent as u64;
        match receipt {
            Receipt::Complete if more > 0 => Receipt::Partial {
                read: self.handle.totals().written,
                unread: more,
            },
            Receipt::Partial { read, unread } => Receipt::Partial {
                read,
                unread: unread + more,
            },
            other => other,
        }
    }

    /// Whether this side can be used no more: it was closed, or nothing more can be received and
    /// nothing more sent.
    pub fn closed(&self) -> bool {
        self.handle.disconnected()
    }
}

impl From<Channel> for MessageQueue {
    fn from(channel: Channel) -> MessageQueue {
        MessageQueue::new(channel)
    }
}

impl std::fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MessageQueue").field(&self.handle).finish()
    }
}
