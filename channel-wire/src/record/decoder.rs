//! The reading side of the record layer.

use super::{
    ABORT, DATA, END, Event, HEADER_LEN, MAX_RECORD, NUMBERED_LEN, RECEIPT, RecordError, Step,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// END was read.
    Ended,
    /// ABORT was read.
    Aborted,
    Failed(RecordError),
}

/// Reads one direction's records from pieces of any size. The bytes stay where the caller
/// has them: payload is only pointed at.
///
/// ```
/// use channel_wire::record::{Event, RecordDecoder, encode_data, encode_end};
///
/// let mut wire = Vec::new();
/// wire.extend_from_slice(&encode_data(5));
/// wire.extend_from_slice(b"hello");
/// wire.extend_from_slice(&encode_end(5));
///
/// let (mut decoder, mut bytes, mut got) = (RecordDecoder::new(), &wire[..], Vec::new());
/// loop {
///     let step = decoder.feed(bytes)?;
///     bytes = &bytes[step.consumed..];
///     match step.event {
///         Event::Payload { remaining } => {
///             let n = remaining.min(bytes.len());
///             got.extend_from_slice(&bytes[..n]);
///             decoder.consumed_payload(n);
///             bytes = &bytes[n..];
///         }
///         Event::End { total } => break assert_eq!(total, 5),
///         other => panic!("{other:?}"),
///     }
/// }
/// assert_eq!(got, b"hello");
/// # Ok::<(), channel_wire::record::RecordError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordDecoder {
    state: State,
    /// The record's bytes up to its payload, as far as they have arrived.
    head: [u8; NUMBERED_LEN],
    head_len: usize,
    /// Payload of the current DATA record that the caller has not taken yet.
    remaining: usize,
    /// Payload that the caller has taken, all told.
    received: u64,
}

impl Default for RecordDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordDecoder {
    /// A decoder at the beginning of a direction.
    pub const fn new() -> Self {
        RecordDecoder {
            state: State::Open,
            head: [0; NUMBERED_LEN],
            head_len: 0,
            remaining: 0,
            received: 0,
        }
    }

    /// Looks at the bytes that come next, up to one event.
    ///
    /// Takes only bytes that are not payload; with payload outstanding it takes none.
    ///
    /// # Errors
    /// Any [`RecordError`] but `NoEnd`, as early as it can be known: kind and order by the
    /// first byte of a record, its length by the fourth. Every later call gives the same
    /// error.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Step, RecordError> {
        if let State::Failed(e) = self.state {
            return Err(e);
        }
        if self.remaining > 0 {
            return Ok(Step {
                consumed: 0,
                event: Event::Payload {
                    remaining: self.remaining,
                },
            });
        }
        self.advance(bytes)
            .inspect_err(|e| self.state = State::Failed(*e))
    }

    /// To be called after `n` of the bytes that [`Event::Payload`] announced were taken.
    ///
    /// # Panics
    /// If `n` is more than was announced and not yet taken: the caller has then given away
    /// bytes that belong to a header.
    pub fn consumed_payload(&mut self, n: usize) {
        assert!(
            n <= self.remaining,
            "took {n} bytes of payload where {} remain",
            self.remaining
        );
        self.remaining -= n;
        self.received += n as u64;
    }

    /// Payload of this direction taken so far, in bytes.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether the peer has finished writing, with nothing lost.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// To be asked when the stream ended. `Ok`: END had come, so nothing of the channel is
    /// missing (a receipt that was cut short does not change that).
    ///
    /// # Errors
    /// [`RecordError::NoEnd`] if the peer was lost or had aborted, or the error that `feed`
    /// gave.
    pub fn end_of_input(&self) -> Result<(), RecordError> {
        match self.state {
            State::Ended => Ok(()),
            State::Failed(e) => Err(e),
            State::Open | State::Aborted => Err(RecordError::NoEnd {
                received: self.received,
            }),
        }
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Step, RecordError> {
        let mut consumed = 0;
        loop {
            let wanted = if self.head_len < HEADER_LEN {
                HEADER_LEN
            } else {
                NUMBERED_LEN
            };
            let piece = &bytes[consumed..];
            let piece = &piece[..piece.len().min(wanted - self.head_len)];
            if piece.is_empty() {
                return Ok(Step {
                    consumed,
                    event: Event::NeedMore,
                });
            }
            let had = self.head_len;
            self.head[had..had + piece.len()].copy_from_slice(piece);
            self.head_len += piece.len();
            consumed += piece.len();
            if had == 0 {
                self.check_kind()?;
            }
            if let Some(event) = self.event()? {
                self.head_len = 0;
                return Ok(Step { consumed, event });
            }
        }
    }

    /// Judges the first byte of a record: the kind exists and may come now.
    fn check_kind(&self) -> Result<(), RecordError> {
        let kind = self.head[0];
        let fits = match (kind, self.state) {
            (DATA | END, State::Open) | (ABORT | RECEIPT, State::Open | State::Ended) => true,
            (DATA | END | ABORT | RECEIPT, _) => false,
            _ => return Err(RecordError::UnknownKind { kind }),
        };
        if fits {
            Ok(())
        } else {
            Err(RecordError::AfterEnd { kind })
        }
    }

    /// What the head says, if it is complete.
    fn event(&mut self) -> Result<Option<Event>, RecordError> {
        let [kind, a, b, c, number @ ..] = self.head;
        let len = u32::from_be_bytes([0, a, b, c]);
        if self.head_len < HEADER_LEN {
            return Ok(None);
        }
        let fits = match kind {
            DATA => (1..=MAX_RECORD as u32).contains(&len),
            ABORT => len == 0,
            _ => len == 8,
        };
        if !fits {
            return Err(RecordError::BadLength { kind, len });
        }
        if kind == DATA {
            self.remaining = len as usize;
            return Ok(Some(Event::Payload {
                remaining: self.remaining,
            }));
        }
        if kind == ABORT {
            self.state = State::Aborted;
            return Ok(Some(Event::Abort));
        }
        if self.head_len < NUMBERED_LEN {
            return Ok(None);
        }
        let number = u64::from_be_bytes(number);
        if kind == RECEIPT {
            return Ok(Some(Event::Receipt { read: number }));
        }
        if number != self.received {
            return Err(RecordError::WrongTotal {
                total: number,
                received: self.received,
            });
        }
        self.state = State::Ended;
        Ok(Some(Event::End { total: number }))
    }
}
