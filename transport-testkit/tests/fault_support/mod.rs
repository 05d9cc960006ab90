//! What the tests of the fault injector share: worlds over two transports, styles, watchdogs.
#![allow(dead_code)]

#[path = "../../../channel/tests/third_party/unix.rs"]
pub mod unix;

use std::future::Future;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use channel::mem::Mem;
use channel::{Broker, Channel, Domain, Endpoint, Options, ReadError, Reader};
use transport_testkit::fault::{Fault, Fired, Plan};

use unix::Unix;

/// How long anything may take before it counts as hanging: machines are slow and shared.
pub const LONG: Duration = Duration::from_secs(120);

/// Runs `work` on a thread of its own, and fails instead of hanging.
#[track_caller]
pub fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
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

/// A directory of its own, for sockets; gone in the end.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fault-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Mem,
    Unix,
}

pub const BOTH: [Over; 2] = [Over::Mem, Over::Unix];

enum Injector {
    Mem(Fault<Mem>),
    Unix(Fault<Unix>),
}

/// A domain with a faulty transport, a server that listens there, and a client.
pub struct World {
    injector: Injector,
    pub domain: Domain,
    pub server: Broker,
    pub client: Broker,
    at: Endpoint,
    _directory: Directory,
}

impl World {
    pub fn new(over: Over, plan: Plan) -> World {
        World::with(over, plan, &Options::default())
    }

    pub fn with(over: Over, plan: Plan, options: &Options) -> World {
        let directory = Directory::new();
        let domain = Domain::new();
        let (injector, at) = match over {
            Over::Mem => {
                let fault = Fault::new(Mem::new(), plan);
                domain.add(fault.clone());
                (Injector::Mem(fault), "fault+mem://server")
            }
            Over::Unix => {
                let fault = Fault::new(Unix::new(&directory.0), plan);
                domain.add(fault.clone());
                (Injector::Unix(fault), "fault+unix://socket/server")
            }
        };
        let server = domain.broker_with("server", options.clone()).unwrap();
        let client = domain.broker_with("client", options.clone()).unwrap();
        let at: Endpoint = at.parse().unwrap();
        server.listen(&at).unwrap();
        World {
            injector,
            domain,
            server,
            client,
            at,
            _directory: directory,
        }
    }

    /// Where the server listens, with options for this connect.
    pub fn at(&self, options: &[(&str, &str)]) -> Endpoint {
        options.iter().fold(self.at.clone(), |at, (key, value)| {
            at.with_option(key, value).unwrap()
        })
    }

    /// The two ends of a rendezvous: the acceptor's and the connector's.
    pub fn pair(&self, options: &[(&str, &str)]) -> (Channel, Channel) {
        let server = self.server.clone();
        let accepting = thread::spawn(move || server.accept_timeout(1, LONG).unwrap());
        let connected = self.client.connect_at(&self.at(options), 1, Some(LONG));
        (accepting.join().unwrap(), connected.unwrap())
    }

    pub fn fired(&self) -> Fired {
        match &self.injector {
            Injector::Mem(fault) => fault.fired(),
            Injector::Unix(fault) => fault.fired(),
        }
    }
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

pub fn counter() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
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

/// A small generator of random numbers (splitmix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Byte `at` of a stream that repeats only after a long while.
pub fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

pub fn pattern_bytes(from: u64, length: usize) -> Vec<u8> {
    (from..from + length as u64).map(pattern).collect()
}

/// Reads to the end of the stream, or to the error.
pub fn drain(reader: &mut Reader) -> (Vec<u8>, Result<(), ReadError>) {
    let mut all = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match reader.read_timeout(&mut buf, LONG) {
            Ok(0) => return (all, Ok(())),
            Ok(n) => all.extend_from_slice(&buf[..n]),
            Err(error) => return (all, Err(error)),
        }
    }
}
