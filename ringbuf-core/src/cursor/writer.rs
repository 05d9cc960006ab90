//! The producing cursor.

use core::ops::Deref;

use super::{PIECE, Shared, lower, raise};
use crate::copy;
use crate::error::Corrupt;
use crate::header::STOPPED;
use crate::sleep::{Signal, Sleep};
use crate::sync::{Ordering, mutant};

pub(crate) struct Writer {
    pub(super) shared: Shared,
    /// Bytes written; `header.head` is a copy for the others.
    pub(super) head: usize,
    /// Bytes read, as of the last look. `head - tail <= capacity`, always.
    tail: usize,
}

impl Writer {
    /// # Safety
    /// As for `Shared::new`; this is the only writer of the ring, its
    /// position is `head`, and `head - tail <= capacity`.
    pub(crate) unsafe fn new(shared: Shared, head: usize, tail: usize) -> Self {
        debug_assert!(head.wrapping_sub(tail) <= shared.capacity());
        Self { shared, head, tail }
    }

    pub(crate) fn shared(&self) -> Shared {
        self.shared
    }

    pub(crate) fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// Free bytes as of the last look.
    #[inline]
    fn free(&self) -> usize {
        self.capacity() - self.head.wrapping_sub(self.tail)
    }

    /// Looks at the consumer's position.
    #[inline]
    fn look(&mut self) -> Result<usize, Corrupt> {
        // Acquire: pairs with the release store in `Reader::release`; the
        // consumer's copies out of the freed bytes come before ours into them.
        let order = mutant!("tail-look-relaxed", Ordering::Relaxed, Ordering::Acquire);
        let tail = self.shared.header().tail.0.load(order);
        // A tail only goes forward, and never past the head. By the invariant
        // this implies a fill of at most the capacity.
        if self.head.wrapping_sub(tail) > self.head.wrapping_sub(self.tail) {
            return Err(self.shared.corrupt(self.head, tail));
        }
        self.tail = tail;
        Ok(self.free())
    }

    /// Whether nothing may be written any more, or need be.
    #[inline]
    fn is_stopped(&self) -> bool {
        // Relaxed: an early answer only. What is decided is decided by
        // `settle`, after the fence of `wake_consumer`.
        let state = self.shared.rare().state.load(Ordering::Relaxed) & STOPPED;
        mutant!(
            "write-after-finish",
            state & !crate::header::FINISHED,
            state
        ) != 0
    }

    /// Free bytes: at least `want`, or all there are; 0 when stopped.
    #[inline]
    pub(crate) fn room(&mut self, want: usize) -> Result<usize, Corrupt> {
        if self.is_stopped() {
            return Ok(0);
        }
        let free = self.free();
        if free >= want { Ok(free) } else { self.look() }
    }

    /// Free bytes by a fresh look; 0 when stopped.
    pub(crate) fn vacant(&mut self) -> Result<usize, Corrupt> {
        let free = self.look()?;
        Ok(if self.is_stopped() { 0 } else { free })
    }

    /// Copies to `ahead` bytes after the head.
    ///
    /// # Safety
    /// `ahead + src.len()` bytes are free as of the last look.
    #[inline]
    unsafe fn put(&mut self, ahead: usize, src: &[u8]) {
        let (at, contiguous) = self.shared.locate(self.head.wrapping_add(ahead));
        if src.len() <= contiguous {
            // SAFETY: the target lies in the ring's memory, in its free part,
            // which the consumer does not touch: it has released it, and the
            // acquire in `look` came after that.
            unsafe { copy::copy_in(at, src) };
        } else {
            // SAFETY: forwarded.
            unsafe { self.put_around(ahead, src) };
        }
    }

    /// `put` around the end of the memory.
    ///
    /// # Safety
    /// As for `put`, and there are fewer bytes before the end of the memory.
    #[cold]
    #[inline(never)]
    unsafe fn put_around(&mut self, ahead: usize, src: &[u8]) {
        let (at, contiguous) = self.shared.locate(self.head.wrapping_add(ahead));
        let (start, _) = self.shared.locate(0);
        let (first, second) = src.split_at(contiguous);
        // SAFETY: as in `put`, in two parts.
        unsafe {
            copy::copy_in(at, first);
            copy::copy_in(start, second);
        }
    }

    /// Publishes the next `n` bytes, which have been filled in place.
    ///
    /// # Panics
    /// More than are free.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn commit(&mut self, n: usize) {
        assert!(n <= self.free(), "committed {n} bytes, more than are free");
        if n != 0 {
            self.publish(n);
        }
    }

    #[inline]
    fn publish(&mut self, n: usize) {
        self.head = self.head.wrapping_add(n);
        // Release: pairs with the acquire load in `Reader::look`; the bytes
        // come before the position that shows them.
        let order = mutant!("head-publish-relaxed", Ordering::Relaxed, Ordering::Release);
        self.shared.header().head.0.store(self.head, order);
    }

    #[inline]
    pub(crate) fn write(&mut self, src: &[u8]) -> Result<usize, Corrupt> {
        let n = src.len().min(self.room(src.len())?);
        if n == 0 {
            return Ok(0);
        }
        #[cfg(loom)]
        if crate::sync::is_mutant("publish-before-copy") {
            let ahead = n.wrapping_neg();
            self.publish(n);
            // SAFETY: wrong on purpose; the bytes exist.
            unsafe { self.put(ahead, &src[..n]) };
            return Ok(n);
        }
        let (at, contiguous) = self.shared.locate(self.head);
        if n <= contiguous.min(PIECE) {
            // SAFETY: as in `put`.
            unsafe { copy::copy_in(at, &src[..n]) };
            self.publish(n);
        } else {
            // SAFETY: `room` said so.
            unsafe { self.put_in_pieces(&src[..n]) };
        }
        Ok(n)
    }

    /// Copies and publishes much, piece by piece, so that the consumer copies
    /// one while we copy the next.
    ///
    /// # Safety
    /// `src.len()` bytes are free as of the last look.
    #[cold]
    #[inline(never)]
    unsafe fn put_in_pieces(&mut self, src: &[u8]) {
        for piece in src.chunks(PIECE) {
            // SAFETY: forwarded.
            unsafe { self.put(0, piece) };
            self.publish(piece.len());
        }
    }

    pub(crate) fn write_vectored<B>(&mut self, sources: &[B]) -> Result<usize, Corrupt>
    where
        B: Deref<Target = [u8]>,
    {
        if let [source] = sources {
            return self.write(source);
        }
        let want = sources
            .iter()
            .fold(0_usize, |sum, source| sum.saturating_add(source.len()));
        let room = self.room(want)?;
        let mut done = 0;
        for source in sources {
            // Read once: `deref` is a stranger's code, and need not answer
            // twice alike.
            let source: &[u8] = source;
            let n = source.len().min(room - done);
            // SAFETY: `room` said so.
            unsafe { self.put(done, &source[..n]) };
            done += n;
            if done == room {
                break;
            }
        }
        if done != 0 {
            self.publish(done);
        }
        Ok(done)
    }

    /// The first `len` free bytes of the last look: addresses and lengths.
    #[cfg(not(loom))]
    pub(crate) fn spans(&self, len: usize) -> [(*const crate::sync::Byte, usize); 2] {
        debug_assert!(len <= self.free());
        self.shared.spans(self.head, len)
    }

    pub(crate) fn signal(&mut self) -> Signal {
        self.shared.wake_consumer()
    }

    /// `Producer::prepare_sleep_for`.
    pub(crate) fn prepare_sleep(&mut self, room: usize) -> Result<Sleep, Corrupt> {
        let room = room.clamp(1, self.capacity());
        let shared = self.shared;
        let flag = &shared.rare().producer_sleeps;
        raise(flag);
        let free = mutant!("producer-sleep-no-recheck", Ok(self.free()), self.look());
        let state = shared.rare().state.load(Ordering::Relaxed);
        let stopped = mutant!("producer-sleep-ignores-state", false, state & STOPPED != 0);
        match free {
            // Relaxed load above: ordered by the fence in `raise`, which
            // pairs with the one in `take`, like the look.
            Ok(free) if free < room && !stopped => Ok(Sleep::Asleep),
            other => {
                lower(flag);
                other.map(|_| Sleep::Ready)
            }
        }
    }

    pub(crate) fn cancel_sleep(&mut self) {
        lower(&self.shared.rare().producer_sleeps);
    }
}
