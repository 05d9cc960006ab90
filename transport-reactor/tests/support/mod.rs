//! Waiting at registrations, with a limit.
#![allow(dead_code)] // each test program uses a part

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_lite::future::block_on;
use transport_reactor::{Registration, Waited, within};

/// Long enough for any machine; only a failing test waits for it.
pub const LIMIT: Duration = Duration::from_secs(30);

fn until(what: &str, poll: impl Fn(&mut Context<'_>) -> Waited) {
    let heard = block_on(within(LIMIT, |cx| poll(cx).poll()));
    assert!(heard.is_some(), "nothing was heard of {what}");
}

/// Waits for inbound news.
pub fn until_readable(what: &str, registration: &Registration) {
    until(what, |cx| registration.poll_readable(cx));
}

/// Waits for outbound news.
pub fn until_writable(what: &str, registration: &Registration) {
    until(what, |cx| registration.poll_writable(cx));
}

/// Takes what was heard inbound so far; whether there was something.
pub fn is_readable(registration: &Registration) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    matches!(registration.poll_readable(&mut cx), Waited::Ready)
}

/// Returns when everything that happened before was heard, and who waited for it was woken: the reactor takes
/// events in their order. These are two more, since what is heard together is heard before anybody is woken.
pub fn until_all_is_heard() {
    for _ in 0..2 {
        let (near, far) = UnixStream::pair().unwrap();
        let registration = Registration::inbound(&near).unwrap();
        drop(far);
        until_readable("a hang-up", &registration);
    }
}

/// Counts its wakes.
#[derive(Default)]
pub struct Counter(AtomicUsize);

impl Counter {
    pub fn new() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter::default());
        (counter.clone(), counter.into())
    }

    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls once, with a waker of one's own.
pub fn poll_once(registration: &Registration, waker: &Waker) -> Poll<()> {
    registration
        .poll_readable(&mut Context::from_waker(waker))
        .poll()
}
