//! Waiting for any of many channels and acceptors.
//!
//! A registration is a waker that puts its key once into a queue of ready keys; ten thousand idle
//! channels cost a wait nothing.
//!
//! It owns the queue and the wakers of those who wait. No waker is cloned, woken or dropped under
//! its lock: that is foreign code.

mod queue;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::reader::deadline;
use crate::wait;
use queue::{Entry, Queue};

/// What a poller delivers: chosen by the user at registration.
pub type Key = u64;

/// Waits for any of many registered readers, writers and acceptors. Cheap to clone; clones are the
/// same poller, and several threads may wait at it: each key goes to one of them.
///
/// A key is delivered once at registration if there is something to do, and then once after each
/// call that said `WouldBlock` or `TimedOut`: so a program that gets a key works until it is told
/// one of these. A key may be delivered although nothing is left to do; the call then says
/// `WouldBlock` again.
///
/// Of a half's wakers the last one counts. A blocking call that ends gives the registration its
/// place back, and so does an `_async` or `poll_` call that becomes ready. One that is still pending
/// keeps it, also when its future was dropped: the key comes again after the next `try_` call that
/// says `WouldBlock`.
///
/// ```
/// # use channel::{Domain, Poller};
/// # let domain = Domain::new();
/// # let server = domain.broker("server")?;
/// # let client = domain.broker("client")?;
/// # let connecting = std::thread::spawn(move || client.connect("server", 7).unwrap());
/// # let mut a = server.accept(7)?;
/// # let mut b = connecting.join().unwrap();
/// let poller = Poller::new();
/// a.reader_mut().register(&poller, 1);
/// b.write_all(b"hello")?;
/// let mut keys = Vec::new();
/// poller.wait(&mut keys);
/// assert_eq!(keys, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A program that does only a little for each key, so that no channel has to wait for another one's
/// megabytes, has keys that it is not through with: no call said `WouldBlock`, so they do not come
/// again. It puts them back itself, and asks the poller without waiting while there are any:
///
/// ```
/// # use channel::{Domain, Poller, ReadError};
/// # let domain = Domain::new();
/// # let server = domain.broker("server")?;
/// # let client = domain.broker("client")?;
/// # let connecting = std::thread::spawn(move || client.connect("server", 7).unwrap());
/// # let mut a = server.accept(7)?;
/// # let mut b = connecting.join().unwrap();
/// # let poller = Poller::new();
/// # let mut got = Vec::new();
/// a.register(&poller, 1);
/// b.write_all(b"more than a little")?;
/// b.finish()?;
/// let mut keys = Vec::new();
/// 'open: loop {
///     if keys.is_empty() {
///         poller.wait(&mut keys);
///     } else {
///         poller.try_wait(&mut keys);
///     }
///     for key in std::mem::take(&mut keys) {
///         let mut little = [0; 4];
///         match a.try_read(&mut little) {
///             Ok(0) => break 'open,
///             Ok(n) => {
/// #               got.extend_from_slice(&little[..n]);
///                 keys.push(key);
///             }
///             Err(ReadError::WouldBlock) => {}
///             Err(error) => return Err(error.into()),
///         }
///     }
/// }
/// # assert_eq!(got, b"more than a little");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Poller(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
}

impl Shared {
    /// Takes out what is ready; if nothing is, runs `otherwise` under the same lock.
    fn take_or(&self, keys: &mut Vec<Key>, otherwise: impl FnOnce(&mut Queue)) -> Option<usize> {
        // Freed after the lock is.
        let mut ended = Vec::new();
        let mut queue = self.queue.lock();
        let found = queue.take(keys, &mut ended);
        if found.is_none() {
            otherwise(&mut queue);
        }
        drop(queue);
        found
    }

    /// Puts an entry into the queue, unless its registration has ended.
    fn push(&self, entry: Arc<Entry>) {
        self.change(|queue| {
            if !entry.has_ended() {
                queue.ready.push_back(entry);
            }
        });
    }

    /// Changes the queue, then wakes all who wait.
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.queue.lock();
        change(&mut queue);
        let waiting = std::mem::take(&mut queue.waiting);
        let polled = std::mem::take(&mut queue.polled);
        drop(queue);
        for waiter in waiting.into_values().chain(polled) {
            waiter.wake();
        }
    }
}

impl Wake for Entry {
    fn wake(self: Arc<Self>) {
        self.owed.store(false, Ordering::Relaxed);
        // AcqRel, with the swap in `take`: what happened before a wake that finds the entry queued
        // is seen by whoever takes it out.
        if !self.queued.swap(true, Ordering::AcqRel)
            && let Some(poller) = self.poller.upgrade()
        {
            poller.push(self);
        }
    }
}

/// One registration at a poller; ends when dropped.
pub(crate) struct Registration {
    entry: Arc<Entry>,
    waker: Waker,
}

impl Registration {
    /// Polls with this registration's waker: after `Pending`, a key is owed.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.entry.owed.store(true, Ordering::Relaxed);
        let result = poll(&mut Context::from_waker(&self.waker));
        if result.is_ready() {
            self.entry.owed.store(false, Ordering::Relaxed);
        }
        result
    }

    /// Delivers the key.
    pub(crate) fn deliver(&self) {
        self.waker.wake_by_ref();
    }

    /// Delivers the key if one is owed: for a call that got its result by another waker, which has
    /// taken the place of this one.
    #[inline]
    pub(crate) fn settle(&self) {
        if self.entry.owed.load(Ordering::Relaxed) {
            self.deliver();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(poller) = self.entry.poller.upgrade() else {
            return;
        };
        let mut queue = poller.queue.lock();
        self.entry.ended.store(true, Ordering::Relaxed);
        // Acquire, with the swap in `wake`. One that is queued and not yet in the queue counts too
        // much: it is not let in any more.
        let ended = if self.entry.queued.load(Ordering::Acquire) {
            queue.ended += 1;
            queue.tidy()
        } else {
            VecDeque::new()
        };
        drop(queue);
        drop(ended);
    }
}

impl Poller {
    /// A poller with nothing registered.
    pub fn new() -> Poller {
        Poller::default()
    }

    pub(crate) fn registration(&self, key: Key) -> Registration {
        let entry = Arc::new(Entry {
            key,
            queued: AtomicBool::new(false),
            owed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            poller: Arc::downgrade(&self.0),
        });
        Registration {
            waker: Waker::from(entry.clone()),
            entry,
        }
    }

    /// Waits until at least one key is ready, or [`notify`](Poller::notify) is called; appends the
    /// ready keys to `keys` and returns how many (0 after a bare notify).
    pub fn wait(&self, keys: &mut Vec<Key>) -> usize {
        self.wait_within(keys, None).unwrap_or(0)
    }

    /// As [`wait`](Poller::wait), for at most `limit`; `None` when it passed.
    pub fn wait_timeout(&self, keys: &mut Vec<Key>, limit: Duration) -> Option<usize> {
        self.wait_within(keys, deadline(limit))
    }

    /// Appends the keys that are ready now; never blocks.
    pub fn try_wait(&self, keys: &mut Vec<Key>) -> Option<usize> {
        self.0.take_or(keys, |_| ())
    }

    /// As [`wait`](Poller::wait), without blocking the thread.
    pub async fn wait_async(&self, keys: &mut Vec<Key>) -> usize {
        let mut wait = Wait::new(self);
        poll_fn(|cx| wait.poll(cx, keys)).await
    }

    /// The poll function behind [`wait_async`](Poller::wait_async): it makes the poller itself
    /// something that can be waited for, by a descriptor or another poller.
    ///
    /// It is not told when nobody waits any more, so it keeps the wakers of the last 64 callers
    /// alone; one that is pushed out is woken, to poll again. Where more tasks than that wait at one
    /// poller, they use [`wait_async`](Poller::wait_async), which has no limit.
    pub fn poll_wait(&self, cx: &mut Context<'_>, keys: &mut Vec<Key>) -> Poll<usize> {
        if let Some(found) = self.try_wait(keys) {
            return Poll::Ready(found);
        }
        let waker = cx.waker().clone();
        let mut spare = None;
        let found = self.0.take_or(keys, |queue| spare = queue.keep(waker));
        if let Some((waker, true)) = spare {
            waker.wake();
        }
        found.map_or(Poll::Pending, Poll::Ready)
    }

    /// Ends one wait of another thread, or the next one, that finds no key.
    pub fn notify(&self) {
        self.0.change(|queue| queue.notified = true);
    }

    fn wait_within(&self, keys: &mut Vec<Key>, until: Option<Instant>) -> Option<usize> {
        let mut wait = Wait::new(self);
        wait::block_on(until, |cx| wait.poll(cx, keys))
    }
}

/// One wait, from its first poll to its end.
struct Wait<'a> {
    poller: &'a Shared,
    /// Its number, once it has left a waker.
    number: Option<u64>,
}

impl Wait<'_> {
    fn new(poller: &Poller) -> Wait<'_> {
        Wait {
            poller: &poller.0,
            number: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, keys: &mut Vec<Key>) -> Poll<usize> {
        if let Some(found) = self.poller.take_or(keys, |_| ()) {
            return Poll::Ready(found);
        }
        let waker = cx.waker().clone();
        let mut old = None;
        let found = self.poller.take_or(keys, |queue| {
            let number = *self.number.get_or_insert(queue.next);
            queue.next = queue.next.max(number + 1);
            old = queue.waiting.insert(number, waker);
        });
        drop(old);
        found.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut queue = self.poller.queue.lock();
            let waker = queue.waiting.remove(&number);
            drop(queue);
            drop(waker);
        }
    }
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller")
            .field("ready", &self.0.queue.lock().ready.len())
            .finish()
    }
}
