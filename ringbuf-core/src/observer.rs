//! Watching a ring.

use crate::cursor::Shared;
use crate::memory::Memory;
use crate::sync::Ordering;

/// A view of a ring for monitoring, from any thread.
///
/// It only reads, and what it reads may be outdated by the time it is
/// returned. Totals wrap at the width of `usize`; on 64-bit targets they are
/// lifetime totals. In a region shared with another process they are what
/// that process says they are.
#[derive(Clone)]
pub struct Observer<M> {
    memory: M,
}

impl<M: Memory> Observer<M> {
    pub(crate) fn new(memory: M) -> Self {
        Self { memory }
    }

    fn shared(&self) -> Shared {
        // SAFETY: used only while `memory` is borrowed.
        unsafe { Shared::new(self.memory.parts()) }
    }

    /// The capacity of the ring in bytes.
    pub fn capacity(&self) -> usize {
        self.shared().capacity()
    }

    /// Bytes ever written.
    pub fn written(&self) -> usize {
        // Relaxed: a figure, nothing hangs on it.
        self.shared().header().head.0.load(Ordering::Relaxed)
    }

    /// Bytes ever read.
    pub fn read(&self) -> usize {
        // Relaxed: a figure, nothing hangs on it.
        self.shared().header().tail.0.load(Ordering::Relaxed)
    }

    /// Bytes that count as written and as read: up to what was fixed when the
    /// stream was finished or the ring abandoned, and as they are now as far
    /// as nothing was. A full barrier.
    ///
    /// What was read is final if it is all that was written, the end is fixed
    /// ([`Closer::settle_end`](crate::Closer::settle_end)), and
    /// [`is_abandoned`](Self::is_abandoned) says no *after* this call. If it
    /// says yes, only [`Closer::settle_read`](crate::Closer::settle_read)
    /// knows.
    pub fn counts(&self) -> (usize, usize) {
        self.shared().counts()
    }

    /// Bytes in the ring, at most its capacity.
    pub fn fill(&self) -> usize {
        let shared = self.shared();
        // Acquire: pairs with the release in `Reader::release`, so that the
        // head read next is not older than this tail. What is written and
        // read in between can make the difference too large: hence `min`.
        let tail = shared.header().tail.0.load(Ordering::Acquire);
        let head = shared.header().head.0.load(Ordering::Relaxed);
        head.wrapping_sub(tail).min(shared.capacity())
    }

    /// Whether the stream has been finished.
    pub fn is_finished(&self) -> bool {
        self.shared().is_finished()
    }

    /// Whether the ring has been abandoned.
    pub fn is_abandoned(&self) -> bool {
        self.shared().is_abandoned()
    }
}

impl<M: Memory> core::fmt::Debug for Observer<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Observer")
            .field("capacity", &self.capacity())
            .field("written", &self.written())
            .field("read", &self.read())
            .field("is_finished", &self.is_finished())
            .field("is_abandoned", &self.is_abandoned())
            .finish()
    }
}
