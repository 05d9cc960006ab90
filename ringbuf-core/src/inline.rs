//! A ring that is a plain value: in a `static`, on the stack, in a struct.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::error::MAX_CAPACITY;
use crate::header::Header;
use crate::memory::{Memory, Parts, Private};
use crate::sync::Byte;
use crate::{Consumer, Producer};

/// A ring of `N` bytes that needs no allocator. `N` must be a power of two of
/// at most [`MAX_CAPACITY`]: anything else does not compile.
///
/// ```
/// use ringbuf_core::Inline;
///
/// static RING: Inline<256> = Inline::new();
///
/// let (mut producer, mut consumer) = RING.split().expect("split for the first time");
/// assert!(RING.split().is_none());
/// assert_eq!(producer.write(b"hi"), Ok(2));
/// let mut out = [0; 8];
/// assert_eq!(consumer.read(&mut out), Ok(2));
/// ```
///
/// ```compile_fail
/// static RING: ringbuf_core::Inline<100> = ringbuf_core::Inline::new();
/// ```
#[repr(C)]
pub struct Inline<const N: usize> {
    header: Header,
    bytes: [Byte; N],
    taken: AtomicBool,
}

// SAFETY: the header and `taken` are atomics; the bytes are accessed only
// through the two halves, of which there is one each, under the protocol of
// `cursor`.
unsafe impl<const N: usize> Sync for Inline<N> {}

impl<const N: usize> Inline<N> {
    /// An empty ring.
    #[must_use]
    pub const fn new() -> Self {
        Self::new_starting_at(0)
    }

    /// Like [`new`](Self::new), with both positions at `start` instead of 0
    /// (for tests that want to see positions wrap).
    #[must_use]
    pub const fn new_starting_at(start: usize) -> Self {
        const {
            assert!(
                N.is_power_of_two() && N <= MAX_CAPACITY,
                "the capacity of an Inline ring must be a power of two of at most MAX_CAPACITY"
            );
        }
        Self {
            header: Header::new(start),
            bytes: [const { Byte::new(0) }; N],
            taken: AtomicBool::new(false),
        }
    }

    /// The two halves. Succeeds once in the life of the ring: afterwards, and
    /// also when the halves have been dropped, it is `None`.
    pub fn split(&self) -> Option<(Producer<&Self>, Consumer<&Self>)> {
        // Relaxed: only one caller may win, nothing is passed on by this.
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // Relaxed: still as the constructor stored it.
        let start = self.header.head.0.load(Ordering::Relaxed);
        // SAFETY: `taken` makes these the only producer and consumer, and
        // the ring still is as the constructor made it.
        unsafe {
            Some((
                Producer::at(self, start, start),
                Consumer::at(self, start, start),
            ))
        }
    }
}

impl<const N: usize> Default for Inline<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Debug for Inline<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inline")
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}

// SAFETY: a borrowed value neither moves nor dies; `new` checked `N`.
unsafe impl<const N: usize> Memory for &Inline<N> {
    fn parts(&self) -> Parts {
        Parts {
            header: NonNull::from(&self.header),
            bytes: NonNull::from(&self.bytes).cast(),
            capacity: N,
        }
    }
}

// SAFETY: only the halves access the bytes, which are private to the value.
unsafe impl<const N: usize> Private for &Inline<N> {}
