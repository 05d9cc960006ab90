//! A ring on the heap.

use alloc::sync::Arc;
use core::ptr::NonNull;

use crate::error::{CapacityError, rounded_capacity};
use crate::header::Header;
use crate::memory::{Memory, Parts, Private};
use crate::sync::{Byte, Ordering};
use crate::{Consumer, Producer};

/// Heap memory of a ring, freed with the last clone.
///
/// One allocation holds reference counts, header and bytes; it is asked for
/// as zeroed memory, so that the pages of a large ring cost nothing before
/// they are used.
#[derive(Clone)]
pub struct Heap {
    #[cfg(not(loom))]
    block: Arc<[Word]>,
    #[cfg(loom)]
    block: Arc<(Header, alloc::boxed::Box<[Byte]>)>,
    capacity: usize,
}

/// What the block is made of. A larger alignment (the header's) would make
/// the allocator clear the block by hand; so the block has room to align in.
#[cfg(not(loom))]
type Word = core::cell::UnsafeCell<u64>;

// SAFETY: the block holds atomics, and bytes that only the two halves access,
// under the protocol of `cursor`.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

#[cfg(not(loom))]
impl Heap {
    fn new(capacity: usize) -> Self {
        let slack = align_of::<Header>() - align_of::<Word>();
        let len = size_of::<Header>() + slack + capacity;
        let block = Arc::new_zeroed_slice(len.div_ceil(size_of::<Word>()));
        Self {
            // SAFETY: all zero is a valid u64.
            block: unsafe { block.assume_init() },
            capacity,
        }
    }
}

#[cfg(loom)]
impl Heap {
    fn new(capacity: usize) -> Self {
        let bytes = (0..capacity).map(|_| Byte::new(0)).collect();
        Self {
            block: Arc::new((Header::new(), bytes)),
            capacity,
        }
    }
}

#[cfg(not(loom))]
// SAFETY: the block is neither moved nor freed while a clone lives; it is
// large enough for the header at an aligned place and the bytes after it. All
// zero is an open, empty ring.
unsafe impl Memory for Heap {
    fn parts(&self) -> Parts {
        let start = Arc::as_ptr(&self.block).cast::<u8>().cast_mut();
        let aligned = start.addr().next_multiple_of(align_of::<Header>()) - start.addr();
        // SAFETY: `new` made the block large enough for all of this.
        unsafe {
            let header = start.add(aligned);
            Parts {
                header: NonNull::new_unchecked(header).cast(),
                bytes: NonNull::new_unchecked(header.add(size_of::<Header>())).cast::<Byte>(),
                capacity: self.capacity,
            }
        }
    }
}

#[cfg(loom)]
// SAFETY: the block is neither moved nor freed while a clone lives.
unsafe impl Memory for Heap {
    fn parts(&self) -> Parts {
        Parts {
            header: NonNull::from(&self.block.0),
            bytes: NonNull::from(&self.block.1[0]),
            capacity: self.capacity,
        }
    }
}

// SAFETY: nobody else knows where the block is.
unsafe impl Private for Heap {}

impl core::fmt::Debug for Heap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Heap")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// Makes a ring on the heap that holds at least `capacity` bytes, which are
/// rounded up to a power of two.
///
/// # Errors
/// The capacity is 0 or over [`MAX_CAPACITY`](crate::MAX_CAPACITY).
pub fn ring(capacity: usize) -> Result<(Producer<Heap>, Consumer<Heap>), CapacityError> {
    ring_starting_at(capacity, 0)
}

/// Like [`ring`], with both positions at `start` instead of 0.
///
/// For tests that want to see positions wrap without writing `usize::MAX`
/// bytes first.
///
/// # Errors
/// As for [`ring`].
pub fn ring_starting_at(
    capacity: usize,
    start: usize,
) -> Result<(Producer<Heap>, Consumer<Heap>), CapacityError> {
    let heap = Heap::new(rounded_capacity(capacity)?);
    let parts = heap.parts();
    // SAFETY: `parts` is valid while `heap` lives.
    let header = unsafe { parts.header.as_ref() };
    // Relaxed: nobody else knows of the ring yet; whatever hands a half to
    // another thread orders these stores before it.
    header.head.0.store(start, Ordering::Relaxed);
    header.tail.0.store(start, Ordering::Relaxed);
    // SAFETY: a new ring, of which these are the only producer and consumer.
    unsafe {
        Ok((
            Producer::at(heap.clone(), start, start),
            Consumer::at(heap, start, start),
        ))
    }
}
