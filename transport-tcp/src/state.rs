//! What is known about a connection, by all who hold a part of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;

use crate::sleep::Bed;

/// This side has disconnected.
pub(crate) const LEFT: u8 = 1;
/// The end of the outbound stream was given.
pub(crate) const FINISHED: u8 = 1 << 1;
pub(crate) const SOURCE_DROPPED: u8 = 1 << 2;
pub(crate) const SINK_DROPPED: u8 = 1 << 3;
/// The peer was found lost.
pub(crate) const LOST: u8 = 1 << 4;
/// The peer reads no more.
pub(crate) const PEER_CLOSED: u8 = 1 << 5;
/// The peer's stream has ended, and was read.
pub(crate) const ENDED: u8 = 1 << 6;
/// What still comes inbound is being discarded.
pub(crate) const DISCARDING: u8 = 1 << 7;

#[derive(Default)]
pub(crate) struct State {
    /// Facts, each set once and never cleared. A waker is left before they are looked at, and woken after
    /// they are set; the lock of its slot orders the two.
    flags: AtomicU8,
    /// Relaxed: counts for observers.
    read: AtomicU64,
    written: AtomicU64,
    /// The reader, while it waits.
    pub(crate) inbound: Slot,
    /// The reader, while it blocks.
    pub(crate) reading: Bed,
    /// The writer, while it waits.
    pub(crate) outbound: Slot,
    /// Whoever discards what comes after the reader.
    pub(crate) closer: Slot,
    /// Somebody other than the reader asks the system, or has its answer and has yet to note it.
    asking: Mutex<()>,
}

/// Calls a blocked reader away.
impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.call_reader();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call_reader();
    }
}

impl State {
    /// Ends the reader's wait, of whichever kind.
    pub(crate) fn call_reader(&self) {
        self.reading.call();
        self.inbound.wake();
    }

    pub(crate) fn has_any(&self, flags: u8) -> bool {
        // Acquire, with the Release in `set`.
        self.flags.load(Ordering::Acquire) & flags != 0
    }

    /// Sets flags; whether any of them was set before.
    pub(crate) fn set(&self, flags: u8) -> bool {
        // Release, with the Acquire in `has_any`; Acquire, so that what is returned can be used too.
        self.flags.fetch_or(flags, Ordering::AcqRel) & flags != 0
    }

    /// Whether this side writes no more, so that its time to linger runs.
    pub(crate) fn is_through(&self) -> bool {
        self.has_any(LEFT | FINISHED | SINK_DROPPED)
    }

    /// Whether both halves were dropped and nobody has said that this side leaves, as happens to
    /// strangers.
    pub(crate) fn is_dropped(&self) -> bool {
        !self.has_any(LEFT) && self.has_any(SOURCE_DROPPED) && self.has_any(SINK_DROPPED)
    }

    pub(crate) fn count_read(&self, n: usize) {
        self.read.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_written(&self, n: usize) {
        self.written.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Why nothing can be read or written any more.
    pub(crate) fn left(&self) -> Option<io::Error> {
        self.has_any(LEFT)
            .then(|| not_connected("this side has disconnected"))
    }

    /// Why nothing can be written.
    pub(crate) fn refusal(&self) -> Option<io::Error> {
        if self.has_any(LEFT) {
            self.left()
        } else if self.has_any(FINISHED) {
            Some(not_connected("this side has finished writing"))
        } else if self.has_any(LOST) {
            Some(lost())
        } else if self.has_any(PEER_CLOSED) {
            Some(io::ErrorKind::BrokenPipe.into())
        } else {
            None
        }
    }

    /// For all but the reader: what the system says to a call, with a loss noted before the reader can miss it.
    /// `ask` does not block.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let _asking = self.asking.lock();
        ask().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => error,
            // The kernel saw the end that another thread gave before its flag was seen here.
            _ => self.left().unwrap_or_else(|| self.note(error)),
        })
    }

    /// For the reader, at the end of the stream: somebody may have been told just now that it is a loss.
    pub(crate) fn wait_for_others(&self) {
        drop(self.asking.lock());
    }

    /// Notes what the system says has become of the connection, and says it in the terms of the seam.
    ///
    /// The system tells each error once, to whoever asks first; the other half would take what it gets
    /// then for an orderly end.
    pub(crate) fn note(&self, error: io::Error) -> io::Error {
        use io::ErrorKind::*;
        match error.kind() {
            // A reset after the peer's end: it reads no more, but it left in an orderly way.
            BrokenPipe if !self.has_any(LOST) => {
                self.set(PEER_CLOSED);
                error
            }
            // `TimedOut` would be a time limit of the caller's; here the peer does not answer.
            BrokenPipe | ConnectionReset | ConnectionAborted | TimedOut | HostUnreachable
            | NetworkUnreachable | NetworkDown => {
                self.set(LOST);
                io::Error::new(ConnectionReset, error)
            }
            _ => {
                self.set(LOST);
                error
            }
        }
    }
}

pub(crate) fn not_connected(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, why)
}

pub(crate) fn lost() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionReset,
        "the connection was reset or timed out",
    )
}

/// A place for one waker; the last one counts.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<Waker>>);

impl Slot {
    pub(crate) fn set(&self, waker: &Waker) {
        let mut slot = self.0.lock();
        if slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return;
        }
        let old = slot.replace(waker.clone());
        drop(slot);
        drop(old);
    }

    pub(crate) fn clear(&self) {
        let old = self.0.lock().take();
        drop(old);
    }

    /// Never wakes under the lock.
    pub(crate) fn wake(&self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
