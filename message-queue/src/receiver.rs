//! The receiving half of a queue.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::{Handle, Key, Poller, ReadError, Reader};

use crate::codec::{Decoder, Step};
use crate::error::ReceiveError;
use crate::lent::MessageRef;
use crate::wait::{Wait, deadline};

/// How much is allocated for a message of which nothing has arrived yet: what a channel's default
/// buffer holds. Beyond that, memory doubles as bytes arrive, whatever the prefix claims.
const FIRST_ALLOCATION: usize = 64 * 1024;

/// How much memory is kept for the next message that does not lie in the channel's buffer in one
/// piece.
const KEPT_ALLOCATION: usize = 1 << 20;

/// The receiving half of a [`MessageQueue`](crate::MessageQueue), without any lock.
///
/// Every call comes in four forms: blocking, `try_` (never blocks, `WouldBlock`), `_timeout`
/// (`TimedOut`) and `_async`. A call that is cut short loses nothing: what has arrived of a message is
/// kept, and the next call goes on from there, also a call of another form.
///
/// Dropping it makes the peer's sends fail with `PeerClosed`; dropping it while the thread panics
/// aborts the queue.
pub struct MessageReceiver {
    reader: Reader,
    decoder: Decoder,
    /// What has arrived of a message that did not lie in the channel's buffer in one piece.
    partial: Vec<u8>,
    /// It is all of the message, and nobody took it yet.
    complete: bool,
    /// What goes when the loan ends.
    lent: Lent,
}

/// What a guard shows, or has shown before it was forgotten.
enum Lent {
    Nothing,
    /// So many bytes of the channel's buffer.
    Buffer(usize),
    /// What lies in `partial`.
    Kept,
}

/// Where the next message lies.
pub(crate) enum Place {
    /// In the channel's buffer, from the first number to the second.
    Buffer(usize, usize),
    /// In `partial`.
    Kept,
    /// Not all of it is here. From the first number to the second, the channel's buffer has the
    /// beginning of it, which has been decoded.
    Begun(usize, usize),
}

impl MessageReceiver {
    pub(crate) fn new(reader: Reader, limit: usize) -> MessageReceiver {
        MessageReceiver {
            reader,
            decoder: Decoder::new(limit),
            partial: Vec::new(),
            complete: false,
            lent: Lent::Nothing,
        }
    }

    /// A handle that disconnects and observes the channel from any thread.
    pub fn handle(&self) -> Handle {
        self.reader.handle()
    }

    /// Finds the next message; one that is not in the buffer in one piece is gathered. `stop`: as
    /// soon as one turns out to have begun, nothing is gathered (the caller does it).
    #[inline]
    fn next(&mut self, wait: &mut Wait<'_, '_>, stop: bool) -> Result<Place, ReceiveError> {
        self.release();
        if self.reader.is_disconnected() {
            return Err(ReceiveError::Closed);
        }
        loop {
            if self.complete {
                return Ok(Place::Kept);
            }
            let input = self.reader.buffer();
            if !input.is_empty() {
                let decoded = match self.decoder.decode(input) {
                    Ok(decoded) => decoded,
                    Err(error) => {
                        // Nothing that follows can be told apart.
                        self.reader.handle().disconnect();
                        return Err(error.into());
                    }
                };
                let consumed = decoded.consumed;
                match decoded.step {
                    Step::Whole(message) => {
                        return Ok(Place::Buffer(consumed - message.len(), consumed));
                    }
                    Step::Piece(piece) => {
                        let from = consumed - piece.len();
                        if stop {
                            return Ok(Place::Begun(from, consumed));
                        }
                        self.gather(from, consumed);
                        self.complete = self.decoder.missing() == 0;
                        continue;
                    }
                    Step::NeedMore => self.reader.consume(consumed),
                }
            }
            match wait.fill(&mut self.reader) {
                Ok(true) => {}
                Ok(false) => return Err(self.ended(ReceiveError::PeerClosed)),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Moves a piece of a message from the channel's buffer to what has arrived of it. Memory grows
    /// with what has arrived, and ends at what the message needs.
    fn gather(&mut self, from: usize, to: usize) {
        let piece = &self.reader.buffer()[from..to];
        let arrived = self.partial.len() + piece.len();
        if arrived > self.partial.capacity() {
            let whole = arrived + self.decoder.missing();
            let room = whole.min((2 * arrived).max(FIRST_ALLOCATION));
            self.partial.reserve_exact(room - self.partial.len());
        }
        self.partial.extend_from_slice(piece);
        self.reader.consume(to);
    }

    #[cold]
    fn ended(&mut self, otherwise: ReceiveError) -> ReceiveError {
        self.partial = Vec::new();
        match self.decoder.end() {
            Ok(()) => otherwise,
            Err(truncated) => truncated.into(),
        }
    }

    #[cold]
    fn failed(&mut self, error: ReadError) -> ReceiveError {
        match ReceiveError::from(error) {
            passing @ (ReceiveError::TimedOut | ReceiveError::WouldBlock) => passing,
            lost @ (ReceiveError::PeerLost(_) | ReceiveError::Broken(_)) => self.ended(lost),
            other => other,
        }
    }

    /// Ends a loan, also one whose guard was forgotten.
    #[inline]
    pub(crate) fn release(&mut self) {
        match std::mem::replace(&mut self.lent, Lent::Nothing) {
            Lent::Nothing => {}
            Lent::Buffer(bytes) => self.reader.consume(bytes),
            Lent::Kept => self.forget_kept(),
        }
    }

    /// Begins a loan.
    #[inline]
    fn lend(&mut self, place: Place) -> MessageRef<'_> {
        self.lent = match place {
            Place::Kept => Lent::Kept,
            Place::Buffer(_, end) | Place::Begun(_, end) => Lent::Buffer(end),
        };
        MessageRef::new(self, place)
    }

    /// Has done with what lies in `partial`.
    fn forget_kept(&mut self) {
        self.complete = false;
        self.partial.clear();
        if self.partial.capacity() > KEPT_ALLOCATION {
            self.partial = Vec::new();
        }
    }

    /// Takes what lies in `partial`.
    pub(crate) fn take_kept(&mut self) -> Vec<u8> {
        self.complete = false;
        self.lent = Lent::Nothing;
        let mut message = std::mem::take(&mut self.partial);
        // Room that was kept from a larger one.
        if message.capacity() / 2 > message.len() {
            message.shrink_to_fit();
        }
        message
    }

    #[inline]
    pub(crate) fn place(&self, place: &Place) -> &[u8] {
        match *place {
            Place::Buffer(from, to) | Place::Begun(from, to) => &self.reader.buffer()[from..to],
            Place::Kept => &self.partial,
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, wait: &mut Wait<'_, '_>) -> Result<Vec<u8>, ReceiveError> {
        match self.next(wait, false)? {
            Place::Kept => Ok(self.take_kept()),
            place @ (Place::Buffer(_, end) | Place::Begun(_, end)) => {
                let message = self.place(&place).to_vec();
                self.reader.consume(end);
                Ok(message)
            }
        }
    }

    #[inline]
    pub(crate) fn take_into(
        &mut self,
        out: &mut [u8],
        wait: &mut Wait<'_, '_>,
    ) -> Result<usize, ReceiveError> {
        // Only a call that blocks has the caller's buffer until the message is whole.
        let until = match wait {
            Wait::Until(until) => Some(*until),
            _ => None,
        };
        let place = self.next(wait, until.is_some())?;
        let message = self.place(&place);
        let length = match (&place, until) {
            (Place::Begun(from, to), Some(until)) => {
                return self.take_rest_into(out, *from, *to, until);
            }
            _ => message.len(),
        };
        let Some(out) = out.get_mut(..length) else {
            return Err(self.too_small(length, out.len(), &place));
        };
        out.copy_from_slice(message);
        self.done_with(&place);
        Ok(length)
    }

    /// Has a message that has begun put where it is to be, without gathering it first.
    fn take_rest_into(
        &mut self,
        out: &mut [u8],
        from: usize,
        to: usize,
        until: Option<Instant>,
    ) -> Result<usize, ReceiveError> {
        let kept = self.partial.len();
        let mut arrived = kept + (to - from);
        let length = arrived + self.decoder.missing();
        let Some(out) = out.get_mut(..length) else {
            return Err(self.too_small(length, out.len(), &Place::Begun(from, to)));
        };
        out[..kept].copy_from_slice(&self.partial);
        out[kept..arrived].copy_from_slice(&self.reader.buffer()[from..to]);
        self.reader.consume(to);
        while arrived < length {
            match self.reader.read_until(&mut out[arrived..], until) {
                Ok(0) => return Err(self.ended(ReceiveError::PeerClosed)),
                Ok(n) => {
                    self.decoder.took(n);
                    arrived += n;
                }
                Err(error) => {
                    // The next call may come with another buffer.
                    self.partial.extend_from_slice(&out[kept..arrived]);
                    return Err(self.failed(error));
                }
            }
        }
        self.forget_kept();
        Ok(length)
    }

    /// Keeps a message for a call with more room.
    #[cold]
    fn too_small(&mut self, length: usize, capacity: usize, place: &Place) -> ReceiveError {
        if let Place::Buffer(from, to) | Place::Begun(from, to) = *place {
            self.gather(from, to);
            self.complete = self.decoder.missing() == 0;
        }
        ReceiveError::BufferTooSmall { length, capacity }
    }

    /// Takes a whole message out.
    #[inline]
    fn done_with(&mut self, place: &Place) {
        match *place {
            Place::Kept => self.forget_kept(),
            Place::Buffer(_, end) | Place::Begun(_, end) => self.reader.consume(end),
        }
    }

    #[inline]
    fn take_ref(&mut self, wait: &mut Wait<'_, '_>) -> Result<MessageRef<'_>, ReceiveError> {
        let place = self.next(wait, false)?;
        Ok(self.lend(place))
    }

    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, ReceiveError>> {
        pending(self.take(&mut Wait::Poll(cx)))
    }

    pub(crate) fn poll_take_into(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<Result<usize, ReceiveError>> {
        pending(self.take_into(out, &mut Wait::Poll(cx)))
    }

    /// Receives one whole message; blocks until there is one. One allocation up to 64 KiB; a larger
    /// message's memory doubles as its bytes arrive.
    ///
    /// # Errors
    /// [`ReceiveError::PeerClosed`] when the peer has finished and everything was received,
    /// [`ReceiveError::Truncated`] when its last message is not whole, [`ReceiveError::TooLarge`],
    /// [`ReceiveError::PeerLost`], [`ReceiveError::Closed`].
    #[inline]
    pub fn receive(&mut self) -> Result<Vec<u8>, ReceiveError> {
        self.take(&mut Wait::Until(None))
    }

    /// As [`receive`](MessageReceiver::receive), never blocks: `WouldBlock` if there is no whole
    /// message; then a poller that this half is registered at hears when there may be.
    pub fn try_receive(&mut self) -> Result<Vec<u8>, ReceiveError> {
        self.take(&mut Wait::Not)
    }

    /// As [`receive`](MessageReceiver::receive), blocks for at most `limit`: `TimedOut`, never before
    /// the limit.
    pub fn receive_timeout(&mut self, limit: Duration) -> Result<Vec<u8>, ReceiveError> {
        self.take(&mut Wait::Until(deadline(limit)))
    }

    /// As [`receive`](MessageReceiver::receive), waits without blocking the thread. Dropping the
    /// future loses nothing.
    pub async fn receive_async(&mut self) -> Result<Vec<u8>, ReceiveError> {
        poll_fn(|cx| self.poll_take(cx)).await
    }

    /// Receives one whole message into the caller's buffer, without an allocation, and returns its
    /// length; blocks until there is one.
    ///
    /// # Errors
    /// As [`receive`](MessageReceiver::receive); [`ReceiveError::BufferTooSmall`] tells how much room
    /// the message needs, and keeps it for the next call.
    #[inline]
    pub fn receive_into(&mut self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.take_into(buf, &mut Wait::Until(None))
    }

    /// As [`receive_into`](MessageReceiver::receive_into), never blocks.
    pub fn try_receive_into(&mut self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        self.take_into(buf, &mut Wait::Not)
    }

    /// As [`receive_into`](MessageReceiver::receive_into), blocks for at most `limit`.
    pub fn receive_into_timeout(
        &mut self,
        buf: &mut [u8],
        limit: Duration,
    ) -> Result<usize, ReceiveError> {
        self.take_into(buf, &mut Wait::Until(deadline(limit)))
    }

    /// As [`receive_into`](MessageReceiver::receive_into), waits without blocking the thread.
    pub async fn receive_into_async(&mut self, buf: &mut [u8]) -> Result<usize, ReceiveError> {
        poll_fn(|cx| self.poll_take_into(cx, buf)).await
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
        self.take_ref(&mut Wait::Until(None))
    }

    /// As [`receive_ref`](MessageReceiver::receive_ref), never blocks.
    pub fn try_receive_ref(&mut self) -> Result<MessageRef<'_>, ReceiveError> {
        self.take_ref(&mut Wait::Not)
    }

    /// As [`receive_ref`](MessageReceiver::receive_ref), blocks for at most `limit`.
    pub fn receive_ref_timeout(&mut self, limit: Duration) -> Result<MessageRef<'_>, ReceiveError> {
        self.take_ref(&mut Wait::Until(deadline(limit)))
    }

    /// As [`receive_ref`](MessageReceiver::receive_ref), waits without blocking the thread.
    pub async fn receive_ref_async(&mut self) -> Result<MessageRef<'_>, ReceiveError> {
        let place = poll_fn(|cx| pending(self.next(&mut Wait::Poll(cx), false))).await?;
        Ok(self.lend(place))
    }

    /// The messages that come, until the peer has closed.
    pub fn iter(&mut self) -> impl Iterator<Item = Result<Vec<u8>, ReceiveError>> + '_ {
        Messages::new(|| self.receive())
    }

    /// Registers at a poller: `key` is delivered once as soon as bytes (or the end) are there, which
    /// may be now, and then once after each call that said `WouldBlock` or `TimedOut`. Receive until
    /// one of these.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.reader.register(poller, key);
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.reader.deregister();
    }
}

/// In a poll function, "would block" means that the waker will be woken.
fn pending<T>(result: Result<T, ReceiveError>) -> Poll<Result<T, ReceiveError>> {
    match result {
        Err(ReceiveError::WouldBlock) => Poll::Pending,
        other => Poll::Ready(other),
    }
}

/// Messages up to the end, or up to an error, which is the last item.
pub(crate) struct Messages<F> {
    receive: F,
    over: bool,
}

impl<F> Messages<F> {
    pub(crate) fn new(receive: F) -> Messages<F> {
        Messages {
            receive,
            over: false,
        }
    }
}

impl<F: FnMut() -> Result<Vec<u8>, ReceiveError>> Iterator for Messages<F> {
    type Item = Result<Vec<u8>, ReceiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let result = (self.receive)();
        self.over = result.is_err();
        match result {
            Err(ReceiveError::PeerClosed | ReceiveError::Closed) => None,
            other => Some(other),
        }
    }
}

impl std::fmt::Debug for MessageReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageReceiver")
            .field("channel", &self.handle())
            .finish_non_exhaustive()
    }
}
