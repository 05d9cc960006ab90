//! Lending the ring's own bytes, in memory that is private to the process.

use core::slice;

use crate::cursor::{Reader, Writer};
use crate::error::Corrupt;
use crate::memory::Private;
use crate::sync::Byte;
use crate::{Consumer, Producer};

/// Free bytes of a ring, lent to be filled: [`Producer::reserve`].
///
/// Bytes that were never written are 0, others are what was there before.
/// Dropping the value publishes nothing.
pub struct Reserved<'a> {
    producer: &'a mut Writer,
    /// All free bytes, or 0 when stopped.
    len: usize,
}

impl Reserved<'_> {
    /// How many bytes are lent.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte is lent: the ring is full, finished or abandoned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in the order in which they will be read. The second slice
    /// is empty unless the free bytes wrap around.
    pub fn slices(&mut self) -> (&mut [u8], &mut [u8]) {
        let [first, second] = self.producer.spans(self.len);
        // SAFETY: the spans are the free part of private memory: initialised,
        // disjoint, and accessed by nobody but the producer, which is
        // borrowed as long as the slices are.
        unsafe {
            (
                slice::from_raw_parts_mut(Byte::raw_get(first.0), first.1),
                slice::from_raw_parts_mut(Byte::raw_get(second.0), second.1),
            )
        }
    }

    /// Publishes the first `n` bytes of what was lent.
    ///
    /// # Panics
    /// `n` is more than [`len`](Self::len).
    pub fn commit(self, n: usize) {
        assert!(n <= self.len, "committed {n} bytes of {}", self.len);
        self.producer.commit(n);
    }
}

/// Filled bytes of a ring, lent to be looked at: [`Consumer::peek`].
///
/// Dropping the value consumes nothing.
pub struct Peeked<'a> {
    consumer: &'a mut Reader,
}

impl Peeked<'_> {
    /// How many bytes are lent.
    pub fn len(&self) -> usize {
        let (first, second) = self.slices();
        first.len() + second.len()
    }

    /// Whether no byte is lent: the ring is empty, at its end or abandoned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in the order in which they were written. The second slice
    /// is empty unless the filled bytes wrap around.
    pub fn slices(&self) -> (&[u8], &[u8]) {
        filled(self.consumer)
    }

    /// Consumes the first `n` bytes of what was lent.
    ///
    /// # Panics
    /// `n` is more than [`len`](Self::len).
    pub fn consume(self, n: usize) {
        self.consumer.consume(n);
    }
}

/// The filled bytes of the last look. For `Private` memory only.
fn filled(reader: &Reader) -> (&[u8], &[u8]) {
    let [first, second] = reader.spans();
    // SAFETY: the spans are the filled part of private memory: initialised,
    // and written by nobody until the consumer, which is borrowed as long as
    // the slices are, consumes them.
    unsafe {
        (
            slice::from_raw_parts(Byte::raw_get(first.0), first.1),
            slice::from_raw_parts(Byte::raw_get(second.0), second.1),
        )
    }
}

impl<M: Private> Producer<M> {
    /// Lends all free bytes, by a fresh look, to be filled in place. No byte
    /// is lent when the ring is full, finished or abandoned.
    ///
    /// ```
    /// # let ring = ringbuf_core::Inline::<16>::new();
    /// # let (mut producer, mut consumer) = ring.split().unwrap();
    /// let mut free = producer.reserve()?;
    /// free.slices().0[..3].copy_from_slice(b"abc");
    /// free.commit(3);
    /// assert_eq!(consumer.peek()?.slices().0, b"abc");
    /// # Ok::<(), ringbuf_core::Corrupt>(())
    /// ```
    ///
    /// # Errors
    /// The consumer's position is impossible (it never is in private memory).
    pub fn reserve(&mut self) -> Result<Reserved<'_>, Corrupt> {
        let len = self.cursor.vacant()?;
        Ok(Reserved {
            producer: &mut self.cursor,
            len,
        })
    }
}

impl<M: Private> Consumer<M> {
    /// Lends all filled bytes, by a fresh look.
    ///
    /// # Errors
    /// The producer's position is impossible (it never is in private memory).
    pub fn peek(&mut self) -> Result<Peeked<'_>, Corrupt> {
        self.cursor.available()?;
        Ok(Peeked {
            consumer: &mut self.cursor,
        })
    }

    /// The bytes that the last look showed and that are not consumed yet. It
    /// does not look itself: [`peek`](Self::peek), `available`, and a `read`
    /// that finds less than it could take do.
    pub fn filled(&self) -> (&[u8], &[u8]) {
        filled(&self.cursor)
    }

    /// Consumes the next `n` bytes of [`filled`](Self::filled).
    ///
    /// # Panics
    /// `n` is more than `filled` has.
    pub fn consume(&mut self, n: usize) {
        self.cursor.consume(n);
    }
}

impl core::fmt::Debug for Reserved<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reserved")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Peeked<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Peeked")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
