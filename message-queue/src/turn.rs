//! Many threads and tasks at one half of a queue: one at a time, in calls of any form.
//!
//! A blocking call holds the lock for as long as it waits in the channel; other blocking calls wait
//! for the lock, within their limits. A poll function never waits for it: it leaves a waker and is
//! polled again. Two kinds of wakers wait here:
//!
//! - for the **turn**: somebody else had the lock. Whoever gives it back wakes them.
//! - for **news** of the channel: a channel's half keeps the last waker only, so it always gets one
//!   waker of ours, which wakes all of them. Any call that is not a poll that has to wait may have
//!   displaced or used up that waker, so it wakes them too; each then polls again.
//!
//! A lost wake-up is excluded as follows: who fails to get the lock leaves its waker, then sets a
//! flag, then tries again; who gives the lock back swaps the flags after that. Both are
//! read-modify-writes of one variable. If the swap comes second, it sees the flag; if it comes
//! first, the second try comes after it and so sees the lock free (or held by somebody whose swap is
//! yet to come).

use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use channel::{Key, Poller};
use parking_lot::{Mutex, MutexGuard};

/// Somebody waits for the turn.
const TURN: u8 = 1;
/// Somebody waits for news.
const NEWS: u8 = 2;
/// A call that never blocks was turned away, or the registration at a poller has changed: it is to be
/// made again, so that its key comes.
const RENEW: u8 = 4;

/// What takes turns: a half of a queue.
pub(crate) trait Half {
    /// Registers at a poller, in place of an earlier registration.
    fn register(&mut self, poller: &Poller, key: Key);
    /// Ends the registration.
    fn deregister(&mut self);
}

pub(crate) struct Turn<T> {
    half: Mutex<T>,
    /// Where the half is to be registered.
    registration: Mutex<Option<(Poller, Key)>>,
    /// What is to be looked after when the lock is given back.
    waiting: AtomicU8,
    parties: Arc<Parties>,
    /// Wakes all who wait for news.
    waker: Waker,
}

#[derive(Default)]
struct Parties {
    turn: Mutex<Vec<Waker>>,
    news: Mutex<Vec<Waker>>,
}

impl Wake for Parties {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        wake_all(&self.news);
    }
}

fn wake_all(wakers: &Mutex<Vec<Waker>>) {
    // Not under the lock: a waker is foreign code.
    let wakers = take(&mut *wakers.lock());
    for waker in wakers {
        waker.wake();
    }
}

fn leave(wakers: &Mutex<Vec<Waker>>, waker: &Waker) {
    let mut wakers = wakers.lock();
    // A future that is polled often without being woken leaves one waker, not many.
    if !wakers.iter().any(|left| left.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

impl<T: Half> Turn<T> {
    pub(crate) fn new(half: T) -> Turn<T> {
        let parties = Arc::new(Parties::default());
        Turn {
            half: Mutex::new(half),
            registration: Mutex::default(),
            waiting: AtomicU8::new(0),
            waker: Waker::from(parties.clone()),
            parties,
        }
    }

    pub(crate) fn into_inner(self) -> T {
        self.half.into_inner()
    }

    /// For a call that may block, until then at most; `None` if its turn did not come.
    #[inline]
    pub(crate) fn block<R>(
        &self,
        until: Option<Instant>,
        call: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let half = match until {
            None => self.half.lock(),
            Some(until) => self.half.try_lock_until(until)?,
        };
        Some(self.run(half, call))
    }

    /// For a call that never blocks; `None` if somebody else has the turn.
    #[inline]
    pub(crate) fn attempt<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        let half = self.half.try_lock().or_else(|| self.again(RENEW))?;
        Some(self.run(half, call))
    }

    /// For a poll function. It is called again at once if it has to wait, so it must not have taken
    /// anything then.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut T, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let half = self.half.try_lock().or_else(|| {
            leave(&self.parties.turn, cx.waker());
            self.again(TURN)
        });
        let Some(mut half) = half else {
            return Poll::Pending;
        };
        let mut ours = Context::from_waker(&self.waker);
        let mut result = poll(&mut half, &mut ours);
        if result.is_pending() {
            // News may have come before this waker was there to be woken.
            leave(&self.parties.news, cx.waker());
            // AcqRel, with the swap in `given_back`.
            self.waiting.fetch_or(NEWS, Ordering::AcqRel);
            result = poll(&mut half, &mut ours);
        }
        drop(half);
        if result.is_pending() {
            // The waker of the others is in place: they need not look.
            self.given_back(!NEWS);
        } else {
            self.given_back(!0);
        }
        result
    }

    /// Registers the half at a poller, or ends its registration; as soon as it is free.
    pub(crate) fn register(&self, registration: Option<(Poller, Key)>) {
        *self.registration.lock() = registration;
        self.look_after(RENEW);
    }

    fn renew(&self, half: &mut T) {
        let registration = self.registration.lock().clone();
        match registration {
            Some((poller, key)) => half.register(&poller, key),
            None => half.deregister(),
        }
    }

    /// Tries once more for the turn, after leaving a note for whoever has it.
    fn again(&self, note: u8) -> Option<MutexGuard<'_, T>> {
        // AcqRel, with the swap in `given_back`.
        self.waiting.fetch_or(note, Ordering::AcqRel);
        self.half.try_lock()
    }

    #[inline]
    fn run<R>(&self, mut half: MutexGuard<'_, T>, call: impl FnOnce(&mut T) -> R) -> R {
        let result = call(&mut half);
        drop(half);
        self.given_back(!0);
        result
    }

    /// Looks after those that wait, of the kinds in `mask`, once the lock was given back.
    #[inline]
    fn given_back(&self, mask: u8) {
        // AcqRel, with the `fetch_or` in `poll` and `again`: see the module's documentation.
        let waiting = self.waiting.fetch_and(!mask, Ordering::AcqRel) & mask;
        if waiting != 0 {
            self.look_after(waiting);
        }
    }

    #[cold]
    fn look_after(&self, mut waiting: u8) {
        while waiting != 0 {
            if waiting & TURN != 0 {
                wake_all(&self.parties.turn);
            }
            if waiting & NEWS != 0 {
                wake_all(&self.parties.news);
            }
            if waiting & RENEW == 0 {
                return;
            }
            let Some(mut half) = self.half.try_lock().or_else(|| self.again(RENEW)) else {
                // Whoever has it will find the note.
                return;
            };
            self.renew(&mut half);
            drop(half);
            // AcqRel, as above. Notes that came meanwhile are looked after as well.
            waiting = self.waiting.swap(0, Ordering::AcqRel);
        }
    }
}
