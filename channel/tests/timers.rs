//! How often the background thread is woken for its timers, counted in its own sleep.

mod support;

use std::io::{IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use channel::Spin;
use channel::pipe::{PipeReader, PipeWriter, pipe};
use channel::transport::background::{Sleep, Sleeper, sleep_in, sleep_until};
use channel::transport::{Sink, Source};
use parking_lot::{Condvar, Mutex, MutexGuard};
use support::{LONG, Wakes, block_on, counter, eventually, within};

/// The sleep of the background thread.
#[derive(Default)]
struct Watched {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// It was called, and has not heard it yet.
    called: bool,
    calls: usize,
    /// Sleeps that were to take a while.
    sleeps: usize,
    /// What it sleeps for.
    until: Option<Instant>,
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Sleeper for Watched {
    fn sleep(&self, until: Option<Instant>) {
        let mut state = self.state();
        let limit = until.map_or(LONG, |until| {
            until.saturating_duration_since(Instant::now())
        });
        state.sleeps += usize::from(!limit.is_zero());
        state.until = until;
        self.news
            .wait_while_for(&mut state, |state| !state.called, limit);
        state.called = false;
        state.until = None;
    }

    fn wake(&self) {
        let mut state = self.state();
        state.called = true;
        state.calls += 1;
        self.news.notify_one();
    }
}

/// The sleeper, for one test after the other.
fn watched() -> (&'static Watched, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    static WATCHED: OnceLock<&Watched> = OnceLock::new();
    let alone = ALONE.lock();
    let watched = WATCHED.get_or_init(|| {
        // The thread sleeps by itself, until then.
        let later = Instant::now() + 10 * LONG;
        let _sleep = started(later);
        sleep(Instant::now() + Duration::from_millis(5));
        let watched = Box::leak(Box::<Watched>::default());
        assert!(sleep_in(watched));
        eventually("it goes on sleeping here", || {
            watched.state().until == Some(later)
        });
        watched
    });
    (watched, alone)
}

/// Until `until`, and not for ever if the thread does not see to it.
fn sleep(until: Instant) {
    within("a sleep", move || block_on(sleep_until(Some(until))));
    assert!(Instant::now() >= until);
}

fn started(until: Instant) -> Sleep {
    let mut sleep = sleep_until(Some(until));
    assert!(poll(&mut sleep, Waker::noop()));
    sleep
}

/// Whether it is still pending.
fn poll(sleep: &mut Sleep, waker: &Waker) -> bool {
    Future::poll(Pin::new(sleep), &mut Context::from_waker(waker)).is_pending()
}

// shows C3: a time limit is kept although the thread sleeps for longer; one behind the end of its sleep costs
// nothing.
#[test]
fn only_an_earlier_timer_ends_the_sleep() {
    let (watched, _alone) = watched();
    let first = Instant::now() + 5 * LONG;
    let mut same = started(first);
    eventually("it sleeps", || watched.state().until == Some(first));
    let calls = watched.state().calls;
    // Asked again; the same moment; later ones.
    assert!(poll(&mut same, Waker::noop()));
    let _others = [0, 1, 1000].map(|ms| started(first + Duration::from_millis(ms)));
    assert_eq!(watched.state().calls, calls, "it is left alone");
    assert_eq!(watched.state().until, Some(first));
    let earlier = first - Duration::from_millis(1);
    let sooner = started(earlier);
    assert_eq!(watched.state().calls, calls + 1);
    eventually("it sleeps shorter", || {
        watched.state().until == Some(earlier)
    });
    // One that is gone costs nothing either; the next is heard of again.
    drop(sooner);
    let soon = Instant::now() + Duration::from_millis(20);
    sleep(soon);
    assert!(watched.state().calls <= calls + 2);
    eventually("it sleeps on", || watched.state().until == Some(first));
}

/// A pipe that is full, and whose writer sleeps.
struct Full {
    writer: PipeWriter,
    reader: PipeReader,
    woken: (Arc<Wakes>, Waker),
}

impl Full {
    fn new() -> Full {
        let (mut writer, reader, _) = pipe(64, Spin::NEVER).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let written = writer.poll_write(&mut cx, &[IoSlice::new(&[1; 64])]);
        assert!(matches!(written, Poll::Ready(Ok(64))));
        let woken = counter();
        let mut full = Full {
            writer,
            reader,
            woken,
        };
        full.frees_a_little();
        full
    }

    fn frees_a_little(&mut self) {
        let mut cx = Context::from_waker(&self.woken.1);
        let refused = self.writer.poll_write(&mut cx, &[IoSlice::new(b"x")]);
        assert!(refused.is_pending());
        let read = self.reader.read(&mut [IoSliceMut::new(&mut [0])], None);
        assert_eq!(read.unwrap(), 1);
    }

    /// Waits for its late look, which lets the writer fill it again.
    fn is_filled(&mut self, looks: usize) {
        eventually("a late look", || self.woken.0.count() >= looks);
        let mut cx = Context::from_waker(Waker::noop());
        let written = self.writer.poll_write(&mut cx, &[IoSlice::new(b"x")]);
        assert!(written.is_ready());
    }
}

// shows C2, T4: twenty late looks in a millisecond cost a wake-up or two, not twenty.
#[test]
fn late_looks_share_their_wake_ups() {
    const PIPES: usize = 100;
    const ROUNDS: usize = 20;
    let (watched, _alone) = watched();
    let sleeps = watched.state().sleeps;
    let start = Instant::now();
    let mut pipes: Vec<Full> = (0..PIPES).map(|_| Full::new()).collect();
    for round in 1..=ROUNDS {
        for (i, pipe) in pipes.iter_mut().enumerate() {
            // One after the other, as far as this machine can.
            let turn = (round * PIPES + i) as u32 * Duration::from_micros(50);
            while start.elapsed() < turn {
                thread::yield_now();
            }
            pipe.is_filled(round);
            pipe.frees_a_little();
        }
    }
    for pipe in &mut pipes {
        pipe.is_filled(ROUNDS + 1);
    }
    let sleeps = watched.state().sleeps - sleeps;
    let most = start.elapsed().as_millis() as usize + 1;
    // Two moments with a look are more than a millisecond apart, unless this thread was kept from its work
    // for so long in between, and each costs two wake-ups at most: one to sleep until then, and then.
    assert!(
        sleeps <= 4 * most,
        "{sleeps} wake-ups for {} looks in {most} ms",
        PIPES * (ROUNDS + 1)
    );
}

// shows T3: a waker that panics costs itself, not the thread that wakes it.
#[test]
fn a_waker_may_panic() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics, on purpose");
        }
    }
    let (_watched, _alone) = watched();
    let soon = Instant::now() + Duration::from_millis(5);
    let mut task = sleep_until(Some(soon));
    poll(&mut task, &Waker::from(Arc::new(Panics)));
    for ms in [0, 1, 5] {
        sleep(soon + Duration::from_millis(ms));
    }
}
