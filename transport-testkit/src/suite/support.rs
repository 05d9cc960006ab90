//! What the tests share: threads, waiting for conditions, seeds, patterns.
//!
//! Nothing here sleeps in place of a condition, and every wait ends with the test's time limit.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::hung;
use crate::across::Peer;

thread_local! {
    /// When the test that this thread works for has to be over.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
    /// The other processes of this thread's test.
    static PEERS: RefCell<Vec<Arc<Peer>>> = const { RefCell::new(Vec::new()) };
}

/// Gives this thread's test its time limit.
pub(crate) fn set_limit(limit: Duration) {
    UNTIL.set(Instant::now().checked_add(limit));
}

/// This thread's test has another process now.
pub(crate) fn add_peer(peer: Arc<Peer>) {
    PEERS.with_borrow_mut(|peers| peers.push(peer));
}

/// This thread's test is over: how many other processes it had.
pub(crate) fn forget_peers() -> usize {
    let peers = PEERS.take();
    peers.len()
}

/// The time that is left for the test: what a call may take that is not about time limits.
pub(crate) fn left() -> Duration {
    match UNTIL.get() {
        Some(until) => until.saturating_duration_since(Instant::now()),
        None => Duration::from_secs(60),
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    while !condition() {
        assert!(!left().is_zero(), "never came true: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// A thread of a test. Its panic is the test's.
pub(crate) struct Going<T: Send + 'static> {
    /// Taken when it was joined.
    thread: Option<thread::JoinHandle<T>>,
    done: mpsc::Receiver<()>,
    id: Option<u64>,
}

/// Starts `work` on a thread of its own.
pub(crate) fn go<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Going<T> {
    let until = UNTIL.get();
    let (tell, told) = mpsc::channel();
    let (ends, done) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        UNTIL.set(until);
        // Dropped when the work is done, and also when it panics.
        let _ends = ends;
        let _ = tell.send(own_id());
        work()
    });
    let id = told.recv().ok().flatten();
    let thread = Some(thread);
    Going { thread, done, id }
}

/// Starts a blocking call on a thread of its own, and returns once that thread sleeps in it.
pub(crate) fn blocked<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Going<T> {
    let going = go(call);
    going.wait_asleep();
    going
}

impl<T: Send + 'static> Going<T> {
    /// The result; fails the test if it does not come.
    #[track_caller]
    pub(crate) fn join(mut self, what: &str) -> T {
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.done.recv_timeout(left()) {
            panic!("hangs: {what}");
        }
        let thread = self.thread.take().expect("joined once");
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.thread
            .as_ref()
            .is_none_or(thread::JoinHandle::is_finished)
    }

    /// Returns when the thread sleeps and goes on sleeping, or is over. A transport that never lets
    /// it sleep is given a second, and not blamed here.
    fn wait_asleep(&self) {
        wait_asleep(self.id, || self.is_over());
        // What is called for it in another process, too.
        PEERS.with_borrow(|peers| peers.iter().for_each(|peer| peer.settle()));
    }
}

/// Returns when a thread sleeps and goes on sleeping, or is over, or has not slept for a second.
pub(crate) fn wait_asleep(id: Option<u64>, is_over: impl Fn() -> bool) {
    let start = Instant::now();
    let (mut last, mut same) = (None, 0);
    while same < 3 && !is_over() && start.elapsed() < Duration::from_secs(1) {
        let now = id.and_then(state);
        let sleeps = now.as_ref().is_none_or(|now| now.0 == 'S');
        same = if sleeps && now == last { same + 1 } else { 0 };
        last = now;
        thread::sleep(Duration::from_millis(1));
    }
}

impl<T: Send + 'static> Drop for Going<T> {
    /// A test that fails leaves its threads alone; those that never end hold what they hold.
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread::panicking()
        {
            hung::leave(thread);
        }
    }
}

/// "PID/task/TID", where there is such a thing.
pub(crate) fn own_id() -> Option<u64> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// State letter of a thread, and how often it went to sleep.
fn state(id: u64) -> Option<(char, String)> {
    let status = std::fs::read_to_string(format!("/proc/self/task/{id}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    };
    let letter = field("State:")?.chars().next()?;
    Some((letter, field("voluntary_ctxt_switches:")?))
}

/// Drops `held` in a thread that panics.
pub(crate) fn panic_with(held: impl Send + 'static) {
    let thread = thread::spawn(move || {
        let _held = held;
        // Not `panic!`: nothing is to be printed.
        resume_unwind(Box::new("on purpose"));
    });
    assert!(thread.join().is_err());
}

/// The text of a panic.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_owned(),
        _ => "a panic without a text".to_owned(),
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A counting waker, and what it counts.
pub(crate) fn counter() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
}

/// A future that is polled by hand.
pub(crate) struct Polled<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Polled<T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Polled<T> {
        Polled(Box::pin(future))
    }

    /// Whether it is still pending after a poll that nobody is woken by.
    pub(crate) fn is_pending(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.0.as_mut().poll(&mut cx).is_pending()
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// A small generator of random numbers (splitmix64).
#[derive(Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// An independent generator for part `part` of a test.
    pub(crate) fn of(seed: u64, part: u64) -> Rng {
        let mut rng = Rng(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Spins for a random while, up to about `turns` turns.
    pub(crate) fn spin(&mut self, turns: usize) {
        for _ in 0..self.below(turns + 1) {
            std::hint::spin_loop();
        }
    }
}

/// Byte `at` of stream number `stream`: it repeats only after a long while.
pub(crate) fn pattern(stream: u64, at: usize) -> u8 {
    let x = (at as u64 ^ stream << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x >> 56) as u8
}

/// `length` bytes of a stream, from its byte `from` on.
pub(crate) fn bytes(stream: u64, from: usize, length: usize) -> Vec<u8> {
    (from..from + length)
        .map(|at| pattern(stream, at))
        .collect()
}
