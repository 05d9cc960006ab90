//! Bytes that count as written and that the carrier has not taken yet.

use std::io::IoSlice;
use std::time::Instant;

use crate::wire::record::{HEADER_LEN, encode_data};

/// Most bytes of held records: what makes the cost of a system call, some microseconds, small beside
/// that of the bytes themselves. Larger gained nothing when it was measured.
const MOST_HELD: usize = 32 * 1024;
/// A write that is larger leaves by itself: copying it here would cost as much as is saved.
const MOST_PER_WRITE: usize = 8 * 1024;

/// The rest of at most one DATA record that the carrier took in part, or writes that are held so that
/// they leave together; then RECEIPT and END. While it is empty, the stream stands between two records.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How much of `bytes` has left.
    sent: usize,
    held: Option<Held>,
}

struct Held {
    /// Where the header is of the DATA record at the end of `bytes`, which takes in one write after the
    /// other; none yet if only something ahead of all records is held.
    at: Option<usize>,
    since: Instant,
}

impl Backlog {
    /// Holds what is to leave ahead of all records, if possible together with the first.
    pub(super) fn ahead(bytes: Vec<u8>) -> Backlog {
        let held = (!bytes.is_empty()).then(|| Held {
            at: None,
            since: Instant::now(),
        });
        Backlog {
            bytes,
            sent: 0,
            held,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Since when writes are held that were not offered to the carrier.
    pub(super) fn held_since(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.since)
    }

    /// Whether a write of `len` bytes may be held at all.
    pub(super) fn is_small(len: usize) -> bool {
        len <= MOST_PER_WRITE
    }

    /// Whether a write of `len` bytes can be held now.
    pub(super) fn takes(&self, len: usize) -> bool {
        self.bytes.len() + HEADER_LEN + len <= MOST_HELD
    }

    /// Holds a write.
    pub(super) fn hold(&mut self, bufs: &[IoSlice<'_>], now: Instant) {
        if self.bytes.capacity() < MOST_HELD {
            self.bytes.reserve_exact(MOST_HELD - self.bytes.len());
        }
        let held = self.held.get_or_insert(Held {
            at: None,
            since: now,
        });
        let at = *held.at.get_or_insert(self.bytes.len());
        if at == self.bytes.len() {
            self.bytes.extend_from_slice(&[0; HEADER_LEN]);
        }
        for buf in bufs {
            self.bytes.extend_from_slice(buf);
        }
        let header = encode_data(self.bytes.len() - at - HEADER_LEN);
        self.bytes[at..at + HEADER_LEN].copy_from_slice(&header);
    }

    /// Adds what lies behind the first `taken` bytes of `slices`.
    pub(super) fn keep(&mut self, slices: &[IoSlice<'_>], mut taken: usize) {
        for slice in slices {
            let n = taken.min(slice.len());
            taken -= n;
            self.push(&slice[n..]);
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.held = None;
        self.bytes.extend_from_slice(bytes);
    }

    /// What is to leave next. A held record takes in no more from here on: its header may be gone.
    pub(super) fn next(&mut self) -> &[u8] {
        self.held = None;
        &self.bytes[self.sent..]
    }

    /// The first `n` bytes of [`next`](Self::next) have left.
    pub(super) fn left(&mut self, n: usize) {
        self.sent += n;
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// Gives the memory back, if it holds nothing: an idle channel owns no buffer.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Backlog::default();
        }
    }
}
