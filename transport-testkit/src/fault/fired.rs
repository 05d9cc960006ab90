//! How many faults of each kind really fired.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many faults of each kind fired so far, and in how many calls. A fault that was planned and
/// changed nothing (a split of a write that was shorter anyway) is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fired {
    /// Reads and writes that were made shorter.
    pub splits: u64,
    /// Calls that were put off for less than a millisecond.
    pub delays: u64,
    /// Calls that were put off for longer.
    pub stalls: u64,
    /// Connections, directions, dials and accepts that were cut.
    pub cuts: u64,
    /// Calls that went through the fault injector, hit or not.
    pub calls: u64,
}

impl Fired {
    /// All faults together.
    pub fn faults(&self) -> u64 {
        self.splits + self.delays + self.stalls + self.cuts
    }

    /// Passes the count on if any fault fired. A suite in which no fault fired has shown nothing.
    ///
    /// # Panics
    /// If none did.
    #[track_caller]
    pub fn expect_some(self) -> Fired {
        assert!(
            self.faults() > 0,
            "no fault fired in {} calls: this run has shown nothing about faults. Is the plan empty, \
             are its probabilities too small, or did the endpoint leave out `fault+`?",
            self.calls
        );
        self
    }
}

impl fmt::Display for Fired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} faults in {} calls: {} splits, {} delays, {} stalls, {} cuts",
            self.faults(),
            self.calls,
            self.splits,
            self.delays,
            self.stalls,
            self.cuts
        )
    }
}

/// What the connections of one injector count together. Relaxed: figures for whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) splits: Counter,
    pub(super) delays: Counter,
    pub(super) stalls: Counter,
    pub(super) cuts: Counter,
    pub(super) calls: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn fired(&self) -> Fired {
        Fired {
            splits: self.splits.get(),
            delays: self.delays.get(),
            stalls: self.stalls.get(),
            cuts: self.cuts.get(),
            calls: self.calls.get(),
        }
    }
}
