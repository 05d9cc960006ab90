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
//! A poller's registration is the half's own, and what a future does may displace it in the same way.
//! It is **renewed** (made again, so that its key comes) after a future of a registered half is through
//! or dropped, and after a call that did not get its turn.
//!
//! A lost wake-up is excluded as follows: who fails to get the lock leaves its waker, then sets a
//! flag, then tries again; who gives the lock back swaps the flags after that. Both are
//! read-modify-writes of one variable. If the swap comes second, it sees the flag; if it comes
//! first, the second try comes after it and so sees the lock free (or held by somebody whose swap is
//! yet to come).
//!
//! What a call does in the channel may wake others (the peer's waker, a poller), and it has the lock
//! meanwhile. So a waker must not make a blocking call on this very queue; a poll function or a `try_`
//! call from a waker finds the turn taken, as from anywhere else.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use channel::{Key, Poller, WakerList};
use parking_lot::{Mutex, MutexGuard};

/// Somebody waits for the turn.
const TURN: u8 = 1;
/// Somebody waits for news.
const NEWS: u8 = 2;
/// The registration at a poller is to be made again.
const RENEW: u8 = 4;

/// What takes turns: a half of a queue.
pub(crate) trait Half {
    /// Registers at a poller, in place of an earlier registration.
    fn register(&mut self, poller: &Poller, key: Key);
    /// Ends the registration.
    fn deregister(&mut self);
}

pub(crate) struct Turn<T: Half> {
    half: Mutex<T>,
    /// Where the half is to be registered.
    registration: Mutex<Option<(Poller, Key)>>,
    /// What is to be looked after when the lock is given back.
    waiting: AtomicU8,
    turn: WakerList,
    news: Arc<WakerList>,
    /// Wakes all who wait for news.
    waker: Waker,
}

impl<T: Half> Turn<T> {
    pub(crate) fn new(half: T) -> Turn<T> {
        let news = Arc::new(WakerList::default());
        Turn {
            half: Mutex::new(half),
            registration: Mutex::default(),
            waiting: AtomicU8::new(0),
            turn: WakerList::default(),
            waker: Waker::from(news.clone()),
            news,
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
            Some(until) => self
                .half
                .try_lock_until(until)
                .or_else(|| self.again(RENEW))?,
        };
        Some(call(&mut self.held(half)))
    }

    /// For a call that never blocks; `None` if somebody else has the turn.
    #[inline]
    pub(crate) fn attempt<R>(&self, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        let half = self.half.try_lock().or_else(|| self.again(RENEW))?;
        Some(call(&mut self.held(half)))
    }

    /// For an asynchronous call. The poll function is called again at once if it has to wait, so it
    /// must not have taken anything then.
    pub(crate) fn wait_for<R>(
        &self,
        mut poll: impl FnMut(&mut T, &mut Context<'_>) -> Poll<R>,
    ) -> impl Future<Output = R> {
        static NEXT: AtomicU64 = AtomicU64::new(WakerList::BARE + 1);
        // Relaxed: only uniqueness counts.
        let party = Party {
            turn: self,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        };
        async move {
            // All of it, not its fields: its drop is what counts.
            let party = party;
            poll_fn(|cx| self.poll(party.number, cx, &mut poll)).await
        }
    }

    /// As [`wait_for`](Self::wait_for), for a bare poll function.
    pub(crate) fn poll<R>(
        &self,
        party: u64,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut T, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let half = self.half.try_lock().or_else(|| {
            self.turn.set(party, cx.waker());
            self.again(TURN)
        });
        let Some(half) = half else {
            return Poll::Pending;
        };
        let mut half = self.held(half);
        let mut ours = Context::from_waker(&self.waker);
        let mut result = poll(&mut half, &mut ours);
        if result.is_pending() {
            // News may have come before this waker was there to be woken.
            self.news.set(party, cx.waker());
            // AcqRel, with the one in `given_back`.
            self.waiting.fetch_or(NEWS, Ordering::AcqRel);
            result = poll(&mut half, &mut ours);
        }
        if result.is_pending() {
            // The waker of the others is in place: they need not look.
            half.mask = !NEWS;
        } else if self.registration.lock().is_some() {
            // AcqRel, as above.
            self.waiting.fetch_or(RENEW, Ordering::AcqRel);
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
        // AcqRel, with the one in `given_back`.
        self.waiting.fetch_or(note, Ordering::AcqRel);
        self.half.try_lock()
    }

    #[inline]
    fn held<'a>(&'a self, half: MutexGuard<'a, T>) -> Held<'a, T> {
        Held {
            turn: self,
            half: Some(half),
            mask: !0,
        }
    }

    #[cold]
    fn look_after(&self, mut waiting: u8) {
        while waiting != 0 {
            if waiting & TURN != 0 {
                self.turn.wake_all();
            }
            if waiting & NEWS != 0 {
                self.news.wake_all();
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
            // AcqRel, as in `given_back`. Notes that came meanwhile are looked after as well.
            waiting = self.waiting.swap(0, Ordering::AcqRel);
        }
    }
}

/// Somebody's turn; given back when it is dropped, by a panic too.
struct Held<'a, T: Half> {
    turn: &'a Turn<T>,
    /// None only while it is being given back.
    half: Option<MutexGuard<'a, T>>,
    /// The kinds that are looked after.
    mask: u8,
}

impl<T: Half> std::ops::Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.half.as_ref().expect("it is there until the drop")
    }
}

impl<T: Half> std::ops::DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.half.as_mut().expect("it is there until the drop")
    }
}

impl<T: Half> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.half = None;
        // AcqRel, with the `fetch_or` in `poll` and `again`: see the module's documentation.
        let waiting = self.turn.waiting.fetch_and(!self.mask, Ordering::AcqRel) & self.mask;
        if waiting != 0 {
            self.turn.look_after(waiting);
        }
    }
}

/// Somebody who waits in an asynchronous call, and leaves nothing behind.
struct Party<'a, T: Half> {
    turn: &'a Turn<T>,
    number: u64,
}

impl<T: Half> Drop for Party<'_, T> {
    fn drop(&mut self) {
        self.turn.turn.remove(self.number);
        self.turn.news.remove(self.number);
        // Its polls may have taken the place of the registration's.
        if self.turn.registration.lock().is_some() {
            self.turn.look_after(RENEW);
        }
    }
}
