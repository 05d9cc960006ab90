//! How messages arrive: where they lie, and what is kept of one that is not whole yet.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use channel::{Handle, Key, Poller, ReadError, Reader};

use crate::codec::{Decoder, PREFIX, Step};
use crate::error::ReceiveError;
use crate::gathered::Gathered;
use crate::lent::MessageRef;
use crate::turn::Half;
use crate::wait::Wait;

/// The engine of a [`MessageReceiver`](crate::MessageReceiver).
pub(crate) struct Inbound {
    /// None once this side has closed.
    reader: Option<Reader>,
    handle: Handle,
    decoder: Decoder,
    gathered: Gathered,
    /// All of the message was gathered, and nobody took it yet. Its last byte is still in the channel,
    /// so that nobody takes it for read.
    complete: bool,
    lent: Lent,
    /// How the stream ended, once it has.
    over: Option<Over>,
}

/// What a guard shows, or has shown before it was forgotten.
enum Lent {
    Nothing,
    /// So many bytes of the channel's buffer.
    Buffer(usize),
    /// What was gathered.
    Gathered,
}

/// The end of the stream: it stays what it was, whatever the carrier says when it is asked again.
enum Over {
    PeerClosed,
    PeerLost(io::ErrorKind, String),
    Broken(io::ErrorKind, String),
}

impl Over {
    fn error(&self) -> ReceiveError {
        match self {
            Over::PeerClosed => ReceiveError::PeerClosed,
            Over::PeerLost(kind, text) => ReceiveError::PeerLost(io::Error::new(*kind, &**text)),
            Over::Broken(kind, text) => ReceiveError::Broken(io::Error::new(*kind, &**text)),
        }
    }
}

/// Where the next message lies.
pub(crate) enum Place {
    /// In the channel's buffer, from the first number to the second.
    Buffer(usize, usize),
    /// Gathered.
    Gathered,
    /// Not all of it is here. From the first number to the second, the channel's buffer has the next
    /// piece of it, which has been decoded.
    Begun(usize, usize),
}

impl Inbound {
    pub(crate) fn new(reader: Reader, limit: usize) -> Inbound {
        Inbound {
            handle: reader.handle(),
            reader: Some(reader),
            decoder: Decoder::new(limit),
            gathered: Gathered::default(),
            complete: false,
            lent: Lent::Nothing,
            over: None,
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Receives no more: the peer's sends fail, and what lies in the channel's buffer is not in the
    /// way of the peer's news any more.
    pub(crate) fn close(&mut self) {
        self.release();
        self.reader = None;
        self.gathered.forget();
        self.complete = false;
    }

    /// The reader; only after [`next`](Self::next) has found it.
    #[inline]
    fn reader(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("this side has not closed")
    }

    #[inline]
    fn buffer(&self) -> &[u8] {
        self.reader.as_ref().map_or(&[], Reader::buffer)
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
        loop {
            let Some(reader) = &mut self.reader else {
                return Err(ReceiveError::Closed);
            };
            if reader.is_disconnected() {
                self.close();
                return Err(ReceiveError::Closed);
            }
            if self.complete {
                return Ok(Place::Gathered);
            }
            let input = reader.buffer();
            if !input.is_empty() {
                let decoded = match self.decoder.decode(input) {
                    Ok(decoded) => decoded,
                    Err(error) => {
                        // Nothing that follows can be told apart.
                        self.handle.disconnect();
                        self.close();
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
                        continue;
                    }
                    Step::NeedMore => reader.consume(consumed),
                }
            }
            if let Some(over) = &self.over {
                return Err(over.error());
            }
            match wait.fill(reader) {
                Ok(true) => {}
                Ok(false) => return Err(self.ended(Over::PeerClosed)),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Moves a piece of a message from the channel's buffer to what was gathered of it.
    fn gather(&mut self, from: usize, to: usize) {
        let missing = self.decoder.missing();
        let reader = self.reader.as_mut().expect("this side has not closed");
        self.gathered.add(&reader.buffer()[from..to], missing);
        self.complete = missing == 0;
        // The last byte stays until the message is taken.
        reader.consume(to - usize::from(self.complete));
    }

    #[cold]
    fn ended(&mut self, over: Over) -> ReceiveError {
        let error = over.error();
        self.over = Some(over);
        self.gathered.forget();
        match self.decoder.end() {
            Ok(()) => error,
            Err(truncated) => truncated.into(),
        }
    }

    #[cold]
    fn failed(&mut self, error: ReadError) -> ReceiveError {
        match ReceiveError::from(error) {
            ReceiveError::PeerLost(e) => self.ended(Over::PeerLost(e.kind(), e.to_string())),
            ReceiveError::Broken(e) => self.ended(Over::Broken(e.kind(), e.to_string())),
            other => other,
        }
    }

    /// Ends a loan, also one whose guard was forgotten.
    #[inline]
    pub(crate) fn release(&mut self) {
        match std::mem::replace(&mut self.lent, Lent::Nothing) {
            Lent::Nothing => {}
            Lent::Buffer(bytes) => self.consume(bytes),
            Lent::Gathered => self.drop_gathered(),
        }
    }

    /// Takes out what was shown. After a disconnect the channel may show less.
    #[inline]
    fn consume(&mut self, bytes: usize) {
        let reader = self.reader();
        let there = reader.buffer().len();
        reader.consume(bytes.min(there));
    }

    /// Begins a loan.
    #[inline]
    pub(crate) fn lend(&mut self, place: Place) -> MessageRef<'_> {
        self.lent = match place {
            Place::Gathered => Lent::Gathered,
            Place::Buffer(_, end) | Place::Begun(_, end) => Lent::Buffer(end),
        };
        MessageRef::new(self, place)
    }

    /// Takes the last byte of a gathered message out of the channel.
    fn took_gathered(&mut self) {
        self.complete = false;
        self.lent = Lent::Nothing;
        self.gathered.arrived(self.gathered.len());
        self.consume(1);
    }

    fn drop_gathered(&mut self) {
        self.took_gathered();
        self.gathered.clear();
    }

    /// Takes what was gathered.
    pub(crate) fn take_gathered(&mut self) -> Vec<u8> {
        self.took_gathered();
        self.gathered.take()
    }

    #[inline]
    pub(crate) fn place(&self, place: &Place) -> &[u8] {
        match *place {
            Place::Buffer(from, to) | Place::Begun(from, to) => &self.buffer()[from..to],
            Place::Gathered => self.gathered.bytes(),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, wait: &mut Wait<'_, '_>) -> Result<Vec<u8>, ReceiveError> {
        match self.next(wait, false)? {
            Place::Gathered => Ok(self.take_gathered()),
            place @ (Place::Buffer(_, end) | Place::Begun(_, end)) => {
                let message = self.place(&place).to_vec();
                self.reader().consume(end);
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
        self.release();
        // Nearly always. One look at the channel's buffer, where the way below takes two: for a small
        // message that is a quarter of the whole.
        if let Some(reader) = &mut self.reader
            && !self.complete
            && !reader.is_disconnected()
            && let Some(message) = self.decoder.whole(reader.buffer())
            && let Some(out) = out.get_mut(..message.len())
        {
            out.copy_from_slice(message);
            reader.consume(PREFIX + out.len());
            return Ok(out.len());
        }
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
        match place {
            Place::Gathered => self.drop_gathered(),
            Place::Buffer(_, end) | Place::Begun(_, end) => self.reader().consume(end),
        }
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
        let kept = self.gathered.len();
        let mut arrived = kept + (to - from);
        let length = arrived + self.decoder.missing();
        let Some(out) = out.get_mut(..length) else {
            return Err(self.too_small(length, out.len(), &Place::Begun(from, to)));
        };
        out[..kept].copy_from_slice(self.gathered.bytes());
        out[kept..arrived].copy_from_slice(&self.buffer()[from..to]);
        self.reader().consume(to);
        while arrived < length {
            match self.reader().read_until(&mut out[arrived..], until) {
                Ok(0) => return Err(self.ended(Over::PeerClosed)),
                Ok(n) => {
                    self.decoder.took(n);
                    arrived += n;
                }
                Err(error) => {
                    // The next call may come with another buffer.
                    let missing = self.decoder.missing();
                    self.gathered.add(&out[kept..arrived], missing);
                    return Err(self.failed(error));
                }
            }
        }
        self.gathered.arrived(length);
        self.gathered.clear();
        Ok(length)
    }

    /// Keeps a message for a call with more room.
    #[cold]
    fn too_small(&mut self, length: usize, capacity: usize, place: &Place) -> ReceiveError {
        match *place {
            // Its prefix is there too, so it is found again.
            Place::Buffer(PREFIX, _) | Place::Gathered => {}
            Place::Buffer(from, to) | Place::Begun(from, to) => self.gather(from, to),
        }
        ReceiveError::BufferTooSmall { length, capacity }
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
        self.release();
        if let Some(reader) = &mut self.reader {
            reader.register(poller, key);
        }
    }

    fn deregister(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.deregister();
        }
    }
}

/// In a poll function, "would block" means that the waker will be woken.
pub(crate) fn pending<T>(result: Result<T, ReceiveError>) -> Poll<Result<T, ReceiveError>> {
    match result {
        Err(ReceiveError::WouldBlock) => Poll::Pending,
        other => Poll::Ready(other),
    }
}
