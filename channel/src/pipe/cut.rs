//! Where a stream was cut off: how much of it counts as written, and how much as read (SPEC C4, C9).
//!
//! Any thread may end a pipe, also in the middle of a write or a read at its ends. What that write
//! and that read moved either counts or did not take place; both ends, and whoever asks for the
//! receipt, must say the same. So two numbers are decided, each once, by whoever needs it first,
//! under one lock that nobody takes before a flag of the ring is up (finished, abandoned):
//!
//! - **end**: the stream ends here. A write that went further meanwhile learns that the rest does not
//!   count, and no reader is given it.
//! - **read**: the application has read so far and will read no more. A read that went further is
//!   not given what it took.
//!
//! # Why nobody errs
//!
//! *The end.* A writer publishes, passes the ring's barrier (`signal`), and looks for the flags. Who
//! decides sees a flag, passes a barrier, and looks at the writer's position. One of the two sees
//! the other: either the bytes lie before the end, or the writer asks here what became of them. So a
//! receipt is never `Complete` while a write that was reported lies behind the end.
//!
//! *The reader* has no barrier: it would cost as much as all the rest of a small read. It frees, then
//! looks for the flags, and its store may be on its way for some nanoseconds after the look. At its
//! own calls and at its drop it decides for itself. A third party, which can't ask a reader that
//! makes no calls, waits for [`GRACE`] after the flag went up: by then whatever was stored before
//! is seen, and every later look of the reader finds the flag. (The bound is the hardware's, see
//! Morrison and Afek, "Temporally Bounding TSO for Fence-Free Asymmetric Synchronization", ASPLOS
//! 2015. If a machine broke it, a receipt would say less than what was read, not more.)

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{Ends, PipeControl};
use crate::transport::Receipt;

/// How long a third party waits before it decides in a reader's stead. Stores are seen after
/// nanoseconds, and an interrupt does not hold them up: a wide margin, and short for a person.
pub(super) const GRACE: Duration = Duration::from_millis(1);

/// `end` is decided.
const END: u8 = 1;
/// `read` is decided.
const READ: u8 = 2;
/// Somebody looks after the grace.
const LOOKING: u8 = 4;
/// The stream was found abandoned.
const ABANDONED: u8 = 8;

/// What is decided. Small, since every channel has two.
#[derive(Default)]
pub(super) struct Cut {
    known: u8,
    end: usize,
    read: usize,
    /// When a flag was found up, the last of them: the grace runs from here.
    since: Option<Instant>,
}

impl Cut {
    fn has(&self, bits: u8) -> bool {
        self.known & bits == bits
    }

    /// Whether every look of the ends finds the flags that are up now.
    fn grace_is_over(&mut self, abandoned: bool) -> bool {
        if abandoned && !self.has(ABANDONED) {
            // It may have been finished long ago: that says nothing about this flag.
            self.known = self.known & !LOOKING | ABANDONED;
            self.since = None;
        }
        self.since.get_or_insert_with(Instant::now).elapsed() >= GRACE
    }

    #[cfg(test)]
    pub(super) fn is_decided(&self) -> bool {
        self.known & (END | READ) != 0
    }

    #[cfg(test)]
    pub(super) fn grace_began(&self) -> Option<Instant> {
        self.since
    }

    fn decide_end(&mut self, here: usize) -> usize {
        if !self.has(END) {
            self.known |= END;
            self.end = here;
        }
        self.end
    }

    fn decide_read(&mut self, here: usize) -> usize {
        if !self.has(READ) {
            self.known |= READ;
            self.read = here;
        }
        self.read
    }
}

/// How far position `at` lies behind `limit`; 0 if it does not. Positions wrap.
pub(super) fn beyond(at: usize, limit: usize) -> usize {
    let distance = at.wrapping_sub(limit);
    if distance <= usize::MAX / 2 {
        distance
    } else {
        0
    }
}

impl Ends {
    /// Where the stream ends. Only for the two ends themselves, after they saw a flag.
    #[cold]
    pub(super) fn end(&self) -> usize {
        let mut cut = self.cut.lock();
        let news = !cut.has(END);
        let end = cut.decide_end(self.head());
        cut.grace_is_over(self.observer.is_abandoned());
        drop(cut);
        if news {
            self.receipt.wake();
        }
        end
    }

    /// How far the application has read. Only for the reader itself, after it saw that the stream
    /// was abandoned.
    #[cold]
    pub(super) fn read_end(&self) -> usize {
        let mut cut = self.cut.lock();
        let news = !cut.has(READ);
        let read = cut.decide_read(self.observer.read());
        drop(cut);
        if news {
            self.receipt.wake();
        }
        read
    }

    /// The writer's position, after a flag was seen up.
    fn head(&self) -> usize {
        // SeqCst, with the fence in the ring's `signal`: see the module's documentation.
        fence(Ordering::SeqCst);
        self.observer.written()
    }

    /// A flag went up by a third party's doing.
    pub(super) fn cut_off(&self) {
        let mut cut = self.cut.lock();
        cut.grace_is_over(self.observer.is_abandoned());
    }

    fn is_cut(&self) -> bool {
        self.observer.is_finished() || self.observer.is_abandoned()
    }

    /// Bytes that count as written and as read, as far as that is decided, else as they are now.
    pub(super) fn counts(&self) -> (usize, usize) {
        let (written, read) = (self.observer.written(), self.observer.read());
        if !self.is_cut() {
            return (written, read);
        }
        let cut = self.cut.lock();
        let read = if cut.has(READ) { cut.read } else { read };
        if cut.has(END) {
            (cut.end, read.wrapping_sub(beyond(read, cut.end)))
        } else {
            (written, read)
        }
    }

    /// The receipt, if it is known.
    fn receipt(&self) -> Option<Receipt> {
        if !self.is_cut() {
            return None;
        }
        let mut cut = self.cut.lock();
        // Asked under the lock: if somebody has decided by now how far the reader came, this shows
        // the flag, and a read that went further is not taken for one that counts.
        let abandoned = self.observer.is_abandoned();
        let may_decide = cut.grace_is_over(abandoned);
        if abandoned {
            if !may_decide && !cut.has(READ) {
                return None;
            }
            let read = cut.decide_read(self.observer.read());
            // Nobody reads any more, so this needs no grace.
            let end = cut.decide_end(self.head());
            return Some(match beyond(end, read) {
                0 => Receipt::Complete,
                unread => Receipt::Partial {
                    read: read as u64,
                    unread: unread as u64,
                },
            });
        }
        if !may_decide && !cut.has(END) {
            return None;
        }
        let end = cut.decide_end(self.head());
        (beyond(end, self.observer.read()) == 0).then_some(Receipt::Complete)
    }

    /// Has whoever waits for the receipt look once more after the grace: a read that missed the flag
    /// has not woken it.
    fn look_after_grace(self: &Arc<Self>) {
        if !self.is_cut() {
            return;
        }
        let mut cut = self.cut.lock();
        if cut.grace_is_over(self.observer.is_abandoned()) || cut.has(LOOKING) {
            return;
        }
        cut.known |= LOOKING;
        let until = cut.since.and_then(|since| since.checked_add(GRACE));
        drop(cut);
        if let Some(until) = until {
            self.later(until, Duration::ZERO, |ends| ends.receipt.wake());
        }
    }
}

impl PipeControl {
    /// What became of the tail of the stream: ready once the reader has consumed all of a finished
    /// stream (also if it stopped, or aborted, after that), or has stopped before. The counts are
    /// exact. On 32-bit targets `read` wraps.
    ///
    /// The waker of the last call counts.
    pub fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        let ends = &self.0;
        if let Some(receipt) = ends.receipt() {
            return Poll::Ready(receipt);
        }
        // Who brings news raises a flag (or frees bytes, having seen one), then wakes. If it did
        // not find this waker, the news is seen below: both went through the slot's lock.
        ends.receipt.set(cx.waker());
        if let Some(receipt) = ends.receipt() {
            return Poll::Ready(receipt);
        }
        ends.look_after_grace();
        // The grace may have ended between the two: then nobody looks.
        ends.receipt().map_or(Poll::Pending, Poll::Ready)
    }
}
