//! Where the stream ends, and where its reading ended.
//!
//! Anybody may raise the flag that the stream is finished, or abandoned, also
//! while a write or a read is going on; the flag does not say where. That is
//! decided afterwards, once, by a compare-and-swap on a word of the header,
//! of whoever needs it first: a side, or a third party, which may be another
//! process. No one waits for anyone.
//!
//! - **end**, after either flag: the stream ends here. A write that went
//!   further learns from `settle` that the rest does not count, and no reader
//!   is given it.
//! - **read**, after an abandonment: so far was read. A read that went further
//!   learns from `settle` that it is not to hand out the rest.
//!
//! # Why nobody errs
//! Below, F is the store that raises the flag.
//!
//! *The writer.* It publishes (P), fences (in `signal`), and looks for the
//! flag; who decides the end sees the flag, fences, and looks at the head. If
//! the writer does not see F, its fence comes first in the order of all
//! fences, and the other's look shows P: the end comes after P. If it does
//! see F, it asks `settle`, and either puts the end after P itself, or learns
//! how much of P came too late. From then on it writes nothing.
//!
//! *The reader, and the end.* It looks at the head (A), takes bytes, looks for
//! the flag (B), and hands the bytes out if it does not see F. Who decides the
//! end looks for the flag (C), fences, and looks at the head (D). The reader
//! has no fence: that would cost as much as all the rest of a small read. If
//! D did not show what A showed, then C, which saw F, and D say that F came
//! before that head, while A and B say the opposite. A machine on which all
//! see all stores in one order (x86, Armv8, RISC-V) does not do that with
//! loads that stay in order. The language rules it out as well, since A and B
//! are sequentially consistent loads: D is before A in the order of all such
//! operations and fences, A before B, B before the fence, the fence before D.
//! Such loads cost nothing on x86, and on Armv8 what an acquire load does.
//! (Loom takes them for acquire loads, and gets a fence after A instead,
//! which orders nothing of what the reader stores afterwards.)
//!
//! If B does show F, the reader asks `settle`, which decides the end, or
//! learns it. It can lie before what was taken: A showed more than D did.
//!
//! *The reader, and where reading ended.* It frees, then looks for the flag,
//! and its store may be on its way for some nanoseconds after the look. If it
//! sees F, it decides for itself, in `settle`. A third party, which can't ask
//! a reader that makes no calls, has to wait for a moment after it saw the
//! flag: by then whatever was stored before is seen, and every later look of
//! the reader finds the flag. (The bound is the hardware's, see Morrison and
//! Afek, "Temporally Bounding TSO for Fence-Free Asymmetric Synchronization",
//! ASPLOS 2015. If a machine broke it, less would count as read than was
//! read, not more.) A reader that passes `signal` between freeing and looking
//! needs no such patience.

use super::{Reader, Shared, Writer};
use crate::error::Corrupt;
use crate::header::{ABANDONED, FINISHED, STOPPED, after, before, encode, is_decided};
use crate::sync::{AtomicUsize, Ordering, fence, mutant};

impl Shared {
    /// `Closer::settle_end`.
    pub(crate) fn settle_end(&self) -> Option<usize> {
        if !self.is_finished() && !self.is_abandoned() {
            return None;
        }
        self.decide_end();
        Some(self.counts().0)
    }

    /// `Closer::settle_read`.
    pub(crate) fn settle_read(&self) -> Option<usize> {
        if !self.is_abandoned() {
            return None;
        }
        // SeqCst fence: pairs with the one in `take`, for a reader that
        // signals between freeing and looking for the flag.
        mutant!("settle-read-no-fence", (), fence(Ordering::SeqCst));
        // Acquire: as in `counts`.
        let tail = self.header().tail.0.load(Ordering::Acquire);
        decide(&self.rare().read, tail);
        Some(self.counts().1)
    }

    /// `Closer::is_end_settled`.
    pub(crate) fn is_end_settled(&self) -> bool {
        // Acquire: pairs with the release in `decide`.
        is_decided(self.rare().end.load(Ordering::Acquire))
    }

    /// `Closer::is_read_settled`.
    pub(crate) fn is_read_settled(&self) -> bool {
        // Acquire: pairs with the release in `decide`.
        is_decided(self.rare().read.load(Ordering::Acquire))
    }

    /// `Observer::counts`.
    pub(crate) fn counts(&self) -> (usize, usize) {
        // Acquire: pairs with the release in `Reader::release`, so that the
        // head is not older than the tail.
        let tail = self.header().tail.0.load(Ordering::Acquire);
        // SeqCst fence: pairs with the one in `settle_read`. If the flag is
        // not seen below, nor by the caller afterwards, nobody decides that
        // less was read than this tail says.
        mutant!("counts-no-fence", (), fence(Ordering::SeqCst));
        // Acquire: the heads below are not older than the end.
        let end = self.rare().end.load(Ordering::Acquire);
        let read = self.rare().read.load(Ordering::Acquire);
        let head = self.header().head.0.load(Ordering::Relaxed);
        let read = if is_decided(read) {
            self.position(read, tail)
        } else {
            tail
        };
        if !is_decided(end) {
            return (head, read);
        }
        let end = self.position(end, head);
        let excess = read.wrapping_sub(end);
        if excess <= self.capacity() {
            (end, end)
        } else {
            (end, read)
        }
    }

    /// Where the stream ends, after a flag was seen: the word. At the head
    /// that is there now, if it was not decided.
    fn decide_end(&self) -> usize {
        let end = &self.rare().end;
        // Acquire: pairs with the release in `decide`.
        let word = end.load(Ordering::Acquire);
        if is_decided(word) {
            return word;
        }
        // SeqCst fence: pairs with the one in `take`, which a producer passes
        // between publishing and looking for the flag that we have just seen.
        mutant!("seal-no-fence", (), fence(Ordering::SeqCst));
        // Relaxed: ordered by the fence.
        decide(end, self.header().head.0.load(Ordering::Relaxed))
    }

    /// The position that a word says, which is at most a capacity away from
    /// `near` (whatever the word).
    fn position(&self, word: usize, near: usize) -> usize {
        let ahead = after(word, near);
        if ahead <= self.capacity() {
            near.wrapping_add(ahead)
        } else {
            near.wrapping_sub(before(word, near).min(self.capacity()))
        }
    }
}

/// Decides a word, if nobody has; what it says from then on.
fn decide(word: &AtomicUsize, position: usize) -> usize {
    let here = encode(position);
    if mutant!("settle-no-cas", true, false) {
        word.store(here, Ordering::SeqCst);
        return here;
    }
    // AcqRel / Acquire: pairs with itself. Who learns a decision sees the
    // position, or a later one, that the one who took it saw.
    match word.compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => here,
        Err(there) => there,
    }
}

impl Reader {
    /// The rest of a look when something has ended.
    #[cold]
    pub(super) fn look_stopped(&mut self, mut filled: usize, state: u32) -> Result<usize, Corrupt> {
        if state & ABANDONED != 0 || self.ended {
            self.head = self.tail;
            return Ok(0);
        }
        if state & FINISHED != 0 {
            // Acquire: pairs with the release of whoever decided the end.
            let end = self.shared.rare().end.load(Ordering::Acquire);
            if is_decided(end) {
                filled = match self.left(end) {
                    Some(left) if left >= 0 => filled.min(left.unsigned_abs()),
                    Some(_) => {
                        self.ended = true;
                        0
                    }
                    None => return Err(self.shared.corrupt(end, self.tail)),
                };
            }
        }
        self.head = self.tail.wrapping_add(filled);
        Ok(filled)
    }

    /// How many bytes there are before the end. Negative if more were taken
    /// before it was decided; `None` if it cannot be there.
    fn left(&self, end: usize) -> Option<isize> {
        let (after, before) = (after(end, self.tail), before(end, self.tail));
        // No overflow: a capacity is at most 2^30.
        if after <= self.capacity() {
            Some(after as isize)
        } else if before <= self.capacity() {
            Some(-(before as isize))
        } else {
            None
        }
    }

    /// `Consumer::at_end`. Decides where the stream ends, if nobody has.
    pub(crate) fn at_end(&mut self) -> Result<bool, Corrupt> {
        if self.ended || self.shared.is_abandoned() {
            return Ok(true);
        }
        if !self.shared.is_finished() {
            return Ok(false);
        }
        let end = self.shared.decide_end();
        // The decision was acquired: this shows all there is before the end.
        if mutant!("seal-no-reread", Ok(self.filled()), self.look())? != 0 {
            return Ok(false);
        }
        if !self.ended && end != encode(self.tail) {
            return Err(self.shared.corrupt(end, self.tail));
        }
        self.ended = true;
        Ok(true)
    }

    /// `Consumer::settle`.
    pub(crate) fn settle(&mut self) -> usize {
        let mut excess = 0;
        if self.shared.is_finished() {
            let end = self.shared.decide_end();
            // An impossible end is the next look's to report.
            let left = self.left(end).unwrap_or(0);
            if left < 0 {
                self.ended = true;
                self.head = self.tail;
                excess = left.unsigned_abs();
            } else {
                let filled = self.filled().min(left.unsigned_abs());
                self.head = self.tail.wrapping_add(filled);
            }
        }
        if self.shared.is_abandoned() {
            self.head = self.tail;
            let read = decide(&self.shared.rare().read, self.tail);
            // Only a foreign process can put it further back.
            excess = excess.max(before(read, self.tail).min(self.capacity()));
        }
        excess
    }
}

impl Writer {
    /// `Producer::settle`.
    pub(crate) fn settle(&mut self) -> usize {
        // Acquire: pairs with the release in `finish` and `abandon`.
        let state = self.shared.rare().state.load(Ordering::Acquire);
        if state & mutant!("settle-not-abandoned", FINISHED, STOPPED) == 0 {
            return 0;
        }
        let end = decide(&self.shared.rare().end, self.head);
        // Only a foreign process can put it further back.
        before(end, self.head).min(self.capacity())
    }
}
