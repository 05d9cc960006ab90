//! The threads that run suites, as far as they are not tests.
//!
//! While a test about what is left behind runs alone, others may start, and wait for it to be over:
//! they are no leak.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::support::own_id;

static ALL: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// Whether this thread runs a suite.
pub(crate) fn is_bystander(thread: u64) -> bool {
    ALL.lock().contains(&thread)
}

/// This thread runs a suite, until the value is dropped.
pub(super) struct Bystander(Option<u64>);

impl Bystander {
    pub(super) fn enter() -> Bystander {
        // One that runs a suite from within another one's test stays what it was.
        Bystander(own_id().filter(|id| ALL.lock().insert(*id)))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            ALL.lock().remove(&id);
        }
    }
}
