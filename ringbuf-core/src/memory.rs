//! Where the header and the bytes of a ring lie.

use core::ptr::NonNull;

use crate::header::Header;
use crate::sync::Byte;

/// Memory that holds a ring: a header and its bytes.
///
/// Implemented by `Heap`, `&`[`Inline`](crate::Inline) and
/// [`Region`](crate::Region); other memory is used through `Region`. The
/// trait cannot be implemented outside of this crate, because only the crate
/// can make [`Parts`].
///
/// # Safety
/// As long as the value (or a clone of it) lives, header and bytes stay where
/// [`parts`](Self::parts) says, valid for reads and writes, also when the
/// value itself is moved; every call and every clone says the same.
pub unsafe trait Memory {
    /// Where the ring lies.
    fn parts(&self) -> Parts;
}

/// Memory that no other process can write.
///
/// Only such memory can be lent out as slices
/// ([`Producer::reserve`](crate::Producer::reserve),
/// [`Consumer::peek`](crate::Consumer::peek)): a Rust reference to memory
/// that somebody else changes is undefined behaviour.
///
/// # Safety
/// Nothing but the two halves of the ring writes the bytes.
pub unsafe trait Private: Memory {}

/// Address and capacity of a ring, opaque.
#[derive(Clone, Copy)]
pub struct Parts {
    pub(crate) header: NonNull<Header>,
    pub(crate) bytes: NonNull<Byte>,
    /// A power of two, at most `MAX_CAPACITY`.
    pub(crate) capacity: usize,
}

impl core::fmt::Debug for Parts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
