//! Packets on the line: without zeros (COBS), and ended by one.
//!
//! Whatever was damaged, lost or inserted, the next zero ends it, and what follows is read right.

use alloc::boxed::Box;
use alloc::vec;

use super::cobs;

/// The end of a packet.
pub(super) const DELIMITER: u8 = 0;

/// How many bytes a packet takes on the line at most, its delimiter included.
pub(super) const fn stuffed_len(packet: usize) -> usize {
    cobs::encoded_len(packet) + 1
}

/// Puts a packet and its delimiter into `out`, which has room for [`stuffed_len`]; returns how many bytes.
pub(super) fn stuff(packet: &[u8], out: &mut [u8]) -> usize {
    let n = cobs::encode(packet, out);
    out[n] = DELIMITER;
    n + 1
}

/// Finds the packets in what a line brings. Its buffers never grow.
pub(super) struct Unstuffer {
    packet: Box<[u8]>,
    /// The beginning of a packet of which more is to come, as it was on the line.
    held: Box<[u8]>,
    len: usize,
    /// It is longer than any packet: nothing more of it is kept.
    too_long: bool,
}

impl Unstuffer {
    /// For packets of at most so many bytes.
    pub(super) fn new(longest: usize) -> Unstuffer {
        Unstuffer {
            packet: vec![0; longest].into_boxed_slice(),
            held: vec![0; cobs::encoded_len(longest)].into_boxed_slice(),
            len: 0,
            too_long: false,
        }
    }

    /// What came before belongs to no packet.
    pub(super) fn reset(&mut self) {
        self.len = 0;
        self.too_long = false;
    }

    /// Takes bytes up to the end of a packet that may be whole, and returns it; or all of them. `bytes` is left
    /// with the rest.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<&[u8]> {
        let len = loop {
            let Some(end) = cobs::find_zero(bytes) else {
                self.hold(bytes);
                *bytes = &[];
                return None;
            };
            let piece = &bytes[..end];
            *bytes = &bytes[end + 1..];
            let stuffed = if self.len == 0 && !self.too_long {
                piece
            } else {
                self.hold(piece);
                &self.held[..self.len]
            };
            let len = cobs::decode(stuffed, &mut self.packet);
            let whole = !self.too_long;
            self.reset();
            if let Some(len) = len
                && len > 0
                && whole
            {
                break len;
            }
        };
        Some(&self.packet[..len])
    }

    fn hold(&mut self, piece: &[u8]) {
        match self.held.get_mut(self.len..self.len + piece.len()) {
            Some(place) => {
                place.copy_from_slice(piece);
                self.len += piece.len();
            }
            None => self.too_long = true,
        }
    }
}
