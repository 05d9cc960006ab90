//! What a poller keeps: nothing that grows.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;

use super::queue::RAW_POLLS;
use super::*;

/// Counts its wakes, and looks at the poller when it is woken or dropped, which would block for
/// ever under the poller's lock.
struct Nosy(Poller, AtomicUsize);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        let _ = format!("{:?}", self.0);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let _ = format!("{:?}", self.0);
    }
}

fn nosy(poller: &Poller) -> Arc<Nosy> {
    Arc::new(Nosy(poller.clone(), AtomicUsize::new(0)))
}

fn kept(poller: &Poller) -> (usize, usize, usize) {
    let queue = poller.0.queue.lock();
    (queue.ready.len(), queue.waiting.len(), queue.polled.len())
}

// shows G2: a wait that ends, in whichever way, leaves nothing behind.
#[test]
fn waits_that_end_leave_nothing() {
    let poller = Poller::new();
    let mut keys = Vec::new();
    for _ in 0..1000 {
        let waker = Waker::from(nosy(&poller));
        let mut wait = pin!(poller.wait_async(&mut keys));
        let other = Waker::from(nosy(&poller));
        for waker in [&waker, &other, &other] {
            let poll = wait.as_mut().poll(&mut Context::from_waker(waker));
            assert!(poll.is_pending());
        }
        assert_eq!(kept(&poller), (0, 1, 0));
    }
    assert_eq!(kept(&poller), (0, 0, 0));
    poller.wait_timeout(&mut keys, Duration::from_millis(1));
    assert_eq!(kept(&poller), (0, 0, 0));
}

// shows G2: each of many waits has a place of its own, and hears.
#[test]
fn many_waits_are_all_woken() {
    let poller = Poller::new();
    let counts: Vec<_> = (0..3 * RAW_POLLS).map(|_| nosy(&poller)).collect();
    let mut waits: Vec<_> = counts.iter().map(|_| Wait::new(&poller)).collect();
    for (wait, count) in waits.iter_mut().zip(&counts) {
        let waker = Waker::from(count.clone());
        let poll = wait.poll(&mut Context::from_waker(&waker), &mut Vec::new());
        assert!(poll.is_pending());
    }
    poller.notify();
    for count in &counts {
        assert_eq!(count.1.load(Ordering::SeqCst), 1);
    }
    assert_eq!(kept(&poller), (0, 0, 0));
}

// shows G2: raw polls, which nobody ends: a bounded number is kept, and no task is forgotten.
#[test]
fn raw_polls_are_bounded_and_none_is_forgotten() {
    let poller = Poller::new();
    let counts: Vec<_> = (0..5000).map(|_| nosy(&poller)).collect();
    for count in &counts {
        let waker = Waker::from(count.clone());
        for _ in 0..2 {
            let poll = poller.poll_wait(&mut Context::from_waker(&waker), &mut Vec::new());
            assert!(poll.is_pending());
        }
        assert!(kept(&poller).2 <= RAW_POLLS);
    }
    poller.notify();
    for (at, count) in counts.iter().enumerate() {
        assert_eq!(count.1.load(Ordering::SeqCst), 1, "waker {at}");
    }
}

// shows G2: registrations that have ended do not pile up in the queue, and the others stay.
#[test]
fn ended_registrations_do_not_pile_up() {
    let poller = Poller::new();
    let living: Vec<_> = (0..10).map(|key| poller.registration(key)).collect();
    for registration in &living {
        registration.deliver();
    }
    for _ in 0..5000 {
        let registration = poller.registration(99);
        registration.deliver();
        drop(registration);
        assert!(kept(&poller).0 <= 2 * living.len() + 1);
    }
    let mut keys = Vec::new();
    poller.try_wait(&mut keys);
    assert_eq!(keys, (0..10).collect::<Vec<_>>(), "in order");
    // A wake that comes after the end is not let in.
    let late = poller.registration(99);
    let waker = late.waker.clone();
    drop(late);
    waker.wake();
    assert_eq!(kept(&poller).0, 0);
    // And all may end at once.
    for registration in &living {
        registration.deliver();
    }
    drop(living);
    assert!(kept(&poller).0 <= 1);
    assert_eq!(poller.try_wait(&mut keys), None);
}

// shows G2: a notice that comes with keys is not swallowed by the wait that takes the keys.
#[test]
fn a_notice_outlasts_the_keys() {
    let poller = Poller::new();
    let registration = poller.registration(1);
    let mut keys = Vec::new();
    registration.deliver();
    poller.notify();
    assert_eq!(poller.try_wait(&mut keys), Some(1));
    assert_eq!(poller.try_wait(&mut keys), Some(0));
    assert_eq!(poller.try_wait(&mut keys), None);
}
