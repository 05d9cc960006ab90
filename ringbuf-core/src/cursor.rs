//! The engine: one producing and one consuming cursor over raw pointers, the
//! same for every kind of memory.
//!
//! It is Lamport's queue (L. Lamport, "Proving the Correctness of Multiprocess
//! Programs", IEEE TSE 3(2), 1977) with free-running positions, so that all of
//! the capacity can be used, and with a cached copy of the other side's
//! position, which is looked at again only when the copy cannot serve a call
//! (P. Lee, T. Bu, G. Chandranmenon, "A Lock-Free, Cache-Efficient Shared Ring
//! Buffer for Multi-Core Architectures" (MCRingBuffer), ANCS 2009; the
//! observation goes back to J. Giacomoni et al., "FastForward", PPoPP 2008).
//! The sleep protocol and the decision about the end of the stream are store
//! buffering pairs: each side writes, fences, then reads what the other wrote.
//!
//! Owns every access to the header and the bytes while a ring is in use. It
//! never trusts a word that the other side writes, never reads its own
//! position or the capacity back, and never blocks.

mod end;
mod reader;
mod writer;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

use crate::error::Corrupt;
use crate::header::{ABANDONED, FINISHED, Header, READER_LOST, Rare, WRITER_LOST};
use crate::memory::Parts;
use crate::sleep::Signal;
use crate::sync::{AtomicU32, Byte, Ordering, fence, mutant};

/// A copying call publishes (or frees) what it moves in pieces of this many
/// bytes, so that both sides can copy at once. Measured with slices of 64 KiB
/// on a ring of 64 KiB: 5.5 GB/s undivided, 10.5 with pieces of 16 KiB, 9.5
/// with 4 KiB.
const PIECE: usize = if cfg!(loom) { 2 } else { 16 * 1024 };

/// What both cursors, observers and closers have in common.
#[derive(Clone, Copy)]
pub(crate) struct Shared {
    parts: Parts,
}

// SAFETY: `Parts` are addresses; what may be done there by whom is `cursor`'s
// protocol, which is made for two threads.
unsafe impl Send for Shared {}
// SAFETY: through a shared reference only atomics are accessed, and bytes
// that the other side does not write.
unsafe impl Sync for Shared {}

impl Shared {
    /// # Safety
    /// The parts stay valid as long as the value or a copy of it is used.
    pub(crate) unsafe fn new(parts: Parts) -> Self {
        Self { parts }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.parts.capacity
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: valid, as `new`'s caller promised; all of it is atomic.
        unsafe { self.parts.header.as_ref() }
    }

    #[inline]
    fn rare(&self) -> &Rare {
        &self.header().rare
    }

    /// The address of the byte at a position, and how many lie there before
    /// the end of the memory.
    #[inline]
    fn locate(&self, position: usize) -> (*const Byte, usize) {
        let offset = position & (self.parts.capacity - 1);
        // SAFETY: the offset is below the capacity.
        let at = unsafe { self.parts.bytes.as_ptr().cast_const().add(offset) };
        (at, self.parts.capacity - offset)
    }

    /// Addresses and lengths of the `len` bytes from a position on.
    #[cfg(not(loom))]
    fn spans(&self, position: usize, len: usize) -> [(*const Byte, usize); 2] {
        let (at, contiguous) = self.locate(position);
        let first = len.min(contiguous);
        [(at, first), (self.locate(0).0, len - first)]
    }

    fn corrupt(&self, written: usize, read: usize) -> Corrupt {
        Corrupt {
            written,
            read,
            capacity: self.parts.capacity,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        // Acquire, which SeqCst is, too: pairs with the release in `finish`;
        // what was written before that is there for a look after this.
        // SeqCst: for a consumer that hands out what it took; see `end`.
        self.rare().state.load(Ordering::SeqCst) & FINISHED != 0
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        // As above; pairs with the release in `abandon`.
        self.rare().state.load(Ordering::SeqCst) & ABANDONED != 0
    }

    /// Raises the flag that nothing more will be written. It does not say
    /// where the stream ends: see `end`.
    pub(crate) fn finish(&self) {
        // Release (mutant: none): pairs with the acquire in `is_finished`.
        // AcqRel rather than Release, so that flags raised by two threads
        // one after the other carry each other's past along.
        let order = mutant!("finish-relaxed", Ordering::Relaxed, Ordering::AcqRel);
        self.rare().state.fetch_or(FINISHED, order);
    }

    /// Raises the flag that nothing more will be read.
    pub(crate) fn abandon(&self) {
        // Pairs with the acquire in `is_abandoned`; AcqRel as in `finish`.
        self.rare().state.fetch_or(ABANDONED, Ordering::AcqRel);
    }

    /// As `finish`, and says that it is a loss. One step: who sees the end
    /// sees what it is.
    pub(crate) fn abort_writing(&self) {
        // AcqRel as in `finish`.
        let bits = FINISHED | WRITER_LOST;
        self.rare().state.fetch_or(bits, Ordering::AcqRel);
    }

    /// As `abandon`, and says that it is a loss.
    pub(crate) fn abort_reading(&self) {
        // AcqRel as in `abandon`.
        let bits = ABANDONED | READER_LOST;
        self.rare().state.fetch_or(bits, Ordering::AcqRel);
    }

    pub(crate) fn is_writer_lost(&self) -> bool {
        // Acquire: pairs with the release in `abort_writing`.
        self.rare().state.load(Ordering::Acquire) & WRITER_LOST != 0
    }

    pub(crate) fn is_reader_lost(&self) -> bool {
        // Acquire: pairs with the release in `abort_reading`.
        self.rare().state.load(Ordering::Acquire) & READER_LOST != 0
    }

    /// Whether the producer seems to sleep.
    pub(crate) fn producer_sleeps(&self) -> bool {
        // Relaxed: a hint; whoever must be sure takes the barrier.
        self.rare().producer_sleeps.load(Ordering::Relaxed) != 0
    }

    /// The one full barrier: whether the consumer sleeps, after everything
    /// that the caller did before.
    pub(crate) fn wake_consumer(&self) -> Signal {
        take(&self.rare().consumer_sleeps)
    }

    /// The same for the producer.
    pub(crate) fn wake_producer(&self) -> Signal {
        take(&self.rare().producer_sleeps)
    }
}

/// Takes a sleeper's flag down, if it is up.
#[inline]
fn take(flag: &AtomicU32) -> Signal {
    // SeqCst fence: pairs with the one in `raise`. The caller has published
    // (or finished, or abandoned) before it; the sleeper looks for that after
    // its own. So one of the two sees the other.
    mutant!("signal-no-fence", (), fence(Ordering::SeqCst));
    // Relaxed: ordered by the fences.
    if flag.load(Ordering::Relaxed) == 0 {
        return Signal::Quiet;
    }
    // AcqRel: of two who signal at once only one gets the flag; whatever it
    // does next comes after the sleeper's `raise`.
    if mutant!("signal-no-clear", 1, flag.swap(0, Ordering::AcqRel)) == 0 {
        Signal::Quiet
    } else {
        Signal::Wake
    }
}

/// Puts a sleeper's flag up; what it sleeps for must be looked at afterwards.
///
/// A swap, here and in `lower`, though a store would do: it costs nothing
/// beside a sleep, and loom, which does not know that no store comes between
/// the two halves of a swap (in `take`), would see a wake-up lost there.
fn raise(flag: &AtomicU32) {
    // Relaxed: ordered by the fence, with the swap in `take` as partner.
    flag.swap(1, Ordering::Relaxed);
    // SeqCst fence: pairs with the one in `take`.
    mutant!("sleep-no-fence", (), fence(Ordering::SeqCst));
}

/// Puts a sleeper's flag down by the sleeper itself.
fn lower(flag: &AtomicU32) {
    // Relaxed: nothing hangs on it; a signaller that was faster has sent a
    // wake-up that the sleeper has to bear.
    flag.swap(0, Ordering::Relaxed);
}
