//! A large write, cut into records that leave in one call of the carrier's.

use std::io::IoSlice;

use crate::wire::record::{HEADER_LEN, MAX_RECORD, encode_data};

/// Most records in one call: half a megabyte, where the cost of a call does not matter any more.
const RECORDS: usize = 8;
/// Most slices of the user's in one call; more are left for the next.
const PIECES: usize = 24;

pub(super) struct Parcel<'a> {
    /// The payload, piece by piece; no piece belongs to two records.
    pieces: [&'a [u8]; PIECES],
    used: usize,
    /// Bytes of payload, and the first piece behind it, of each record.
    ends: [(usize, usize); RECORDS],
    headers: [[u8; HEADER_LEN]; RECORDS],
    records: usize,
}

impl<'a> Parcel<'a> {
    /// Of the first bytes of `bufs`, which hold at least one.
    pub(super) fn new(bufs: &'a [IoSlice<'_>]) -> Parcel<'a> {
        let mut parcel = Parcel {
            pieces: [&[]; PIECES],
            used: 0,
            ends: [(0, 0); RECORDS],
            headers: [[0; HEADER_LEN]; RECORDS],
            records: 0,
        };
        let mut len = 0;
        'full: for buf in bufs {
            let mut rest = &buf[..];
            while !rest.is_empty() {
                if len == MAX_RECORD {
                    parcel.close(len);
                    len = 0;
                }
                if parcel.used == PIECES || parcel.records == RECORDS {
                    break 'full;
                }
                let (piece, behind) = rest.split_at(rest.len().min(MAX_RECORD - len));
                parcel.pieces[parcel.used] = piece;
                parcel.used += 1;
                len += piece.len();
                rest = behind;
            }
        }
        if len > 0 {
            parcel.close(len);
        }
        parcel
    }

    fn close(&mut self, len: usize) {
        self.headers[self.records] = encode_data(len);
        self.ends[self.records] = (len, self.used);
        self.records += 1;
    }

    /// Calls `send` with headers and payload.
    pub(super) fn with<T>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); PIECES + RECORDS];
        let (mut used, mut piece) = (0, 0);
        for (header, &(_, end)) in self.headers.iter().zip(&self.ends[..self.records]) {
            slices[used] = IoSlice::new(header);
            used += 1;
            for payload in &self.pieces[piece..end] {
                slices[used] = IoSlice::new(payload);
                used += 1;
            }
            piece = end;
        }
        send(&slices[..used])
    }

    /// When the carrier has taken the first `taken` bytes, at least one: how much payload the records
    /// hold that have begun to leave, and how many slices they are.
    pub(super) fn begun(&self, taken: usize) -> (usize, usize) {
        let (mut payload, mut slices, mut sent) = (0, 0, 0);
        for (record, &(len, end)) in self.ends[..self.records].iter().enumerate() {
            if sent >= taken {
                break;
            }
            sent += HEADER_LEN + len;
            payload += len;
            slices = end + record + 1;
        }
        (payload, slices)
    }
}
