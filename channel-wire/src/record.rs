//! Records: what bare byte connections carry between two of our own ends.
//!
//! The end of a bare byte stream says nothing about its peer: a killed process, an unplugged
//! cable behind a proxy and an orderly end can look the same. So each direction is cut into
//! records, and an end of stream without [`End`](Event::End) is a lost peer.
//!
//! ```text
//! 0      1                 4
//! | kind | length, 24 bits | body |
//!
//! DATA    'D'   1 ..= 65536   that many bytes of the channel
//! END     'E'   8             u64: bytes of DATA in this direction, all told
//! ABORT   'A'   0             the channel was aborted
//! RECEIPT 'R'   8             u64: bytes that the application here has read
//! ```
//!
//! In one direction: DATA and RECEIPT in any order, then END, then RECEIPT only. ABORT may
//! come wherever a record may begin, and nothing after it. (In the middle of a DATA record
//! there is no place for it: an end that must abort there closes the connection, which the
//! peer sees as lost as well.)
//!
//! This module owns the layout and the order of records. It never copies or holds payload,
//! and never allocates.

mod decoder;
#[cfg(test)]
mod tests;

pub use decoder::RecordDecoder;

/// Length of a record's header, in bytes.
pub const HEADER_LEN: usize = 4;

/// The most bytes of payload in one record.
///
/// 64 KiB: a header costs nothing any more at that size, and an abort or a receipt, which
/// cannot interrupt a record, never waits for more than that. The length field could say
/// 16 MiB; the limit also finds a stream that is out of step early.
pub const MAX_RECORD: usize = 64 * 1024;

/// Length of a header with a number behind it: the longest run of bytes that is not payload.
const NUMBERED_LEN: usize = HEADER_LEN + 8;

// Letters, not 0, 1, 2: they are read off a packet dump, and a run of zeros is no record.
const DATA: u8 = b'D';
const END: u8 = b'E';
const ABORT: u8 = b'A';
const RECEIPT: u8 = b'R';

/// The header of a DATA record with `len` bytes of payload, which must follow at once.
///
/// # Panics
/// If `len` is 0 or over [`MAX_RECORD`]: the stream could not be read any more.
pub const fn encode_data(len: usize) -> [u8; HEADER_LEN] {
    assert!(
        len >= 1 && len <= MAX_RECORD,
        "a record holds 1 to MAX_RECORD bytes"
    );
    header(DATA, len as u32)
}

/// An END record: this direction is complete, `total` bytes of DATA in all.
pub const fn encode_end(total: u64) -> [u8; 12] {
    numbered(END, total)
}

/// An ABORT record.
pub const fn encode_abort() -> [u8; HEADER_LEN] {
    header(ABORT, 0)
}

/// A RECEIPT record: the application at this end has read `read` bytes of the other
/// direction, and will read no more.
pub const fn encode_receipt(read: u64) -> [u8; 12] {
    numbered(RECEIPT, read)
}

const fn header(kind: u8, len: u32) -> [u8; HEADER_LEN] {
    let [_, a, b, c] = len.to_be_bytes();
    [kind, a, b, c]
}

const fn numbered(kind: u8, number: u64) -> [u8; NUMBERED_LEN] {
    let [h0, h1, h2, h3] = header(kind, 8);
    let [n0, n1, n2, n3, n4, n5, n6, n7] = number.to_be_bytes();
    [h0, h1, h2, h3, n0, n1, n2, n3, n4, n5, n6, n7]
}

/// What [`RecordDecoder::feed`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How many of the bytes given were taken; they were not payload. The caller goes on
    /// behind them.
    pub consumed: usize,
    /// What comes next.
    pub event: Event,
}

/// What was read, or comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// All bytes were taken: read more from the connection, and feed that.
    NeedMore,
    /// The next up to `remaining` bytes (at least 1), here already or still to come, are bytes
    /// of the channel. The caller takes any part of them and says so with
    /// [`RecordDecoder::consumed_payload`]; until all are taken, `feed` says this again.
    Payload {
        /// Bytes of this record not yet taken: 1 to [`MAX_RECORD`].
        remaining: usize,
    },
    /// The peer has finished writing, and every byte of it has arrived.
    End {
        /// Bytes of the channel in this direction, all told.
        total: u64,
    },
    /// The peer has aborted the channel.
    Abort,
    /// How much the peer's application has read of what this end wrote.
    Receipt {
        /// Bytes. The peer's claim: a caller checks it against what it has written.
        read: u64,
    },
}

/// What is wrong with the records of a peer. The connection cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A kind of record that does not exist: the peer is not one of ours, or out of step.
    #[error("no kind of record begins with {kind:#04x}")]
    UnknownKind {
        /// The first byte of the record.
        kind: u8,
    },
    /// A length that its kind of record cannot have.
    #[error("a record of kind {:?} cannot be {len} bytes long", char::from(*kind))]
    BadLength {
        /// The first byte of the record.
        kind: u8,
        /// The length that it claims, in bytes.
        len: u32,
    },
    /// DATA or a second END after END, or anything after ABORT.
    #[error("a record of kind {:?} after the peer had finished", char::from(*kind))]
    AfterEnd {
        /// The first byte of the record.
        kind: u8,
    },
    /// The peer's END counts other bytes than have arrived.
    #[error("the peer wrote {total} bytes, but {received} have arrived")]
    WrongTotal {
        /// What END said, in bytes.
        total: u64,
        /// What arrived, in bytes.
        received: u64,
    },
    /// The stream ended without END: the peer is lost.
    #[error("the peer was lost after {received} bytes")]
    NoEnd {
        /// Bytes of the channel that had arrived.
        received: u64,
    },
}
