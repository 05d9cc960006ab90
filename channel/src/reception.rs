//! The one background thread of the process: a small waker executor.
//!
//! It polls listeners, unfinished hellos, waiting remote connectors, bytes that linger after a
//! disconnect or their writer, the late looks of pipes, and what transports have to do in the
//! background; none of them has a thread of its own. It starts with the first of them. It never runs a
//! user's code, and nothing that blocks. While there is nothing to do it sleeps, or has a [`Sleeper`]
//! do that.

mod sleep;
mod timers;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

pub(crate) use sleep::within;
pub use sleep::{Sleep, sleep_until};

use timers::Timers;

/// So many jobs run between two looks at the timers: jobs that are always ready don't put off a
/// deadline, and an idle look costs little beside them.
const JOBS_BETWEEN_TIMERS: usize = 16;
/// After so many jobs and timers without a sleep the [`Sleeper`] is asked for its news: jobs that are
/// always ready don't keep the system's events from the others.
const TURNS_BETWEEN_LOOKS: usize = 16;
/// Whoever cancels a job that is being polled waits so long for the end of that poll. Polls don't
/// block: one that takes longer waits for the caller itself, or is a transport's bug.
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// How long a message that is about to come is looked for before the thread sleeps: about what a wake-up costs.
const SOON: Duration = Duration::from_micros(50);

/// How the background thread of the process sleeps, if not by itself: a transport that waits for the
/// system's events can do it there, and needs no thread of its own, nor a switch between the two for
/// each event.
pub trait Sleeper: Send + Sync {
    /// Blocks until `until` (`None`: for ever), until [`wake`](Sleeper::wake) was called, also before,
    /// or until it has woken somebody; or for a shorter time. A time that has passed asks for news alone:
    /// the thread does so now and then while it is busy. To be called by one thread at a time.
    fn sleep(&self, until: Option<Instant>);

    /// Ends the sleep that is under way, or else the next one. From any thread; never blocks.
    fn wake(&self);
}

/// Has the background thread sleep in `sleeper` from now on. `false` if another one does that already:
/// then the caller needs a thread of its own.
pub fn sleep_in(sleeper: &'static dyn Sleeper) -> bool {
    let reception = Reception::get();
    let mut state = reception.state.lock();
    if state.sleeper.is_some() {
        return false;
    }
    state.sleeper = Some(sleeper);
    drop(state);
    // It may sleep by itself.
    reception.news.notify_one();
    true
}

/// Runs a future that never blocks on the background thread of the process, to its end. For transports.
/// A process that [lingers](crate::linger) does not wait for it, unless it holds a
/// [`Lingering`](crate::transport::Lingering).
pub fn run(future: impl Future<Output = ()> + Send + 'static) {
    drop(spawn(future));
}

/// A message of a handshake that is under way is about to come: the thread does not sleep for a little while. A
/// handshake has several, and would pay a wake-up for each. To be called on the reception thread.
pub(crate) fn expect_news() {
    Reception::get().state.lock().soon = Instant::now().checked_add(SOON);
}

/// Starts a job on the reception thread.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Job {
    let job = Arc::new(JobInner {
        future: Mutex::new(Some(Box::pin(future))),
        queued: AtomicBool::new(false),
        cancelled: AtomicBool::new(false),
    });
    job.clone().wake();
    Job(job)
}

/// A job on the reception thread. Goes on when this is dropped.
#[derive(Clone)]
pub(crate) struct Job(Arc<JobInner>);

impl Job {
    /// Has the future dropped: right here, or if it is in the middle of a long poll, after that.
    pub(crate) fn cancel(&self) {
        // Release, with the Acquire load in `run`.
        self.0.cancelled.store(true, Ordering::Release);
        // On the reception thread only the job itself can be in the middle of a poll.
        let limit = if Reception::is_current() {
            Duration::ZERO
        } else {
            LONGEST_POLL
        };
        match self.0.future.try_lock_for(limit) {
            Some(mut slot) => {
                let future = slot.take();
                drop(slot);
                drop_quietly(future);
            }
            None => self.0.clone().wake(),
        }
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Has `waker` woken on the background thread, at a moment from `from` to `until` that suits the thread best: many
/// that may be a little late cost it one wake-up. Never blocks; nor may the waker. For transports: what is to be done
/// a little later needs no future.
pub fn wake_between(from: Instant, until: Instant, waker: Waker) {
    let reception = Reception::get();
    let mut state = reception.state.lock();
    let due = state.timers.join(from, until, waker);
    reception.call_by(due, state);
}

/// A waker is anybody's code: one that panics costs its own task, not the thread.
fn wake_quietly(waker: Waker) {
    if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
        tracing::error!(target: "channel", "a waker panicked on the reception thread");
    }
}

/// A transport's bug costs its own connection, not the thread that drops it.
fn drop_quietly(future: Option<Work>) {
    if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
        tracing::error!(target: "channel", "a transport panicked when it was dropped");
    }
}

struct JobInner {
    future: Mutex<Option<Work>>,
    queued: AtomicBool,
    cancelled: AtomicBool,
}

impl Wake for JobInner {
    fn wake(self: Arc<Self>) {
        // AcqRel, with the swap in `run`: what came before a wake that finds the job queued is seen
        // by the poll.
        if !self.queued.swap(true, Ordering::AcqRel) {
            let reception = Reception::get();
            let mut state = reception.state.lock();
            state.ready.push_back(self);
            reception.call(state);
        }
    }
}

impl JobInner {
    fn run(self: Arc<Self>) {
        // AcqRel, with the swap in `wake`.
        self.queued.swap(false, Ordering::AcqRel);
        let mut slot = self.future.lock();
        let Some(future) = &mut *slot else { return };
        // Acquire, with the Release store in `cancel`.
        let over = self.cancelled.load(Ordering::Acquire) || {
            let waker = Waker::from(self.clone());
            let mut cx = Context::from_waker(&waker);
            let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
            if poll.is_err() {
                // A transport's bug costs its own connection, not the thread.
                tracing::error!(target: "channel", "a transport panicked on the reception thread");
            }
            !matches!(poll, Ok(Poll::Pending))
        };
        if over {
            // Before the lock is released: whoever cancels it at this moment waits for that.
            drop_quietly(slot.take());
        }
    }
}

impl Drop for JobInner {
    fn drop(&mut self) {
        drop_quietly(self.future.get_mut().take());
    }
}

struct Reception {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<JobInner>>,
    timers: Timers,
    sleeper: Option<&'static dyn Sleeper>,
    /// News are expected until then.
    soon: Option<Instant>,
    /// The thread sleeps, and nobody has called it.
    asleep: bool,
    /// Until then at most, if it sleeps.
    until: Option<Instant>,
}

static THREAD: OnceLock<ThreadId> = OnceLock::new();

impl Reception {
    fn get() -> &'static Reception {
        static RECEPTION: OnceLock<Reception> = OnceLock::new();
        static STARTED: AtomicBool = AtomicBool::new(false);
        let reception = RECEPTION.get_or_init(|| Reception {
            state: Mutex::default(),
            news: Condvar::new(),
        });
        // Relaxed: who starts the thread hands it all that it needs.
        if !STARTED.load(Ordering::Relaxed) && !STARTED.swap(true, Ordering::Relaxed) {
            let thread = std::thread::Builder::new().name("channel-reception".into());
            if let Err(error) = thread.spawn(|| reception.run()) {
                // No panic in whoever writes or listens: the jobs keep, and the next need tries
                // again.
                STARTED.store(false, Ordering::Relaxed);
                tracing::error!(
                    target: "channel", %error,
                    "the reception thread cannot be started: raise the limit of threads"
                );
            }
        }
        reception
    }

    fn is_current() -> bool {
        THREAD.get() == Some(&std::thread::current().id())
    }

    fn run(&self) -> ! {
        THREAD.get_or_init(|| std::thread::current().id());
        let mut state = self.state.lock();
        let mut turns = 0;
        loop {
            for _ in 0..JOBS_BETWEEN_TIMERS {
                let Some(job) = state.ready.pop_front() else {
                    break;
                };
                drop(state);
                job.run();
                state = self.state.lock();
                turns += 1;
            }
            let now = Instant::now();
            if turns >= TURNS_BETWEEN_LOOKS
                && let Some(sleeper) = state.sleeper
            {
                drop(state);
                sleeper.sleep(Some(now));
                state = self.state.lock();
                turns = 0;
            }
            match state.timers.first() {
                Some(due) if due <= now => {
                    let over = state.timers.take(now);
                    drop(state);
                    turns += over.len();
                    over.into_values().for_each(wake_quietly);
                    state = self.state.lock();
                }
                _ if !state.ready.is_empty() => {}
                _ if let Some(sleeper) = state.sleeper
                    && state.soon.is_some_and(|soon| now < soon) =>
                {
                    drop(state);
                    sleeper.sleep(Some(now));
                    std::thread::yield_now();
                    state = self.state.lock();
                }
                until => {
                    state.soon = None;
                    state.asleep = true;
                    state.until = until;
                    match (state.sleeper, until) {
                        (Some(sleeper), until) => {
                            drop(state);
                            sleeper.sleep(until);
                            state = self.state.lock();
                        }
                        (None, Some(until)) => drop(self.news.wait_until(&mut state, until)),
                        (None, None) => self.news.wait(&mut state),
                    }
                    state.asleep = false;
                    turns = 0;
                }
            }
        }
    }

    /// Has the thread look at a new timer in `state` by `due`.
    fn call_by(&self, due: Instant, state: MutexGuard<'_, State>) {
        // A thread that sleeps looks at all timers when it wakes up, and that is early enough: not later than
        // this, whoever it sleeps in.
        if state.until.is_none_or(|until| due < until) {
            self.call(state);
        }
    }

    /// Has the thread look at what changed in `state`.
    fn call(&self, mut state: MutexGuard<'_, State>) {
        // The thread itself looks before it sleeps again: a sleep that has woken somebody ends.
        if !state.asleep || Reception::is_current() {
            return;
        }
        state.asleep = false;
        let sleeper = state.sleeper;
        drop(state);
        match sleeper {
            Some(sleeper) => sleeper.wake(),
            None => drop(self.news.notify_one()),
        }
    }
}

/// Lets other jobs run, and a time limit around this one be seen.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
