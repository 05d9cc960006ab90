//! What the tests share.
#![allow(dead_code)]

pub mod raw;
pub mod thread;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use std::sync::atomic::{AtomicUsize, Ordering};

use channel::{Broker, Domain, Endpoint};
use tempfile::TempDir;
use transport_shm::Shm;
use transport_testkit::Subject;

/// Far more than anything here takes; a test that hangs fails instead.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A runtime directory of a test's own, removed when it is dropped.
pub fn runtime_directory() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.permissions(Permissions::from_mode(0o700));
    builder.tempdir().unwrap()
}

/// `shm://NAME` in a directory.
pub fn at(directory: &Path, name: &str) -> Endpoint {
    let endpoint = Endpoint::new("shm", name).unwrap();
    endpoint
        .with_option("dir", directory.to_str().unwrap())
        .unwrap()
}

/// What lies in a directory, sorted.
pub fn files(directory: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    files
}

/// A domain that knows `shm:`.
pub fn shm_domain() -> Domain {
    let domain = Domain::new();
    domain.add(Shm::new());
    domain
}

/// A broker in a domain of its own that knows `shm:`.
pub fn broker(name: &str) -> Broker {
    shm_domain().broker(name).unwrap()
}

/// A broker that listens; its name is that of the endpoint.
pub fn listen(at: &Endpoint) -> Broker {
    let broker = broker(at.authority());
    broker.listen(at).unwrap();
    broker
}

/// Waits for something that nothing tells of.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < until, "never came true: {what}");
        std::thread::yield_now();
    }
}

/// How many rings are mapped into this process.
pub fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.matches("memfd:channel-shm").count()
}

/// The byte at a position of stream `seed`.
pub fn byte(seed: u64, at: u64) -> u8 {
    let mixed = (at ^ seed.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// The bytes of a stream from a position on.
pub fn fill(seed: u64, at: u64, buf: &mut [u8]) {
    for (i, place) in buf.iter_mut().enumerate() {
        *place = byte(seed, at + i as u64);
    }
}

/// Fails unless `buf` is what stands in a stream from a position on.
#[track_caller]
pub fn check(seed: u64, at: u64, buf: &[u8]) {
    for (i, &found) in buf.iter().enumerate() {
        let at = at + i as u64;
        assert_eq!(found, byte(seed, at), "at byte {at} of stream {seed}");
    }
}

/// Random numbers (splitmix64): the same ones for a seed on every machine.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// `part`: of the many that one seed stands for.
    pub fn new(seed: u64, part: u64) -> Rng {
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

    /// Below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Of many orders of magnitude: small ones are as likely as large ones.
    pub fn length(&mut self, most: u64) -> u64 {
        let bits = self.below(u64::from(most.ilog2()) + 1);
        1 + self.below(1 << bits)
    }
}

/// How often a test does what it does: the value of a variable, or what an ordinary run can bear.
pub fn times(variable: &str, ordinary: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => ordinary,
    }
}

/// Tells whoever runs the tests, past the harness, which keeps what a passing test prints.
pub fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
}

/// A place that nobody else uses, where a broker can listen.
pub fn place(broker: &str) -> Endpoint {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let place = format!("test-{}-{number}", std::process::id());
    let place = Endpoint::new("shm", &place).unwrap();
    place.with_broker(broker).unwrap()
}

pub struct SharedMemory {
    pub live_memory: Option<fn() -> usize>,
    pub large: usize,
}

impl Subject for SharedMemory {
    fn name(&self) -> &str {
        "shm"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Shm::new());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        place(broker)
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        self.live_memory
    }

    fn large(&self) -> usize {
        self.large
    }
}
