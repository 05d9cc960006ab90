//! The header of a ring: the words that both sides share.
//!
//! Owns the layout, which is also the format of a region shared by two
//! processes, and the encoding of the end of the stream. Never decides
//! anything: that is `cursor`'s.

use crate::sync::{AtomicU32, AtomicUsize};

/// The version of the layout below; a region with another one is refused.
#[cfg(not(loom))]
pub(crate) const LAYOUT_VERSION: u32 = 2;

/// Marks an initialised header ("Ring" in ASCII).
#[cfg(not(loom))]
pub(crate) const MAGIC: u32 = u32::from_be_bytes(*b"Ring");

/// Bit of [`Rare::state`]: nothing more will be written.
pub(crate) const FINISHED: u32 = 1;

/// Bit of [`Rare::state`]: nothing more will be read.
pub(crate) const ABANDONED: u32 = 2;

/// Bit of [`Rare::state`]: the writing was ended by a loss. Never without [`FINISHED`].
pub(crate) const WRITER_LOST: u32 = 4;

/// Bit of [`Rare::state`]: the reading was ended by a loss. Never without [`ABANDONED`].
pub(crate) const READER_LOST: u32 = 8;

/// The bits that stop a side. Others stop nobody: a side that is stopped, and finds
/// neither flag, could only spin.
pub(crate) const STOPPED: u32 = FINISHED | ABANDONED;

/// Keeps what one side writes away from what the other side writes.
///
/// By 128 bytes, not 64: Intel's spatial prefetcher fetches lines in pairs, and
/// recent Arm and Apple cores have lines of 128 bytes. The alignment is 64 all
/// the same, to be small: wherever such a value starts, two of them in a row
/// never share a pair.
#[repr(C, align(64))]
pub(crate) struct Line<T>(pub(crate) T, [u8; 64]);

impl<T> Line<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value, [0; 64])
    }
}

/// The producer's line, the consumer's, and one that is rarely written and
/// therefore stays in both caches.
#[repr(C)]
pub(crate) struct Header {
    /// Bytes ever written (wrapping). Stored by the producer alone.
    pub(crate) head: Line<AtomicUsize>,
    /// Bytes ever read (wrapping). Stored by the consumer alone.
    pub(crate) tail: Line<AtomicUsize>,
    pub(crate) rare: Rare,
}

/// What changes once per sleep, once per ring, or never.
#[repr(C, align(64))]
pub(crate) struct Rare {
    /// [`FINISHED`], [`ABANDONED`] and how that came; bits are set, never cleared.
    pub(crate) state: AtomicU32,
    /// 1 while the producer sleeps or is about to.
    pub(crate) producer_sleeps: AtomicU32,
    /// 1 while the consumer sleeps or is about to.
    pub(crate) consumer_sleeps: AtomicU32,
    /// [`MAGIC`] in a region, 0 elsewhere.
    #[cfg(not(loom))]
    pub(crate) magic: AtomicU32,
    // What `attach` checks lies where it does for every width of a position.
    #[cfg(not(loom))]
    pub(crate) version: AtomicU32,
    #[cfg(not(loom))]
    pub(crate) pointer_bits: AtomicU32,
    /// The capacity in bytes; written at creation, read once at attach.
    #[cfg(not(loom))]
    pub(crate) capacity: AtomicU32,
    /// Where the stream ends: 0 while undecided, then [`encode`]. Decided
    /// once, by a compare-and-swap of whoever comes first, after a flag is up.
    pub(crate) end: AtomicUsize,
    /// Where the reading ended: the same, after [`ABANDONED`] is up.
    pub(crate) read: AtomicUsize,
}

// The last of the three lines is no longer than it was.
#[cfg(not(loom))]
const _: () = assert!(size_of::<Header>() == 320);

impl Header {
    /// An open, empty ring at a position. All bytes zero is one at 0.
    #[cfg(not(loom))]
    pub(crate) const fn new(start: usize) -> Self {
        Self {
            head: Line::new(AtomicUsize::new(start)),
            tail: Line::new(AtomicUsize::new(start)),
            rare: Rare {
                state: AtomicU32::new(0),
                producer_sleeps: AtomicU32::new(0),
                consumer_sleeps: AtomicU32::new(0),
                magic: AtomicU32::new(0),
                version: AtomicU32::new(0),
                pointer_bits: AtomicU32::new(0),
                capacity: AtomicU32::new(0),
                end: AtomicUsize::new(0),
                read: AtomicUsize::new(0),
            },
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            head: Line::new(AtomicUsize::new(0)),
            tail: Line::new(AtomicUsize::new(0)),
            rare: Rare {
                state: AtomicU32::new(0),
                producer_sleeps: AtomicU32::new(0),
                consumer_sleeps: AtomicU32::new(0),
                end: AtomicUsize::new(0),
                read: AtomicUsize::new(0),
            },
        }
    }
}

/// The bits of a position that a decision keeps. The top bit says "decided";
/// the rest is enough, because what is decided lies within one capacity (at
/// most 2^30) of either side's position.
const DECIDED_BITS: usize = usize::MAX >> 1;

/// The word that says "decided to be at `position`".
pub(crate) const fn encode(position: usize) -> usize {
    position & DECIDED_BITS | !DECIDED_BITS
}

/// Whether the word says anything.
pub(crate) const fn is_decided(word: usize) -> bool {
    word & !DECIDED_BITS != 0
}

/// How far what the word says lies after `position`.
pub(crate) const fn after(word: usize, position: usize) -> usize {
    (word & DECIDED_BITS).wrapping_sub(position) & DECIDED_BITS
}

/// How far what the word says lies before `position`.
pub(crate) const fn before(word: usize, position: usize) -> usize {
    position.wrapping_sub(word & DECIDED_BITS) & DECIDED_BITS
}
