//! Where the stream ends.
//!
//! Anybody may raise the flag that the stream is finished, also while a write
//! is going on; the flag does not say where. The end is decided afterwards by
//! one compare-and-swap, of the consumer when it finds the flag up and the
//! ring empty, or of the producer when it finds the flag up after publishing,
//! whichever comes first.
//!
//! Why nothing is lost unsaid: a producer publishes (P), fences, and looks for
//! the flag; a consumer sees the flag, fences, and looks at the head. If the
//! producer does not see the flag, its fence came first in the order of all
//! fences, and the consumer's look shows P: the ring was not empty, and the
//! end comes after P. If it does see the flag, it asks `settle`, and either
//! puts the end after P itself, or learns how much of P came too late.

use super::{Reader, Writer};
use crate::error::Corrupt;
use crate::header::{ABANDONED, FINISHED, encode_end, end_after, end_before, end_is_decided};
use crate::sync::{Ordering, fence, mutant};

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
            if end_is_decided(end) {
                let left = end_after(end, self.tail);
                if left > self.capacity() || left < self.filled() {
                    return Err(self.shared.corrupt(end, self.tail));
                }
                filled = filled.min(left);
            }
        }
        self.head = self.tail.wrapping_add(filled);
        Ok(filled)
    }

    /// `Consumer::at_end`. Decides where the stream ends, if nobody has.
    pub(crate) fn at_end(&mut self) -> Result<bool, Corrupt> {
        if self.ended || self.shared.is_abandoned() {
            return Ok(true);
        }
        if !self.shared.is_finished() {
            return Ok(false);
        }
        // SeqCst fence: pairs with the one in `take`, which a producer passes
        // between publishing and looking for the flag that we have just
        // seen. So either it finds the flag (and asks `settle` what became of
        // its bytes), or its fence came first and the look below shows them.
        mutant!("seal-no-fence", (), fence(Ordering::SeqCst));
        if mutant!("seal-no-reread", Ok(self.filled()), self.look())? != 0 {
            return Ok(false);
        }
        // AcqRel / Acquire: pairs with the same in `Writer::settle`.
        let here = encode_end(self.tail);
        match self
            .shared
            .rare()
            .end
            .compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire)
        {
            Err(word) if word != here => {
                // The producer was faster, and put the end after bytes that
                // the last look did not show. This one does.
                if self.look()? == 0 {
                    return Err(self.shared.corrupt(word, self.tail));
                }
                Ok(false)
            }
            _ => {
                self.ended = true;
                Ok(true)
            }
        }
    }
}

impl Writer {
    /// `Producer::settle`.
    pub(crate) fn settle(&mut self) -> usize {
        // Acquire: pairs with the release in `finish`.
        let state = self.shared.rare().state.load(Ordering::Acquire);
        if state & FINISHED == 0 {
            return 0;
        }
        let end = &self.shared.rare().end;
        let here = encode_end(self.head);
        if mutant!("settle-no-cas", true, false) {
            end.store(here, Ordering::SeqCst);
            return 0;
        }
        // AcqRel / Acquire: pairs with the same in `Reader::at_end`. Success
        // releases our last head before the end that speaks of it.
        match end.compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => 0,
            // Only a foreign process can put an end further back.
            Err(word) => end_before(word, self.head).min(self.capacity()),
        }
    }
}
