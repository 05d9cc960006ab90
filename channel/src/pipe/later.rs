//! What is done to a pipe a little later, on the background thread, if it is still there then. A timer whose waker
//! does it: no job, for the thread would have to be woken to start one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::Ends;
use crate::reception;

/// How long a little room may stay unknown to a writer that sleeps: long against the cost of a
/// wake-up, so that a slow reader of small pieces is not held up by it, and short for a person.
pub(super) const LATE_LOOK: Duration = Duration::from_millis(1);
/// So much longer it may take, so that pipes that have something to look at share the wake-ups of the thread:
/// about one a millisecond for all of them.
const SLACK: Duration = LATE_LOOK;

/// A waker that does something to a pipe. Does not keep it.
struct Later {
    ends: Weak<Ends>,
    action: fn(&Ends),
}

impl Wake for Later {
    fn wake(self: Arc<Self>) {
        if let Some(ends) = self.ends.upgrade() {
            (self.action)(&ends);
        }
    }
}

impl Ends {
    /// Does `action` at `from`, or up to `slack` later if that saves the background thread a wake-up. It must not
    /// block.
    pub(super) fn later(self: &Arc<Self>, from: Instant, slack: Duration, action: fn(&Ends)) {
        let ends = Arc::downgrade(self);
        let waker = Waker::from(Arc::new(Later { ends, action }));
        reception::wake_between(from, from + slack, waker);
    }

    /// Has the writer woken a little later if it sleeps then and there is room that it does not know of: a
    /// reader that freed less than a quarter may never come back, and the writer may be what it waits for.
    pub(super) fn look_later(self: &Arc<Self>) {
        // AcqRel, with the swap in `look`: room that was made before a call that found a look on
        // its way is seen by that look.
        if !self.looking.swap(true, Ordering::AcqRel) {
            self.later(Instant::now() + LATE_LOOK, SLACK, Ends::look);
        }
    }

    fn look(&self) {
        // AcqRel, with the swap above.
        self.looking.swap(false, Ordering::AcqRel);
        // Relaxed: an older figure than the writer's last costs a wake-up for nothing.
        if self.observer.read() != self.known.load(Ordering::Relaxed) {
            self.wake_writer();
        }
    }
}
