//! Many who wait for what keeps one waker.

use std::sync::Arc;
use std::task::{Wake, Waker};

use parking_lot::Mutex;

/// A list of wakers that is a waker itself: waking it wakes all that are in it, and empties it.
///
/// A half of a channel, or a control, keeps the waker of its last poll only. Whoever lets many wait
/// for one of these polls it with a list's waker. Every party has a number of its own, and takes
/// itself out when it gives up; parties without one share [`BARE`](WakerList::BARE), are told apart by
/// their wakers, and stay until the next news.
#[derive(Default)]
pub struct WakerList(Mutex<Vec<(u64, Waker)>>);

impl WakerList {
    /// The number of all that have none.
    pub const BARE: u64 = 0;

    /// Puts a party's waker into the list, in place of its earlier one.
    pub fn set(&self, party: u64, waker: &Waker) {
        // Clones and drops of wakers are foreign code: not under the lock.
        let new = waker.clone();
        let mut list = self.0.lock();
        let entry = list
            .iter_mut()
            .find(|(other, old)| *other == party && (party != Self::BARE || old.will_wake(waker)));
        let old = match entry {
            Some((_, old)) => Some(std::mem::replace(old, new)),
            None => {
                list.push((party, new));
                None
            }
        };
        drop(list);
        drop(old);
    }

    /// Takes a party out.
    pub fn remove(&self, party: u64) {
        let mut list = self.0.lock();
        let at = list.iter().position(|(other, _)| *other == party);
        let old = at.map(|at| list.swap_remove(at));
        drop(list);
        drop(old);
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Wakes all, and empties the list.
    pub fn wake_all(&self) {
        let mut all = std::mem::take(&mut *self.0.lock());
        for (_, waker) in all.drain(..) {
            waker.wake();
        }
        // The memory serves again, unless somebody has come meanwhile.
        let mut list = self.0.lock();
        if list.capacity() == 0 {
            *list = all;
        }
    }
}

impl Wake for WakerList {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}
