//! How a blocking call waits: spin, yield, sleep, and learn from the last waits.
//!
//! A wake-up across cores costs microseconds (30 there and back on the virtual machines this was
//! measured on) where a spinning reader sees a byte after 0.1; but spinning is wasted when the
//! other side needs this very core, or does not answer soon. So a `Spinner` goes through three
//! stages, and moves between them by what the last waits were like:
//!
//! 1. **spin**: look at the ring again and again, for up to the limit of its [`Spin`];
//! 2. **yield**: offer the core to whoever can run. It comes early: after about two microseconds
//!    without success. When a yield took long and the bytes were there afterwards, both sides
//!    share a core, and the next waits yield at once; when a yield comes straight back with
//!    nothing, the other side runs elsewhere, and spinning is resumed;
//! 3. **sleep**: the thread parks. A wait that ends here halves the limit of the next spin, down to
//!    nothing, so that a rarely used channel does not spin at all; a sleep that was so short that
//!    spinning would have caught it restores the limit.
//!
//! What it costs: at most [`Spin::limit`] of CPU time per wait of a busy channel (default
//! 20 µs, about the cost of a wake-up), and none at all for an idle one once its spin is over.
//! Waits for something other than a ring (a partner at a broker, a reactor's news) have no spinner:
//! they yield for 10 µs and then sleep.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a blocking call may look at a ring before it sleeps.
///
/// The limit is an upper bound: waits adapt to what the last ones were like (see [`wait`](self)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Spin {
    limit: Duration,
}

impl Default for Spin {
    /// 20 µs: about what a sleep and a wake-up cost together.
    fn default() -> Spin {
        Spin {
            limit: Duration::from_micros(20),
        }
    }
}

impl Spin {
    /// Never spins: every wait sleeps at once. For machines where CPU time is dearer than latency.
    pub const NEVER: Spin = Spin {
        limit: Duration::ZERO,
    };

    /// Spins for up to `limit`.
    pub const fn up_to(limit: Duration) -> Spin {
        Spin { limit }
    }

    /// The upper bound.
    pub const fn limit(self) -> Duration {
        self.limit
    }
}

/// Looks between two looks at the clock. A look with a pause takes some 10 to 60 ns, so the clock
/// (20 to 50 ns on a virtual machine) is a small part.
const LOOKS_PER_CLOCK: u8 = 32;
/// Time between two yields while spinning. A yield that finds nobody else costs about a tenth of it.
const YIELD_EVERY: u32 = 2_000;
/// A yield that takes longer than this, in nanoseconds, let somebody else run.
const LONG_YIELD: u32 = 600;

/// Yields without a look at the clock, between two with one that tell whether both sides still share
/// a core.
const UNTIMED: u8 = 32;

/// Waits a little before a sleep, and remembers what the last waits were like. For transports: see the
/// [module](self).
///
/// Each half of a connection has its own.
// Times are in nanoseconds; small, since every channel has four of these.
#[derive(Debug)]
pub struct Spinner {
    limit: u32,
    budget: u32,
    looks: u8,
    shares_core: bool,
    /// Waits until the next yield that is timed, while both sides share a core.
    untimed: u8,
}

fn nanos(time: Duration) -> u32 {
    u32::try_from(time.as_nanos()).unwrap_or(u32::MAX)
}

impl Spinner {
    /// For looks at memory, which cost some nanoseconds.
    pub fn new(spin: Spin) -> Spinner {
        let limit = nanos(spin.limit);
        Spinner {
            limit,
            budget: limit,
            looks: LOOKS_PER_CLOCK,
            shares_core: false,
            untimed: 0,
        }
    }

    /// For looks that are system calls: each costs more than the look at the clock beside it.
    pub fn of_calls(spin: Spin) -> Spinner {
        Spinner {
            looks: 1,
            ..Spinner::new(spin)
        }
    }

    /// Waits a little for `ready`, and not beyond `until`; `false` when it is time to sleep.
    #[inline]
    pub fn spin(&mut self, until: Option<Instant>, mut ready: impl FnMut() -> bool) -> bool {
        if self.budget == 0 {
            return false;
        }
        if !self.shares_core {
            for _ in 0..self.looks {
                if ready() {
                    return true;
                }
                std::hint::spin_loop();
            }
        } else if self.untimed > 0 {
            // Two looks at the clock would be a tenth of the switch to the other side and back.
            self.untimed -= 1;
            thread::yield_now();
            if ready() {
                return true;
            }
        }
        self.spin_on(until, &mut ready)
    }

    #[cold]
    fn spin_on(&mut self, until: Option<Instant>, ready: &mut dyn FnMut() -> bool) -> bool {
        let start = Instant::now();
        let budget = until.map_or(self.budget, |until| {
            self.budget
                .min(nanos(until.saturating_duration_since(start)))
        });
        let mut spun = 0;
        let mut next_yield = if self.shares_core { 0 } else { YIELD_EVERY };
        while spun < budget {
            if spun >= next_yield {
                thread::yield_now();
                let now = nanos(start.elapsed());
                let long = now - spun > LONG_YIELD;
                let found = ready();
                // The core is in demand, and looks that are system calls are dear: sleep, until a
                // short sleep shows that this has passed.
                if !found && self.looks == 1 && now - spun > self.limit {
                    self.budget = 0;
                    return false;
                }
                // Somebody else ran here, and that was the other side: it needs this core. Somebody
                // else ran, and it was not: no news. Nobody did: the other side runs elsewhere.
                if found || !long {
                    self.shares_core = long;
                }
                if found {
                    self.untimed = UNTIMED;
                    self.budget = self.limit;
                    return true;
                }
                next_yield = if self.shares_core {
                    0
                } else {
                    now.saturating_add(YIELD_EVERY)
                };
            }
            for _ in 0..self.looks {
                if ready() {
                    self.budget = self.limit;
                    return true;
                }
                if self.shares_core {
                    break;
                }
                std::hint::spin_loop();
            }
            spun = nanos(start.elapsed());
        }
        false
    }

    /// Sleeps, and learns from how long it took.
    pub fn sleep<T>(&mut self, sleep: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = sleep();
        self.budget = if nanos(start.elapsed()) / 2 < self.limit {
            self.limit
        } else {
            // Below a look at the clock it is not worth trying.
            if self.budget > 500 {
                self.budget / 2
            } else {
                0
            }
        };
        result
    }
}

/// How long a wait that is not for a ring yields before it sleeps.
const YIELD_FOR: Duration = Duration::from_micros(10);
/// How long a wait for a partner also looks for itself whether it has come: somewhat longer than another thread
/// needs to wake up and answer. Then it is found before the background thread could tell, which would have to
/// be woken, and wake this one.
const LOOK_FOR: Duration = Duration::from_micros(50);

/// Wakes one thread that waits in [`Parker::park`].
struct Unparker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release, with the Acquire swap in `park`: what happened before the wake is seen after it.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// One thread's own waker, and its sleep.
#[derive(Clone)]
pub(crate) struct Parker {
    unparker: Arc<Unparker>,
    waker: Waker,
}

thread_local! {
    // A waker is made once per thread, not once per wait. A nested use (a waker's code that blocks)
    // finds the cell empty and makes one of its own.
    static PARKER: Cell<Option<Parker>> = const { Cell::new(None) };
}

impl Parker {
    fn new() -> Parker {
        let unparker = Arc::new(Unparker {
            thread: thread::current(),
            woken: AtomicBool::new(false),
        });
        Parker {
            waker: Waker::from(unparker.clone()),
            unparker,
        }
    }

    /// Calls `f` with this thread's parker.
    pub(crate) fn with<T>(f: impl FnOnce(&Parker) -> T) -> T {
        // No parker can be kept while the thread's locals are being destroyed.
        let parker = PARKER
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_else(Parker::new);
        let result = f(&parker);
        let _ = PARKER.try_with(|cell| cell.set(Some(parker)));
        result
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Offers the core to others for a little while; whether it was woken in that time. What is
    /// waited for here (a partner, a reactor's news) often comes at once, and a sleep with its
    /// wake-up costs far more than a few yields.
    fn yield_a_little(&self, until: Option<Instant>) -> bool {
        let start = Instant::now();
        let end = until.map_or(start + YIELD_FOR, |until| until.min(start + YIELD_FOR));
        while Instant::now() < end {
            // Acquire: with the Release swap in `wake_by_ref`.
            if self.unparker.woken.swap(false, Ordering::Acquire) {
                return true;
            }
            thread::yield_now();
        }
        false
    }

    /// Sleeps until woken (also by a wake that came before) or until `until`; `false` when the
    /// time was up.
    pub(crate) fn park(&self, until: Option<Instant>) -> bool {
        loop {
            // Acquire: with the Release swap in `wake_by_ref`.
            if self.unparker.woken.swap(false, Ordering::Acquire) {
                return true;
            }
            match until {
                None => thread::park(),
                Some(until) => {
                    let now = Instant::now();
                    if now >= until {
                        return false;
                    }
                    thread::park_timeout(until - now);
                }
            }
        }
    }
}

/// The error of a blocking call whose time limit passed.
pub(crate) fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// Polls until ready, sleeping in between; `TimedOut` when `until` passes first (`None`: never). Polls
/// at least once, and once more after the time is up.
///
/// For transports: what the blocking forms of [`Source`](crate::transport::Source) and
/// [`Sink`](crate::transport::Sink) do unless they are overridden.
pub fn block<T>(
    until: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    block_on(until, |cx| poll(cx)).unwrap_or_else(|| Err(timed_out()))
}

/// Polls until ready, sleeping in between; `None` when `until` passes first. Polls at least once,
/// and once more after the time is up, so that what was decided in the meantime is taken.
pub(crate) fn block_on<T>(
    until: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    poll_and_park(until, Duration::ZERO, poll)
}

/// As [`block_on`], for a partner: looks again and again for a little while before each sleep.
pub(crate) fn block_on_partner<T>(
    until: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    poll_and_park(until, LOOK_FOR, poll)
}

fn poll_and_park<T>(
    until: Option<Instant>,
    look_for: Duration,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    Parker::with(|parker| {
        let mut cx = Context::from_waker(parker.waker());
        let mut in_time = true;
        loop {
            if let Poll::Ready(result) = poll(&mut cx) {
                return Some(result);
            }
            if !in_time {
                return None;
            }
            if !look_for.is_zero() {
                let end = Instant::now() + look_for;
                let end = until.map_or(end, |until| until.min(end));
                while Instant::now() < end {
                    thread::yield_now();
                    if let Poll::Ready(result) = poll(&mut cx) {
                        return Some(result);
                    }
                }
            }
            in_time = parker.yield_a_little(until) || parker.park(until);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows C3: a spin ends with the time limit of its call.
    #[test]
    fn a_spin_keeps_to_the_time_limit() {
        for shares_core in [false, true] {
            let mut spinner = Spinner::new(Spin::up_to(Duration::from_secs(3)));
            spinner.shares_core = shares_core;
            let start = Instant::now();
            let limit = Duration::from_millis(10);
            assert!(!spinner.spin(Some(start + limit), || false));
            assert!(start.elapsed() >= limit, "it spins as long as it may");
            assert!(start.elapsed() < Duration::from_secs(2));
            // No time at all.
            let start = Instant::now();
            assert!(!spinner.spin(Some(start), || false));
            assert!(start.elapsed() < Duration::from_secs(2));
        }
    }

    // shows B2, C3: what is decided by the end of the time limit is taken.
    #[test]
    fn what_is_ready_at_the_last_moment_is_taken() {
        let mut polls = 0;
        let result = block_on(Some(Instant::now()), |_| {
            polls += 1;
            if polls == 2 {
                Poll::Ready("just in time")
            } else {
                Poll::Pending
            }
        });
        assert_eq!(result, Some("just in time"));
        // And only once more.
        let mut polls = 0;
        let result = block_on(Some(Instant::now()), |_| {
            polls += 1;
            Poll::<()>::Pending
        });
        assert_eq!((result, polls), (None, 2));
    }
}
