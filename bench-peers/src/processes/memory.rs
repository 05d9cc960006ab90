//! What a channel through shared memory takes while nothing happens on it.

use super::other::{First, Other};
use super::ours::{PORT, broker, listen};
use channel::{Broker, Channel, Endpoint, Reader, Writer};

/// What a channel takes, both processes together where not said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes of the memory that both processes map.
    pub mapped: u64,
    /// Bytes of either process's own memory: of the one that dialled, and of the one that listened.
    pub own: [u64; 2],
    /// Descriptors of either process.
    pub descriptors: [f64; 2],
}

/// What a process takes now.
#[derive(Clone, Copy)]
struct Taken {
    mapped: u64,
    own: u64,
    descriptors: usize,
}

impl Taken {
    fn by(process: u32) -> Self {
        let file = |name: &str| format!("/proc/{process}/{name}");
        let read = |name: &str| std::fs::read_to_string(file(name)).expect("a process of ours");
        let mapped = read("maps").lines().filter_map(length_if_shared).sum();
        let rollup = read("smaps_rollup");
        let line = rollup.lines().find(|line| line.starts_with("Pss_Anon:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        Self {
            mapped,
            own: 1024 * kib.expect("a number"),
            descriptors: std::fs::read_dir(file("fd")).expect("ours").count(),
        }
    }
}

/// The length of a mapping of memory that was made to be shared: a line such as
/// `7f3c00000000-7f3c00021000 rw-s 00000000 00:01 1234 /memfd:channel-shm (deleted)`.
fn length_if_shared(line: &str) -> Option<u64> {
    let (from, to) = line.split_once(' ')?.0.split_once('-')?;
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    line.contains("/memfd:channel-shm")
        .then_some(number(to)? - number(from)?)
}

/// Whether an idle side waits for more, which has it give back what it has read into.
#[derive(Clone, Copy, PartialEq)]
pub enum Idle {
    /// It waits for bytes, with a waker.
    Waiting,
    /// It has left the channel alone since the last byte.
    Alone,
}

fn idle(channel: Channel, idle: Idle) -> (Reader, Writer) {
    let (mut reader, writer) = channel.split();
    if idle == Idle::Waiting {
        assert!(reader.try_read(&mut [0]).is_err(), "nobody has written");
    }
    (reader, writer)
}

/// Connects and has a byte echoed: after that, neither side is still connecting.
fn dial(client: &Broker, at: &Endpoint, how: Idle) -> (Reader, Writer) {
    let mut channel = client.connect_at(at, PORT, None).expect("the server lives");
    channel.write_all(b"x").expect("the channel is open");
    channel.read_exact(&mut [0]).expect("an answer");
    idle(channel, how)
}

/// Measures `count` channels of that capacity; the other process is started with those arguments.
pub fn memory(arguments: &[&str], count: usize, capacity: usize, how: Idle) -> Cost {
    let other = Other::start(arguments);
    let at = other.at.parse().expect("an endpoint");
    let client = broker("client", capacity);
    let taken = || [std::process::id(), other.id()].map(Taken::by);
    // What is made once is made for this one.
    let _first = dial(&client, &at, how);
    // SAFETY: it only gives pages back that nobody uses: what earlier measurements left would serve for the
    // channels, and not be counted.
    unsafe { libc::malloc_trim(0) };
    let before = taken();
    let channels: Vec<_> = (0..count).map(|_| dial(&client, &at, how)).collect();
    let after = taken();
    drop(channels);
    let each = |more: u64, less: u64| more.saturating_sub(less) / count as u64;
    let both = [0, 1].map(|process| (after[process], before[process]));
    Cost {
        mapped: each(after[0].mapped, before[0].mapped),
        own: both.map(|(after, before)| each(after.own, before.own)),
        descriptors: both
            .map(|(after, before)| (after.descriptors - before.descriptors) as f64 / count as f64),
    }
}

/// The other process: holds one channel more than `count`.
pub fn hold(count: usize, capacity: usize, how: Idle) {
    let (server, at) = listen(capacity);
    let first = First::tell(&at.to_string());
    let channels: Vec<_> = (0..1 + count)
        .map(|_| {
            let mut channel = server.accept(PORT).expect("the broker is open");
            let mut byte = [0];
            channel.read_exact(&mut byte).expect("a byte");
            channel.write_all(&byte).expect("the channel is open");
            idle(channel, how)
        })
        .collect();
    first.wait();
    drop(channels);
}
