//! A message that is gathered because it did not lie in the channel's buffer in one piece.

/// How much is allocated for a message of which little has arrived yet: what a channel's default
/// buffer holds.
const FIRST_ALLOCATION: usize = 64 * 1024;

/// How much memory is kept for the next message that has to be gathered.
const KEPT_ALLOCATION: usize = 1 << 20;

/// What has arrived of a message.
#[derive(Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    /// The largest message that has arrived whole: as much may be allocated for the next one.
    largest: usize,
}

impl Gathered {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece, with `missing` bytes yet to come. Memory follows what has arrived (of this
    /// message, or of an earlier one), not what a prefix claims, and ends at what the message needs.
    pub(crate) fn add(&mut self, piece: &[u8], missing: usize) {
        let arrived = self.bytes.len() + piece.len();
        if arrived > self.bytes.capacity() {
            let shown = (2 * arrived).max(FIRST_ALLOCATION).max(self.largest);
            let room = shown.min(arrived + missing);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
    }

    /// Notes that a message of so many bytes has arrived whole.
    pub(crate) fn arrived(&mut self, length: usize) {
        self.largest = self.largest.max(length);
    }

    /// Has done with it; keeps some memory for the next.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_ALLOCATION {
            self.bytes = Vec::new();
        }
    }

    /// Has done with it and with its memory.
    pub(crate) fn forget(&mut self) {
        self.bytes = Vec::new();
    }

    /// The message as a value of its own.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let mut message = std::mem::take(&mut self.bytes);
        // Room that was kept from a larger one.
        if message.capacity() / 2 > message.len() {
            message.shrink_to_fit();
        }
        message
    }
}
