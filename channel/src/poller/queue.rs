//! What a poller keeps: the ready keys, and the wakers of those who wait for them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use super::{Key, Shared};

#[derive(Default)]
pub(super) struct Queue {
    /// Each registration lies here at most once. Those that have ended are thrown out when they are
    /// more than the others, so twice the living registrations bound the queue.
    pub(super) ready: VecDeque<Arc<Entry>>,
    /// At least as many as there are ended ones in `ready`.
    pub(super) ended: usize,
    /// The waits that run, by number; each takes its waker out when it ends.
    pub(super) waiting: BTreeMap<u64, Waker>,
    pub(super) next: u64,
    /// Of raw polls, which end without a word: the last [`RAW_POLLS`].
    pub(super) polled: VecDeque<Waker>,
    pub(super) notified: bool,
}

/// How many wakers of raw [`poll_wait`](super::Poller::poll_wait) calls are kept: more than tasks that
/// share a poller in this way, few enough to be compared with a new one each time.
pub(super) const RAW_POLLS: usize = 64;

impl Queue {
    /// Takes out what is ready, or the notice; `None` if there is neither. The ended ones among
    /// them go to `ended`, to be freed outside the lock.
    pub(super) fn take(
        &mut self,
        keys: &mut Vec<Key>,
        ended: &mut Vec<Arc<Entry>>,
    ) -> Option<usize> {
        let before = keys.len();
        self.ended = 0;
        for entry in self.ready.drain(..) {
            // AcqRel, with the swap in `wake`: what came before a wake that found the entry queued
            // is seen by the user who gets its key; a wake after this queues it anew.
            entry.queued.swap(false, Ordering::AcqRel);
            if entry.has_ended() {
                ended.push(entry);
            } else {
                keys.push(entry.key);
            }
        }
        let found = keys.len() - before;
        // A notice is kept while there are keys: it is for a wait that would find nothing.
        (found > 0 || std::mem::take(&mut self.notified)).then_some(found)
    }

    /// Throws out the ended ones if they are more than the others.
    pub(super) fn tidy(&mut self) -> VecDeque<Arc<Entry>> {
        if self.ended <= self.ready.len() / 2 {
            return VecDeque::new();
        }
        self.ended = 0;
        let (ended, kept) = self.ready.drain(..).partition(|entry| entry.has_ended());
        self.ready = kept;
        ended
    }

    /// Keeps the waker of a raw poll; gives back one that is not needed, and whether it has to be
    /// woken, to ask again if it still waits.
    pub(super) fn keep(&mut self, waker: Waker) -> Option<(Waker, bool)> {
        if self.polled.iter().any(|kept| kept.will_wake(&waker)) {
            return Some((waker, false));
        }
        self.polled.push_back(waker);
        let oldest = (self.polled.len() > RAW_POLLS).then(|| self.polled.pop_front());
        Some((oldest.flatten()?, true))
    }
}

pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) queued: AtomicBool,
    /// A call said that there was nothing, with this entry's waker left behind, and no key came
    /// since. Relaxed throughout: it guards nothing, and a key too many does no harm.
    pub(super) owed: AtomicBool,
    /// Set under the poller's lock, or with the poller gone; Relaxed, as that lock orders it.
    pub(super) ended: AtomicBool,
    // Weak: the poller's queue holds entries, and may be dropped with some in it.
    pub(super) poller: Weak<Shared>,
}

impl Entry {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}
