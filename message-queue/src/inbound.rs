//! How messages arrive: where they lie, and what is kept of one that is not whole yet.

use std::task::{Context, Poll};
use std::time::Instant;

use channel::{Handle, Key, Poller, ReadError, Reader};

use crate::codec::{Decoder, Step};
use crate::error::ReceiveError;
use crate::lent::MessageRef;
use crate::turn::Half;
use crate::wait::Wait;

/// How much is allocated for a message of which nothing has arrived yet: what a channel's default
/// buffer holds. Beyond that, memory doubles as bytes arrive, whatever the prefix claims.
const FIRST_ALLOCATION: usize = 64 * 1024;

/// How much memory is kept for the next message that does not lie in the channel's buffer in one
/// piece.
const KEPT_ALLOCATION: usize = 1 << 20;

/// The engine of a [`MessageReceiver`](crate::MessageReceiver).
pub(crate) struct Inbound {
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

impl Inbound {
    pub(crate) fn new(reader: Reader, limit: usize) -> Inbound {
        Inbound {
            reader,
            decoder: Decoder::new(limit),
            partial: Vec::new(),
            complete: false,
            lent: Lent::Nothing,
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.reader.handle()
    }

    /// Finds the next message; one that is not in the buffer in one piece is gathered. `stop`: as
    /// soon as one turns out to have begun, nothing is gathered (the caller does it).
    #[inline]
    pub(crate) fn next(
        &mut self,
        wait: &mut Wait<'_, '_>,
        stop: bool,
    ) -> Result<Place, ReceiveError> {
        self.release();
        if self.reader.is_disconnected() {
            self.let_go();
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

    /// After the local close: what lies in the channel's buffer is not needed any more, and the peer's
    /// news may lie behind it.
    #[cold]
    pub(crate) fn let_go(&mut self) {
        self.release();
        let _ = self.reader.try_fill_buf();
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
    pub(crate) fn lend(&mut self, place: Place) -> MessageRef<'_> {
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
    pub(crate) fn take_ref(
        &mut self,
        wait: &mut Wait<'_, '_>,
    ) -> Result<MessageRef<'_>, ReceiveError> {
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
}

impl Half for Inbound {
    fn register(&mut self, poller: &Poller, key: Key) {
        self.reader.register(poller, key);
    }

    fn deregister(&mut self) {
        self.reader.deregister();
    }
}

/// In a poll function, "would block" means that the waker will be woken.
pub(crate) fn pending<T>(result: Result<T, ReceiveError>) -> Poll<Result<T, ReceiveError>> {
    match result {
        Err(ReceiveError::WouldBlock) => Poll::Pending,
        other => Poll::Ready(other),
    }
}
