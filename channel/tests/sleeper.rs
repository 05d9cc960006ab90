//! The background thread under jobs that are always ready: the events of the system are still heard of.

use std::future::poll_fn;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use channel::transport::background::{self, Sleeper};

/// A machine so busy that it takes longer is no machine to test on.
const LONG: Duration = Duration::from_secs(60);

/// Says that it was asked, and for how long it may sleep.
struct Asked {
    said: Mutex<Sender<Option<Duration>>>,
    woken: Mutex<bool>,
    news: Condvar,
}

impl Sleeper for Asked {
    fn sleep(&self, until: Option<Instant>) {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let _ = self.said.lock().unwrap().send(left);
        let limit = left.unwrap_or(LONG);
        let woken = self.woken.lock().unwrap();
        let (mut woken, _) = self
            .news
            .wait_timeout_while(woken, limit, |woken| !*woken)
            .unwrap();
        *woken = false;
    }

    fn wake(&self) {
        *self.woken.lock().unwrap() = true;
        self.news.notify_one();
    }
}

// shows T3: a connection that always has something to do takes turns with those that wait for the
// system's news.
#[test]
fn it_is_asked_while_jobs_are_ready() {
    static SLEEPER: OnceLock<Asked> = OnceLock::new();
    let (said, asked) = channel();
    let sleeper = SLEEPER.get_or_init(|| Asked {
        said: Mutex::new(said),
        woken: Mutex::default(),
        news: Condvar::new(),
    });
    assert!(background::sleep_in(sleeper));
    let (started, start) = channel();
    background::run(poll_fn(move |cx| {
        let _ = started.send(());
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    start.recv_timeout(LONG).expect("it runs");
    // What it was asked before that job came.
    while asked.try_recv().is_ok() {}
    let left = asked.recv_timeout(LONG).expect("it is asked all the same");
    assert_eq!(left, Some(Duration::ZERO), "and is not to sleep");
}
