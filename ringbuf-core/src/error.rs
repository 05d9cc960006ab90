//! What can go wrong, and the limits of a capacity.
//!
//! Owns the error types of the crate. Never holds state of a ring.

use core::fmt;

/// The largest capacity of a ring, in bytes (1 GiB).
///
/// The limit keeps `head - tail` far from the width of a 32-bit position and
/// lets a header record the capacity in 32 bits.
pub const MAX_CAPACITY: usize = 1 << 30;

/// Rounds a requested capacity (in bytes) up to the next power of two, which
/// is what a ring of that request really holds.
///
/// ```
/// use ringbuf_core::{CapacityError, MAX_CAPACITY, rounded_capacity};
///
/// assert_eq!(rounded_capacity(1), Ok(1));
/// assert_eq!(rounded_capacity(1000), Ok(1024));
/// assert_eq!(rounded_capacity(0), Err(CapacityError::Zero));
/// assert!(rounded_capacity(MAX_CAPACITY + 1).is_err());
/// ```
///
/// # Errors
/// [`CapacityError::Zero`] for 0, [`CapacityError::TooLarge`] above
/// [`MAX_CAPACITY`].
pub const fn rounded_capacity(requested: usize) -> Result<usize, CapacityError> {
    if requested == 0 {
        Err(CapacityError::Zero)
    } else if requested > MAX_CAPACITY {
        Err(CapacityError::TooLarge {
            requested,
            max: MAX_CAPACITY,
        })
    } else {
        Ok(requested.next_power_of_two())
    }
}

/// A capacity that no ring can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacityError {
    /// A ring of no bytes could never carry one.
    Zero,
    /// More than [`MAX_CAPACITY`] bytes were asked for.
    TooLarge {
        /// What was asked for, in bytes.
        requested: usize,
        /// What can be had at most, in bytes.
        max: usize,
    },
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("the capacity is 0 bytes; ask for at least 1"),
            Self::TooLarge { requested, max } => write!(
                f,
                "a capacity of {requested} bytes is over the limit; ask for at most {max}"
            ),
        }
    }
}

impl core::error::Error for CapacityError {}

/// The other side's position, found in the ring's header, is impossible.
///
/// It happens only in memory that something outside of this crate has written:
/// a shared region whose other process is broken or hostile. Nothing was
/// moved by the call that returns it. The ring cannot be trusted any more:
/// drop it, and treat the peer as lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt {
    pub(crate) written: usize,
    pub(crate) read: usize,
    pub(crate) capacity: usize,
}

impl Corrupt {
    /// The producer's position (or the end of the stream) as it was found.
    pub const fn written(&self) -> usize {
        self.written
    }

    /// The consumer's position as it was found.
    pub const fn read(&self) -> usize {
        self.read
    }

    /// The capacity of the ring in bytes, which the two positions cannot
    /// both lie in.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ring's header is corrupt: written {}, read {}, capacity {}; \
             drop the ring and treat its other side as lost",
            self.written, self.read, self.capacity
        )
    }
}

impl core::error::Error for Corrupt {}

/// A region that cannot be used as a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// The region's address is not a multiple of what the header needs.
    Misaligned {
        /// The alignment needed, in bytes.
        needed: usize,
    },
    /// The region is shorter than header and capacity together.
    TooShort {
        /// The length of the region, in bytes.
        len: usize,
        /// The length needed, in bytes.
        needed: usize,
    },
    /// The region does not begin with a ring (or it is not initialised yet).
    NoRing,
    /// The ring was laid out by another version of this crate.
    Version {
        /// The layout version found.
        found: u32,
        /// The layout version of this crate.
        expected: u32,
    },
    /// The ring was made by a program of another pointer width, whose
    /// positions are not as wide as ours.
    PointerWidth {
        /// The width found, in bits.
        found: u32,
        /// The width of this program, in bits.
        expected: u32,
    },
    /// The capacity is one that no ring has.
    Capacity {
        /// The capacity found or asked for, in bytes.
        found: usize,
    },
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { needed } => write!(
                f,
                "the region's address is not a multiple of {needed}; map it at a page boundary"
            ),
            Self::TooShort { len, needed } => write!(
                f,
                "the region has {len} bytes but the ring needs {needed}; map all of it"
            ),
            Self::NoRing => f.write_str(
                "the region holds no ring; create one there first, or check what was mapped",
            ),
            Self::Version { found, expected } => write!(
                f,
                "the ring has layout version {found}, this program knows {expected}; \
                 build both programs with the same version of ringbuf-core"
            ),
            Self::PointerWidth { found, expected } => write!(
                f,
                "the ring was made by a {found}-bit program, this is a {expected}-bit one; \
                 build both programs for the same width"
            ),
            Self::Capacity { found } => write!(
                f,
                "a capacity of {found} bytes is impossible; \
                 it must be a power of two of at most {MAX_CAPACITY}"
            ),
        }
    }
}

impl core::error::Error for AttachError {}
