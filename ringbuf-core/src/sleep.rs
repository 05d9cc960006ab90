//! The words of the sleep protocol.
//!
//! The ring decides *whether* somebody must be woken, never *how*: parking a
//! thread, waking a task or writing to an event descriptor is the caller's.

/// What [`Producer::signal`](crate::Producer::signal) and its fellows found:
/// whether the other side has to be woken.
#[must_use = "a sleeper that is not woken sleeps for ever"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Nobody sleeps there.
    Quiet,
    /// The other side had said that it sleeps: wake it. Its flag has been
    /// cleared, so that one sleep is answered by one wake-up.
    Wake,
}

impl Signal {
    /// Whether somebody must be woken.
    pub const fn is_wake(self) -> bool {
        matches!(self, Self::Wake)
    }
}

/// What `prepare_sleep` found: whether the caller may go to sleep.
#[must_use = "sleeping without having been told `Asleep` can sleep for ever"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sleep {
    /// There is something to do (or to find out) now: do not sleep. The flag
    /// is down again.
    Ready,
    /// The flag is up: whoever changes something for this side gets
    /// [`Signal::Wake`]. Sleep, and look again after waking (a wake-up can be
    /// stale). Whoever wakes by itself calls `cancel_sleep`.
    Asleep,
}
