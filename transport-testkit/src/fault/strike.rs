//! A fault at one certain call, out of all the calls of a run.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What happens at the call that is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// The connection is cut: this side gets a reset, the peer is left with a lost peer.
    Cut,
    /// The carrier fails with an error of this kind, now and from now on; the peer is left with a
    /// lost peer.
    ///
    /// Not every kind is a failure at the seam: `WouldBlock`, `TimedOut` and `Interrupted` ask to try
    /// again, and `NotConnected` says that this side has left. [`kth_fault`](super::kth_fault) refuses
    /// them.
    Error(io::ErrorKind),
}

impl Strike {
    /// # Panics
    /// If the error means something else than a carrier that fails.
    #[track_caller]
    pub(super) fn check(self) {
        use io::ErrorKind::{Interrupted, NotConnected, TimedOut, WouldBlock};
        let means = match self {
            Strike::Error(WouldBlock | TimedOut | Interrupted) => {
                "that the call is to be tried again"
            }
            Strike::Error(NotConnected) => "that this side itself has left",
            Strike::Error(_) | Strike::Cut => return,
        };
        panic!(
            "{self:?}: from a transport it means {means}, and not that its carrier fails; choose another \
             kind, such as `ConnectionReset` or `Other`"
        );
    }

    pub(super) fn kind(self) -> io::ErrorKind {
        match self {
            Strike::Cut => io::ErrorKind::ConnectionReset,
            Strike::Error(kind) => kind,
        }
    }
}

/// Counts the calls of everything that shares it, and hits one.
#[derive(Debug)]
pub(super) struct Trigger {
    /// The call to hit, from 1; 0: none.
    at: u64,
    strike: Strike,
    // Relaxed: whose turn a call is, and figures.
    calls: AtomicU64,
    hit: OnceLock<String>,
}

impl Trigger {
    pub(super) fn new(at: u64, strike: Strike) -> Trigger {
        Trigger {
            at,
            strike,
            calls: AtomicU64::new(0),
            hit: OnceLock::new(),
        }
    }

    /// One more call; what is to happen to it.
    pub(super) fn call(&self, what: impl FnOnce() -> String) -> Option<Strike> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call != self.at {
            return None;
        }
        // Only one call has this number.
        let _ = self.hit.set(what());
        Some(self.strike)
    }

    /// What was hit.
    pub(super) fn hit(&self) -> Option<&str> {
        self.hit.get().map(String::as_str)
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}
