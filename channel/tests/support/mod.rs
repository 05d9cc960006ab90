//! What the tests share: pairs of channels, watchdogs, seeds, wakers that count.
#![allow(dead_code)]

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Domain, Options};

pub mod thread_state;

/// How long anything may take before it counts as hanging: machines are slow and shared.
pub const LONG: Duration = Duration::from_secs(60);

/// Runs `work` on a thread of its own, and fails instead of hanging.
#[track_caller]
pub fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        // Dropped when the work is done, and also when it panics.
        let _done = done;
        work()
    });
    match is_done.recv_timeout(LONG) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: hangs, no end after {LONG:?}"),
        _ => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
    }
}

/// Waits until `condition` holds; fails after a long time.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "never came true: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Two connected channels in a domain of their own: the acceptor's and the connector's. The brokers
/// are gone by the time it returns.
pub fn pair() -> (Channel, Channel) {
    pair_with(&Options::default())
}

/// As [`pair`], with buffers of `capacity` bytes both ways.
pub fn pair_of(capacity: usize) -> (Channel, Channel) {
    pair_with(&Options::new().with_capacity(capacity))
}

pub fn pair_with(options: &Options) -> (Channel, Channel) {
    let domain = Domain::new();
    let server = domain.broker_with("server", options.clone()).unwrap();
    let client = domain.broker_with("client", options.clone()).unwrap();
    meet(&server, &client, 1)
}

/// The two ends of a rendezvous of two brokers, without a second thread.
pub fn meet(server: &Broker, client: &Broker, port: u16) -> (Channel, Channel) {
    let mut accepting = Task::new(server.accept_async(port));
    assert!(accepting.poll().is_pending(), "nobody connects yet");
    let connected = client.try_connect(server.name(), port).unwrap();
    let accepted = accepting.poll();
    let Poll::Ready(Ok(accepted)) = accepted else {
        panic!("not accepted: {accepted:?}");
    };
    (accepted, connected)
}

/// A waker that counts.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A counting waker, and what it counts.
pub fn counter() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
}

/// A future that is polled by hand, and told when it was woken.
pub struct Task<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    pub wakes: Arc<Wakes>,
    waker: Waker,
}

impl<T> Task<T> {
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        let (wakes, waker) = counter();
        Task {
            future: Box::pin(future),
            wakes,
            waker,
        }
    }

    pub fn poll(&mut self) -> Poll<T> {
        self.future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
    }

    #[track_caller]
    pub fn expect_ready(&mut self, what: &str) -> T {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("{what}: still pending"),
        }
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// The seed of a randomised test: of the environment, or of the clock. It is printed.
pub fn seed(test: &str) -> u64 {
    let seed = match std::env::var("CHANNEL_TEST_SEED") {
        Ok(text) => text.parse().expect("CHANNEL_TEST_SEED is a number"),
        Err(_) => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |time| time.as_nanos() as u64 & 0xffff_ffff),
    };
    println!("{test}: replay with CHANNEL_TEST_SEED={seed}");
    seed
}

/// A small generator of random numbers (splitmix64).
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// An independent generator for part `part` of a test.
    pub fn of(seed: u64, part: u64) -> Rng {
        let mut rng = Rng(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        rng.next();
        rng
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Spins for a random while, up to about `turns` turns.
    pub fn spin(&mut self, turns: u64) {
        for _ in 0..self.below(turns + 1) {
            std::hint::spin_loop();
        }
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Byte `at` of a stream that repeats only after a long while.
pub fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

pub fn pattern_bytes(from: u64, length: usize) -> Vec<u8> {
    (from..from + length as u64).map(pattern).collect()
}

/// Reads to the end of the stream.
pub fn drain(channel: &mut channel::Reader) -> Result<Vec<u8>, (Vec<u8>, channel::ReadError)> {
    let mut all = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match channel.read(&mut buf) {
            Ok(0) => return Ok(all),
            Ok(n) => all.extend_from_slice(&buf[..n]),
            Err(error) => return Err((all, error)),
        }
    }
}
