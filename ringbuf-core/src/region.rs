//! A ring in memory that somebody else mapped, and that another process may
//! write.

use core::ptr::NonNull;

use crate::error::{AttachError, Corrupt, MAX_CAPACITY};
use crate::header::{Header, LAYOUT_VERSION, MAGIC};
use crate::memory::{Memory, Parts};
use crate::sync::Ordering;
use crate::{Closer, Consumer, Observer, Producer};

/// A ring at a given address, usually in a mapping shared by two processes.
///
/// `K` keeps the memory mapped (an `Arc` of the mapping, say; `()` for memory
/// that stays for ever). The region is never trusted: every position found
/// in it is checked, the capacity is read once, and no reference to its bytes
/// is ever made, so the lending calls do not exist here.
///
/// What another process can do to this one by writing to the region: make
/// calls return [`Corrupt`], wrong bytes, a wrong end, and sleeps or wake-ups
/// that are not called for. It cannot make an access leave the region.
#[derive(Clone)]
pub struct Region<K> {
    parts: Parts,
    keep: K,
}

// SAFETY: the region holds atomics, and bytes that only the two halves
// access, under the protocol of `cursor`; `keep` is checked by the bound.
unsafe impl<K: Send> Send for Region<K> {}
// SAFETY: as above.
unsafe impl<K: Sync> Sync for Region<K> {}

/// The width of a position in this program, in bits.
const POINTER_BITS: u32 = usize::BITS;

impl Region<()> {
    /// The length in bytes of a region for a ring of `capacity` bytes.
    #[must_use]
    pub const fn required_len(capacity: usize) -> usize {
        size_of::<Header>() + capacity
    }

    /// The alignment in bytes that a region's address must have. A page
    /// boundary always does.
    pub const ALIGNMENT: usize = align_of::<Header>();
}

impl<K> Region<K> {
    /// Makes a new, empty ring in the `len` bytes at `ptr`, whatever they
    /// contain.
    ///
    /// # Errors
    /// The address is not aligned, the region is shorter than
    /// [`Region::required_len`], or the capacity is not a power of two of at
    /// most [`MAX_CAPACITY`].
    ///
    /// # Safety
    /// The `len` bytes at `ptr` are valid for reads and writes as long as
    /// `keep` or a clone of it lives, and nothing in this process accesses
    /// them but through a `Region`. No half of an older ring there is in use.
    pub unsafe fn create(
        ptr: NonNull<u8>,
        len: usize,
        capacity: usize,
        keep: K,
    ) -> Result<Self, AttachError> {
        // SAFETY: forwarded.
        unsafe { Self::create_starting_at(ptr, len, capacity, keep, 0) }
    }

    /// Like [`create`](Self::create), with both positions at `start` instead
    /// of 0 (for tests that want to see positions wrap).
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    ///
    /// # Safety
    /// As for [`create`](Self::create).
    pub unsafe fn create_starting_at(
        ptr: NonNull<u8>,
        len: usize,
        capacity: usize,
        keep: K,
        start: usize,
    ) -> Result<Self, AttachError> {
        check_place(ptr, len)?;
        let parts = locate(ptr, len, capacity)?;
        // SAFETY: `locate` checked that the region holds a header; the caller
        // promises that it may be written.
        let header = unsafe { parts.header.as_ref() };
        let rare = &header.rare;
        // Relaxed but for the last: the release store of the magic number
        // orders them before an `attach` that sees it.
        rare.magic.store(0, Ordering::Relaxed);
        header.head.0.store(start, Ordering::Relaxed);
        header.tail.0.store(start, Ordering::Relaxed);
        rare.state.store(0, Ordering::Relaxed);
        rare.producer_sleeps.store(0, Ordering::Relaxed);
        rare.consumer_sleeps.store(0, Ordering::Relaxed);
        rare.end.store(0, Ordering::Relaxed);
        rare.read.store(0, Ordering::Relaxed);
        rare.version.store(LAYOUT_VERSION, Ordering::Relaxed);
        rare.pointer_bits.store(POINTER_BITS, Ordering::Relaxed);
        // Fits: at most 2^30.
        rare.capacity.store(capacity as u32, Ordering::Relaxed);
        // Release: pairs with the acquire load in `attach`.
        rare.magic.store(MAGIC, Ordering::Release);
        Ok(Self { parts, keep })
    }

    /// Finds the ring that [`create`](Self::create) made in the `len` bytes
    /// at `ptr`, in this process or another one.
    ///
    /// # Errors
    /// Whatever is wrong with the place or with the constants found there.
    ///
    /// # Safety
    /// The `len` bytes at `ptr` are valid for reads and writes as long as
    /// `keep` or a clone of it lives, and nothing in this process accesses
    /// them but through a `Region`.
    pub unsafe fn attach(ptr: NonNull<u8>, len: usize, keep: K) -> Result<Self, AttachError> {
        check_place(ptr, len)?;
        // SAFETY: `check_place` saw that a header fits there; the caller
        // promises that it may be read.
        let rare = unsafe { &ptr.cast::<Header>().as_ref().rare };
        // Acquire: pairs with the release store in `create`.
        if rare.magic.load(Ordering::Acquire) != MAGIC {
            return Err(AttachError::NoRing);
        }
        // Relaxed, three times: ordered by the load above.
        let version = rare.version.load(Ordering::Relaxed);
        if version != LAYOUT_VERSION {
            return Err(AttachError::Version {
                found: version,
                expected: LAYOUT_VERSION,
            });
        }
        let bits = rare.pointer_bits.load(Ordering::Relaxed);
        if bits != POINTER_BITS {
            return Err(AttachError::PointerWidth {
                found: bits,
                expected: POINTER_BITS,
            });
        }
        let capacity = rare.capacity.load(Ordering::Relaxed) as usize;
        let parts = locate(ptr, len, capacity)?;
        Ok(Self { parts, keep })
    }

    /// The capacity in bytes.
    pub fn capacity(&self) -> usize {
        self.parts.capacity
    }

    /// What keeps the memory.
    pub fn keep(&self) -> &K {
        &self.keep
    }

    /// The producing half.
    ///
    /// # Errors
    /// The positions in the header are impossible.
    ///
    /// # Safety
    /// No other producer of this ring is in use, in this process. (One in
    /// another process breaks the stream, but not this program.)
    pub unsafe fn into_producer(self) -> Result<Producer<Self>, Corrupt> {
        let (head, tail) = self.positions()?;
        // SAFETY: the positions were checked; the caller promises the rest.
        Ok(unsafe { Producer::at(self, head, tail) })
    }

    /// The consuming half.
    ///
    /// # Errors
    /// The positions in the header are impossible.
    ///
    /// # Safety
    /// No other consumer of this ring is in use, in this process. (One in
    /// another process breaks the stream, but not this program.)
    pub unsafe fn into_consumer(self) -> Result<Consumer<Self>, Corrupt> {
        // The cached head is left at the tail, so that the first look checks
        // it against a decided end, too.
        let (_, tail) = self.positions()?;
        // SAFETY: the positions were checked; the caller promises the rest.
        Ok(unsafe { Consumer::at(self, tail, tail) })
    }

    /// A view for monitoring, without being one of the halves.
    pub fn into_observer(self) -> Observer<Self> {
        Observer::new(self)
    }

    /// A handle that ends the ring, without being one of the halves.
    pub fn into_closer(self) -> Closer<Self> {
        Closer::new(self)
    }

    fn positions(&self) -> Result<(usize, usize), Corrupt> {
        // SAFETY: valid while `keep` lives, as the caller of `create` or
        // `attach` promised.
        let header = unsafe { self.parts.header.as_ref() };
        // Acquire, twice: pair with the release stores that publish head and
        // tail. The tail goes first, so that the head is no older than it.
        let read = header.tail.0.load(Ordering::Acquire);
        let written = header.head.0.load(Ordering::Acquire);
        let capacity = self.parts.capacity;
        if written.wrapping_sub(read) > capacity {
            return Err(Corrupt {
                written,
                read,
                capacity,
            });
        }
        Ok((written, read))
    }
}

/// Whether a header can lie there.
fn check_place(ptr: NonNull<u8>, len: usize) -> Result<(), AttachError> {
    let needed = align_of::<Header>();
    if !ptr.addr().get().is_multiple_of(needed) {
        return Err(AttachError::Misaligned { needed });
    }
    let needed = size_of::<Header>();
    if len < needed {
        return Err(AttachError::TooShort { len, needed });
    }
    Ok(())
}

/// Where header and bytes lie, if there is room for them. `check_place` first.
fn locate(ptr: NonNull<u8>, len: usize, capacity: usize) -> Result<Parts, AttachError> {
    if !capacity.is_power_of_two() || capacity > MAX_CAPACITY {
        return Err(AttachError::Capacity { found: capacity });
    }
    let needed = Region::required_len(capacity);
    if len < needed {
        return Err(AttachError::TooShort { len, needed });
    }
    Ok(Parts {
        header: ptr.cast(),
        // SAFETY: within the region, which is long enough.
        bytes: unsafe { ptr.add(size_of::<Header>()) }.cast(),
        capacity,
    })
}

// SAFETY: the caller of `create` or `attach` promised that the region stays
// valid while `keep` or a clone of it lives.
unsafe impl<K> Memory for Region<K> {
    fn parts(&self) -> Parts {
        self.parts
    }
}

impl<K> core::fmt::Debug for Region<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Region")
            .field("capacity", &self.parts.capacity)
            .finish_non_exhaustive()
    }
}
