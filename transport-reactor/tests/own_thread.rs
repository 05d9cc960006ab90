//! A process whose background thread sleeps in something else. In a program of its own: that is for ever.
#![cfg(unix)]

mod support;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use channel::transport::background::{Sleeper, sleep_in};
use parking_lot::{Condvar, Mutex};
use support::until_readable;
use transport_reactor::Registration;

/// Knows of nobody's events.
#[derive(Default)]
struct Other {
    called: Mutex<bool>,
    news: Condvar,
}

impl Sleeper for Other {
    fn sleep(&self, until: Option<Instant>) {
        let mut called = self.called.lock();
        let until = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(600));
        self.news
            .wait_while_until(&mut called, |called| !*called, until);
        *called = false;
    }

    fn wake(&self) {
        *self.called.lock() = true;
        self.news.notify_one();
    }
}

// shows C3
#[test]
fn a_reactor_beside_another_sleeper_has_a_thread_of_its_own() {
    assert!(sleep_in(Box::leak(Box::new(Other::default()))));
    let (near, mut far) = UnixStream::pair().unwrap();
    let registration = Registration::new(&near).unwrap();
    for _ in 0..3 {
        far.write_all(b"x").unwrap();
        until_readable("a byte", &registration);
    }
}
