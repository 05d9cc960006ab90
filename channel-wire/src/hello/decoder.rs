//! The reading side of the handshake.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    GO, HEAD_LEN, HELLO, Hello, HelloError, MAGIC, MAX_BODY, Message, REFUSED, Refusal, Refused,
    Version, WELCOME, Welcome,
};

/// Which end of the handshake is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// This end connects: it reads WELCOME or REFUSED, then the channel begins.
    Connector,
    /// This end accepts: it reads HELLO, then GO, then the channel begins.
    Acceptor,
}

/// What became of the bytes given to [`HelloDecoder::feed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// All of them were taken and the message is not complete: feed more.
    More,
    /// A message is complete. The first `consumed` of the bytes given belonged to it; the
    /// others were not looked at.
    Message {
        /// How many of the bytes given were taken.
        consumed: usize,
        /// The message.
        message: Message,
    },
    /// The handshake is over and none of the bytes were taken: they belong to the channel.
    Finished,
}

/// What has to come next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Hello,
    Go,
    Answer,
    Finished,
    Failed(HelloError),
}

/// Reads one end's side of the handshake from pieces of any size.
///
/// It holds at most [`MAX_MESSAGE`](super::MAX_MESSAGE) bytes, and memory only for bytes that
/// have arrived. How long a peer may take is the caller's to limit.
///
/// ```
/// use channel_wire::hello::{Hello, HelloDecoder, Message, Role, Step};
///
/// let mut bytes = Vec::new();
/// Message::Hello(Hello::new("echo", 7)).encode(&mut bytes)?;
/// Message::Go.encode(&mut bytes)?;
/// bytes.extend_from_slice(b"first bytes of the channel");
///
/// let mut decoder = HelloDecoder::new(Role::Acceptor);
/// let mut rest = &bytes[..];
/// while let Step::Message { consumed, message } = decoder.feed(rest)? {
///     rest = &rest[consumed..];
///     if let Message::Hello(hello) = message {
///         assert_eq!((hello.broker.as_str(), hello.port), ("echo", 7));
///     }
/// }
/// assert!(decoder.is_finished());
/// assert_eq!(rest, b"first bytes of the channel");
/// # Ok::<(), channel_wire::hello::HelloError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HelloDecoder {
    state: State,
    head: [u8; HEAD_LEN],
    /// Bytes of the head that have arrived.
    head_len: usize,
    /// Bytes of the body that have arrived.
    body: Vec<u8>,
}

impl HelloDecoder {
    /// A decoder for this end of the handshake.
    pub fn new(role: Role) -> Self {
        HelloDecoder {
            state: match role {
                Role::Connector => State::Answer,
                Role::Acceptor => State::Hello,
            },
            head: [0; HEAD_LEN],
            head_len: 0,
            body: Vec::new(),
        }
    }

    /// Takes bytes up to the end of one message, and never one past it.
    ///
    /// Every byte is judged as it comes: a stranger is known by its first wrong byte, a
    /// message that is too long by its head.
    ///
    /// # Errors
    /// Any [`HelloError`] of the reading side. The handshake is over then: every later call
    /// gives the same error.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step, HelloError> {
        match &self.state {
            State::Failed(e) => return Err(e.clone()),
            State::Finished => return Ok(Step::Finished),
            State::Hello | State::Go | State::Answer => {}
        }
        self.advance(bytes).inspect_err(|e| {
            self.state = State::Failed(e.clone());
            self.body = Vec::new();
        })
    }

    /// How many bytes can be read from the connection without reading past the message: 8
    /// at its beginning, 0 when the handshake is over. For connections where bytes that were
    /// read cannot be put back.
    pub fn wants(&self) -> usize {
        match self.state {
            State::Finished | State::Failed(_) => 0,
            _ if self.head_len < HEAD_LEN => HEAD_LEN - self.head_len,
            _ => self.body_len() - self.body.len(),
        }
    }

    /// Whether the last message of the handshake was read: what follows is the channel's.
    pub fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// To be asked when the stream ended. `Ok`: between two messages, so the peer withdrew.
    ///
    /// # Errors
    /// [`HelloError::Truncated`] inside a message, or the error that `feed` gave.
    pub fn end_of_input(&self) -> Result<(), HelloError> {
        match &self.state {
            State::Failed(e) => Err(e.clone()),
            _ if self.head_len > 0 => Err(HelloError::Truncated {
                got: self.head_len + self.body.len(),
            }),
            _ => Ok(()),
        }
    }

    /// Memory taken for the message that is on its way, in bytes: for a listener that limits
    /// what all its unfinished hellos hold together. 0 between messages.
    pub fn held(&self) -> usize {
        self.body.capacity()
    }

    fn body_len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.head[6], self.head[7]]))
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Step, HelloError> {
        let mut consumed = 0;
        while self.head_len < HEAD_LEN {
            let Some(&byte) = bytes.get(consumed) else {
                return Ok(Step::More);
            };
            self.head[self.head_len] = byte;
            self.check_head(self.head_len)?;
            self.head_len += 1;
            consumed += 1;
        }
        let missing = self.body_len() - self.body.len();
        let piece = &bytes[consumed..];
        let piece = &piece[..piece.len().min(missing)];
        self.body.extend_from_slice(piece);
        consumed += piece.len();
        if piece.len() < missing {
            return Ok(Step::More);
        }
        let message = self.message()?;
        self.state = match message {
            Message::Hello(_) => State::Go,
            Message::Go | Message::Welcome(_) | Message::Refused(_) => State::Finished,
        };
        self.head_len = 0;
        // A channel keeps its decoder for a while: give the memory back now.
        self.body = Vec::new();
        Ok(Step::Message { consumed, message })
    }

    /// Judges byte `at` of the head, which has just arrived.
    fn check_head(&self, at: usize) -> Result<(), HelloError> {
        let found = self.head[at];
        match at {
            0..=3 if found != MAGIC[at] => Err(HelloError::NotOurs { at, found }),
            // The version waits for the kind: a refusal is read whatever its version.
            5 if found == REFUSED && self.state == State::Answer => Ok(()),
            5 => {
                let theirs = Version::from_byte(self.head[4]);
                Version::CURRENT.negotiate(theirs)?;
                self.check_kind(found)
            }
            7 if self.body_len() > MAX_BODY => Err(HelloError::TooLong {
                len: HEAD_LEN + self.body_len(),
            }),
            _ => Ok(()),
        }
    }

    fn check_kind(&self, kind: u8) -> Result<(), HelloError> {
        let (fits, expected) = match self.state {
            State::Hello => (kind == HELLO, "HELLO"),
            State::Go => (kind == GO, "GO"),
            _ => (kind == WELCOME || kind == REFUSED, "WELCOME or REFUSED"),
        };
        if fits {
            Ok(())
        } else {
            Err(HelloError::Unexpected { kind, expected })
        }
    }

    /// The message whose bytes are all there. Bytes left over in the body are a later minor
    /// version's and are ignored.
    fn message(&self) -> Result<Message, HelloError> {
        let version = Version::from_byte(self.head[4]);
        let mut body = Body(&self.body);
        Ok(match self.head[5] {
            HELLO => {
                // In the order of the wire.
                let port = u16::from_be_bytes(body.take()?);
                let capacity = u32::from_be_bytes(body.take()?);
                let flags = u16::from_be_bytes(body.take()?);
                let broker = body.text()?;
                let from = body.text()?;
                Message::Hello(Hello {
                    version,
                    port,
                    broker,
                    from,
                    capacity,
                    flags,
                })
            }
            WELCOME => Message::Welcome(Welcome {
                version,
                capacity: u32::from_be_bytes(body.take()?),
            }),
            REFUSED => {
                let [code] = body.take()?;
                let reason = Refusal::from_code(code);
                Message::Refused(Refused {
                    version,
                    reason,
                    message: body.text()?,
                })
            }
            _ => Message::Go,
        })
    }
}

/// What is left of a body.
struct Body<'a>(&'a [u8]);

impl Body<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], HelloError> {
        let (now, later) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = later;
        Ok(*now)
    }

    fn text(&mut self) -> Result<String, HelloError> {
        let [len] = self.take()?;
        let (now, later) = self.0.split_at_checked(usize::from(len)).ok_or(SHORT)?;
        self.0 = later;
        match str::from_utf8(now) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(HelloError::Malformed {
                what: "a name is not UTF-8",
            }),
        }
    }
}

const SHORT: HelloError = HelloError::Malformed {
    what: "the body ends before the fields that it must hold",
};
