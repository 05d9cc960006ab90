//! The wire form of messages, without any I/O (SPEC M2): a 4-byte big-endian unsigned length, then
//! that many bytes. Bytes in, pieces of messages out; it owns no buffer and allocates nothing.
//!
//! ```
//! use message_queue::codec::{Decoder, Step, prefix};
//!
//! let mut stream = prefix(5, 1024)?.to_vec();
//! stream.extend_from_slice(b"hello");
//! let mut decoder = Decoder::new(1024);
//! let decoded = decoder.decode(&stream)?;
//! assert_eq!((decoded.consumed, decoded.step), (9, Step::Whole(b"hello")));
//! # Ok::<(), message_queue::codec::TooLarge>(())
//! ```

use thiserror::Error;

/// Bytes of the length that precedes every message.
pub const PREFIX: usize = 4;

/// The largest message a queue sends or takes unless something else is asked for: 16 MiB.
pub const DEFAULT_MAX_MESSAGE: usize = 16 << 20;

/// The largest limit there can be: what a prefix can say, and what one buffer can hold.
pub const MAX_LIMIT: usize = if usize::BITS > 32 {
    u32::MAX as usize
} else {
    isize::MAX as usize
};

/// A message is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a message of {length} bytes is over the limit of {limit}")]
pub struct TooLarge {
    /// Bytes in the message, or what its prefix claims.
    pub length: usize,
    /// The limit, in bytes.
    pub limit: usize,
}

/// The stream ended inside a message or its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Truncated {
    /// Inside the prefix.
    #[error("the stream ended inside a length prefix, after {received} of 4 bytes")]
    Prefix {
        /// Bytes of the prefix that came; 1 to 3.
        received: usize,
    },
    /// Behind the prefix.
    #[error("the stream ended inside a message, after {received} of {expected} bytes")]
    Message {
        /// Bytes in the whole message.
        expected: usize,
        /// Bytes of it that came.
        received: usize,
    },
}

/// The prefix of a message of `length` bytes.
///
/// # Errors
/// [`TooLarge`] if that is over `limit` or [`MAX_LIMIT`].
#[inline]
pub fn prefix(length: usize, limit: usize) -> Result<[u8; PREFIX], TooLarge> {
    match u32::try_from(length) {
        Ok(claim) if length <= limit => Ok(claim.to_be_bytes()),
        _ => Err(TooLarge {
            length,
            limit: limit.min(MAX_LIMIT),
        }),
    }
}

/// What [`Decoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// How many bytes of the input it stands for, from the start. The rest comes again.
    pub consumed: usize,
    /// What they are.
    pub step: Step<'a>,
}

/// What the next bytes of a stream of messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// At most a part of a prefix: nothing to tell before more bytes come.
    NeedMore,
    /// A whole message, in one piece. Only where no part of it was given before.
    Whole(&'a [u8]),
    /// The next bytes of a message that is not here in one piece, perhaps none yet. It is complete
    /// when [`Decoder::missing`] is zero.
    Piece(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Prefix { bytes: [u8; PREFIX], have: usize },
    Message { length: usize, missing: usize },
}

const BETWEEN: State = State::Prefix {
    bytes: [0; PREFIX],
    have: 0,
};

/// Tells where messages begin and end in a stream that arrives in any pieces.
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: usize,
    state: State,
    /// Sticks: behind a length that was not taken, nothing makes sense.
    failed: Option<TooLarge>,
}

impl Decoder {
    /// A decoder at the start of a message, which takes messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Decoder {
        Decoder {
            limit: limit.min(MAX_LIMIT),
            state: BETWEEN,
            failed: None,
        }
    }

    /// Looks at the bytes that come next.
    ///
    /// # Errors
    /// [`TooLarge`] when a prefix claims more than the limit, and from then on.
    #[inline]
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Decoded<'a>, TooLarge> {
        // Nearly always: a message begins here, and all of it is here.
        if let Some(message) = self.whole(input) {
            return Ok(Decoded {
                consumed: PREFIX + message.len(),
                step: Step::Whole(message),
            });
        }
        self.decode_in_pieces(input)
    }

    /// The message that begins here, if all of it is here.
    #[inline]
    pub(crate) fn whole<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        if let State::Prefix { have: 0, .. } = self.state
            && let Some((prefix, rest)) = input.split_first_chunk::<PREFIX>()
            && let length = u32::from_be_bytes(*prefix) as usize
            && length <= self.limit
            && self.failed.is_none()
        {
            rest.get(..length)
        } else {
            None
        }
    }

    fn decode_in_pieces<'a>(&mut self, input: &'a [u8]) -> Result<Decoded<'a>, TooLarge> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let mut consumed = 0;
        if let State::Prefix { bytes, have } = &mut self.state {
            consumed = input.len().min(PREFIX - *have);
            bytes[*have..*have + consumed].copy_from_slice(&input[..consumed]);
            *have += consumed;
            if *have < PREFIX {
                return Ok(Decoded {
                    consumed,
                    step: Step::NeedMore,
                });
            }
            let length = u32::from_be_bytes(*bytes) as usize;
            if length > self.limit {
                let failed = TooLarge {
                    length,
                    limit: self.limit,
                };
                self.failed = Some(failed);
                self.state = BETWEEN;
                return Err(failed);
            }
            self.state = State::Message {
                length,
                missing: length,
            };
        }
        let rest = &input[consumed..];
        let piece = &rest[..rest.len().min(self.missing())];
        let whole = piece.len() == self.length();
        self.took(piece.len());
        Ok(Decoded {
            consumed: consumed + piece.len(),
            step: if whole {
                Step::Whole(piece)
            } else {
                Step::Piece(piece)
            },
        })
    }

    /// Notes that the next `n` bytes of the message were taken from the stream without
    /// [`decode`](Decoder::decode).
    ///
    /// # Panics
    /// If more than [`missing`](Decoder::missing).
    pub fn took(&mut self, n: usize) {
        let missing = self.missing();
        assert!(n <= missing, "took({n}) of {missing} bytes");
        if let State::Message { missing, .. } = &mut self.state {
            *missing -= n;
            if *missing == 0 {
                self.state = BETWEEN;
            }
        }
    }

    /// Bytes of the current message that have yet to come; 0 between messages.
    pub fn missing(&self) -> usize {
        match self.state {
            State::Prefix { .. } => 0,
            State::Message { missing, .. } => missing,
        }
    }

    /// Bytes in the whole of the current message; 0 between messages.
    pub fn length(&self) -> usize {
        match self.state {
            State::Prefix { .. } => 0,
            State::Message { length, .. } => length,
        }
    }

    /// What it means that the stream ends here. The decoder then stands between messages.
    ///
    /// # Errors
    /// [`Truncated`] inside a message or a prefix.
    pub fn end(&mut self) -> Result<(), Truncated> {
        match std::mem::replace(&mut self.state, BETWEEN) {
            State::Prefix { have: 0, .. } => Ok(()),
            State::Prefix { have, .. } => Err(Truncated::Prefix { received: have }),
            State::Message { length, missing } => Err(Truncated::Message {
                expected: length,
                received: length - missing,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<Result<(), Truncated>, TooLarge>;

    /// All messages of a stream that is given in pieces of the lengths that `chunk` tells.
    fn messages(
        stream: &[u8],
        limit: usize,
        mut chunk: impl FnMut() -> usize,
    ) -> (Vec<Vec<u8>>, Outcome) {
        let mut decoder = Decoder::new(limit);
        let (mut all, mut message) = (Vec::new(), Vec::new());
        let (mut from, mut to) = (0, 0);
        loop {
            let decoded = match decoder.decode(&stream[from..to]) {
                Ok(decoded) => decoded,
                Err(error) => return (all, Err(error)),
            };
            from += decoded.consumed;
            match decoded.step {
                Step::Whole(whole) => {
                    assert!(message.is_empty(), "a part was given before");
                    all.push(whole.to_vec());
                    continue;
                }
                Step::Piece(piece) => {
                    message.extend_from_slice(piece);
                    if decoder.missing() == 0 {
                        all.push(std::mem::take(&mut message));
                        continue;
                    }
                }
                Step::NeedMore => {}
            }
            if to == stream.len() {
                return (all, Ok(decoder.end()));
            }
            to = stream.len().min(to + chunk().max(1));
        }
    }

    proptest::proptest! {
        // shows M2: what was framed comes out, in whatever pieces it arrives.
        #[test]
        fn any_pieces(
            wanted in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..40), 0..20),
            chunks in proptest::collection::vec(0..50_usize, 1..20),
            cut in 0..10_usize,
        ) {
            let mut stream = Vec::new();
            for message in &wanted {
                stream.extend_from_slice(&prefix(message.len(), 100).unwrap());
                stream.extend_from_slice(message);
            }
            let mut at = 0;
            let (all, end) = messages(&stream, 100, || { at += 1; chunks[at % chunks.len()] });
            assert_eq!(all, wanted);
            assert_eq!(end, Ok(Ok(())));
            // shows M7: a stream that is cut short never gives a short message.
            let cut = stream.len().saturating_sub(cut);
            let (all, end) = messages(&stream[..cut], 100, || { at += 1; chunks[at % chunks.len()] });
            assert_eq!(all, wanted[..all.len()]);
            let whole: usize = all.iter().map(|m| m.len() + PREFIX).sum();
            match end.unwrap() {
                Ok(()) => assert_eq!(whole, cut),
                Err(Truncated::Prefix { received }) => {
                    assert_eq!(whole + received, cut);
                    assert!((1..PREFIX).contains(&received));
                }
                Err(Truncated::Message { expected, received }) => {
                    assert_eq!(whole + PREFIX + received, cut);
                    assert_eq!(expected, wanted[all.len()].len());
                    assert!(received < expected);
                }
            }
        }
    }

    // shows M4: a claim over the limit is refused with both numbers, before its bytes come.
    #[test]
    fn claims_over_the_limit() {
        let refused = TooLarge {
            length: 101,
            limit: 100,
        };
        for chunk in [1, 4, 200] {
            let mut stream = prefix(100, 100).unwrap().to_vec();
            stream.resize(PREFIX + 100, 7);
            stream.extend_from_slice(&[0, 0, 0, 101, 1]);
            let (all, end) = messages(&stream, 100, || chunk);
            assert_eq!((all.len(), end), (1, Err(refused)));
        }
        assert_eq!(prefix(101, 100), Err(refused));
        assert_eq!(prefix(100, 100), Ok([0, 0, 0, 100]));
        let mut decoder = Decoder::new(100);
        assert_eq!(decoder.decode(&[0, 0, 0, 101]), Err(refused));
        assert_eq!(decoder.decode(&[0, 0, 0, 1, 9]), Err(refused), "it sticks");
        assert_eq!(decoder.end(), Ok(()), "no message was cut short");
        // Also if all of it is here.
        let mut whole = prefix(101, 101).unwrap().to_vec();
        whole.resize(PREFIX + 101, 7);
        assert_eq!(Decoder::new(100).decode(&whole), Err(refused));
    }

    #[test]
    #[should_panic = "took(3) of 2 bytes"]
    fn taking_more_than_there_is() {
        let mut decoder = Decoder::new(100);
        decoder.decode(&[0, 0, 0, 3, 1]).unwrap();
        decoder.took(3);
    }
}
