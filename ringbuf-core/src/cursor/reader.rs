//! The consuming cursor.

use core::ops::DerefMut;

use super::{PIECE, Shared, lower, raise};
use crate::copy;
use crate::error::Corrupt;
use crate::header::{ABANDONED, STOPPED};
use crate::sleep::{Signal, Sleep};
use crate::sync::{Ordering, mutant};

pub(crate) struct Reader {
    pub(super) shared: Shared,
    /// Bytes read; `header.tail` is a copy for the others.
    pub(super) tail: usize,
    /// Bytes written, as of the last look (and not behind a decided end).
    /// `head - tail <= capacity`, always.
    pub(super) head: usize,
    /// Whether the last look of a read showed at least twice what the read
    /// asked for: the producer streams, and does so faster than we look.
    ample: bool,
    /// Bytes read since the last `signal`.
    freed: usize,
    /// The end was decided to be here: nothing is ever read again.
    pub(super) ended: bool,
}

impl Reader {
    /// # Safety
    /// As for `Shared::new`; this is the only reader of the ring, its
    /// position is `tail`, and `head - tail <= capacity`.
    pub(crate) unsafe fn new(shared: Shared, tail: usize, head: usize) -> Self {
        debug_assert!(head.wrapping_sub(tail) <= shared.capacity());
        Self {
            shared,
            tail,
            head,
            ample: false,
            freed: 0,
            ended: false,
        }
    }

    pub(crate) fn shared(&self) -> Shared {
        self.shared
    }

    pub(crate) fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// Filled bytes as of the last look.
    #[inline]
    pub(super) fn filled(&self) -> usize {
        self.head.wrapping_sub(self.tail)
    }

    /// Looks at the producer's position.
    #[inline]
    pub(super) fn look(&mut self) -> Result<usize, Corrupt> {
        // The bytes travel beside the position that shows them, not after it.
        copy::prefetch(self.shared.locate(self.tail).0);
        // Acquire, which SeqCst is, too: pairs with the release store in
        // `Writer::publish`; the producer's copies into the bytes come before
        // ours out of them. SeqCst, here and for the state: see `end`.
        let order = mutant!("head-look-relaxed", Ordering::Relaxed, Ordering::SeqCst);
        let head = self.shared.header().head.0.load(order);
        #[cfg(loom)]
        if order == Ordering::SeqCst && !crate::sync::is_mutant("head-look-acquire") {
            crate::sync::fence(Ordering::SeqCst);
        }
        let filled = head.wrapping_sub(self.tail);
        // A head only goes forward, and never a capacity past the tail.
        if filled > self.capacity() || filled < self.filled() {
            return self.look_impossible(head);
        }
        // Acquire, at least: pairs with `finish` and `abandon`.
        let state = self.shared.rare().state.load(Ordering::SeqCst);
        // An end that was decided here stays, whatever becomes of the flags.
        if state != 0 || self.ended {
            return self.look_stopped(filled, state);
        }
        self.head = head;
        Ok(filled)
    }

    /// The rest of a look at a head that cannot be.
    #[cold]
    fn look_impossible(&self, head: usize) -> Result<usize, Corrupt> {
        // An end that was decided here is not undone, nor made an error, by
        // what is written there afterwards.
        if self.ended {
            return Ok(0);
        }
        Err(self.shared.corrupt(head, self.tail))
    }

    /// Filled bytes: at least `want`, or all there are; 0 when abandoned.
    #[inline]
    pub(crate) fn ready(&mut self, want: usize) -> Result<usize, Corrupt> {
        // Relaxed: an early answer only; who abandons throws bytes away, and
        // cannot say which.
        if self.shared.rare().state.load(Ordering::Relaxed) & ABANDONED != 0 {
            return Ok(0);
        }
        let filled = self.filled();
        if filled >= want {
            return Ok(filled);
        }
        if filled == 0 && self.ample {
            linger();
        }
        let filled = self.look()?;
        self.ample = filled / 2 >= want;
        Ok(filled)
    }

    /// Filled bytes by a fresh look; 0 when abandoned.
    pub(crate) fn available(&mut self) -> Result<usize, Corrupt> {
        self.look()
    }

    /// Copies from `ahead` bytes after the tail.
    ///
    /// # Safety
    /// `ahead + dst.len()` bytes are filled as of the last look.
    #[inline]
    unsafe fn get(&mut self, ahead: usize, dst: &mut [u8]) {
        let (at, contiguous) = self.shared.locate(self.tail.wrapping_add(ahead));
        if dst.len() <= contiguous {
            // SAFETY: the source lies in the ring's memory, in its filled
            // part, which the producer does not touch: it has released it,
            // and the acquire in `look` came after that.
            unsafe { copy::copy_out(at, dst) };
        } else {
            // SAFETY: forwarded.
            unsafe { self.get_around(ahead, dst) };
        }
    }

    /// `get` around the end of the memory.
    ///
    /// # Safety
    /// As for `get`, and there are fewer bytes before the end of the memory.
    #[cold]
    #[inline(never)]
    unsafe fn get_around(&mut self, ahead: usize, dst: &mut [u8]) {
        let (at, contiguous) = self.shared.locate(self.tail.wrapping_add(ahead));
        let (start, _) = self.shared.locate(0);
        let (first, second) = dst.split_at_mut(contiguous);
        // SAFETY: as in `get`, in two parts.
        unsafe {
            copy::copy_out(at, first);
            copy::copy_out(start, second);
        }
    }

    /// `Consumer::free`.
    #[inline]
    pub(crate) fn free(&mut self, n: usize) -> usize {
        let n = n.min(self.filled());
        if n != 0 {
            self.release(n);
        }
        n
    }

    /// Like `free` for what was lent.
    ///
    /// # Panics
    /// More than are filled as of the last look.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        let filled = self.filled();
        assert!(n <= filled, "consumed {n} bytes of {filled}");
        self.free(n);
    }

    #[inline]
    fn release(&mut self, n: usize) {
        self.tail = self.tail.wrapping_add(n);
        self.freed = self.freed.saturating_add(n);
        // Release: pairs with the acquire load in `Writer::look`; our copies
        // out of the bytes come before the position that frees them.
        let order = mutant!("tail-publish-relaxed", Ordering::Relaxed, Ordering::Release);
        self.shared.header().tail.0.store(self.tail, order);
    }

    /// `Consumer::copy`.
    #[inline]
    pub(crate) fn copy(&mut self, dst: &mut [u8]) -> Result<usize, Corrupt> {
        let n = dst.len().min(self.ready(dst.len())?);
        // SAFETY: `ready` said so.
        unsafe { self.get(0, &mut dst[..n]) };
        Ok(n)
    }

    #[inline]
    pub(crate) fn read(&mut self, dst: &mut [u8]) -> Result<usize, Corrupt> {
        let n = dst.len().min(self.ready(dst.len())?);
        if n == 0 {
            return Ok(0);
        }
        #[cfg(loom)]
        if crate::sync::is_mutant("free-before-copy") {
            self.release(n);
            // SAFETY: wrong on purpose; the bytes exist.
            unsafe { self.get(n.wrapping_neg(), &mut dst[..n]) };
            return Ok(n);
        }
        let (at, contiguous) = self.shared.locate(self.tail);
        if n <= contiguous.min(PIECE) {
            // SAFETY: as in `get`.
            unsafe { copy::copy_out(at, &mut dst[..n]) };
            self.release(n);
        } else {
            // SAFETY: `ready` said so.
            unsafe { self.get_in_pieces(&mut dst[..n]) };
        }
        Ok(n)
    }

    /// Copies and frees much, piece by piece, so that the producer fills one
    /// while we empty the next.
    ///
    /// # Safety
    /// `dst.len()` bytes are filled as of the last look.
    #[cold]
    #[inline(never)]
    unsafe fn get_in_pieces(&mut self, dst: &mut [u8]) {
        for piece in dst.chunks_mut(PIECE) {
            // SAFETY: forwarded.
            unsafe { self.get(0, piece) };
            self.release(piece.len());
        }
    }

    pub(crate) fn read_vectored<B>(&mut self, targets: &mut [B]) -> Result<usize, Corrupt>
    where
        B: DerefMut<Target = [u8]>,
    {
        if let [target] = targets {
            return self.read(target);
        }
        let want = targets
            .iter()
            .fold(0_usize, |sum, target| sum.saturating_add(target.len()));
        let ready = self.ready(want)?;
        let mut done = 0;
        for target in targets {
            // Read once: `deref_mut` is a stranger's code, and need not
            // answer twice alike.
            let target: &mut [u8] = target;
            let n = target.len().min(ready - done);
            // SAFETY: `ready` said so.
            unsafe { self.get(done, &mut target[..n]) };
            done += n;
            if done == ready {
                break;
            }
        }
        if done != 0 {
            self.release(done);
        }
        Ok(done)
    }

    /// The filled bytes of the last look: addresses and lengths.
    #[cfg(not(loom))]
    pub(crate) fn spans(&self) -> [(*const crate::sync::Byte, usize); 2] {
        self.shared.spans(self.tail, self.filled())
    }

    pub(crate) fn freed(&self) -> usize {
        self.freed
    }

    pub(crate) fn signal(&mut self) -> Signal {
        self.freed = 0;
        self.shared.wake_producer()
    }

    pub(crate) fn prepare_sleep(&mut self) -> Result<Sleep, Corrupt> {
        let shared = self.shared;
        let flag = &shared.rare().consumer_sleeps;
        raise(flag);
        let filled = mutant!("consumer-sleep-no-recheck", Ok(self.filled()), self.look());
        // Relaxed: ordered by the fence in `raise`, which pairs with the one
        // in `take`, like the look.
        let state = shared.rare().state.load(Ordering::Relaxed);
        let stopped = mutant!("consumer-sleep-ignores-state", false, state & STOPPED != 0);
        match filled {
            Ok(0) if !stopped => Ok(Sleep::Asleep),
            other => {
                lower(flag);
                other.map(|_| Sleep::Ready)
            }
        }
    }

    pub(crate) fn cancel_sleep(&mut self) {
        lower(&self.shared.rare().consumer_sleeps);
    }
}

/// Lets a streaming producer gather a few slices before its cache line is
/// taken away once more: with slices of 256 B on a ring of 64 KiB 5.4 GB/s
/// instead of 3.9. Bounded (some 70 ns where it was measured), and not on the
/// way of a question and its answer, where a look shows one message.
#[inline]
fn linger() {
    #[cfg(not(loom))]
    for _ in 0..6 {
        core::hint::spin_loop();
    }
}
