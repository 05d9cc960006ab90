//! The hostile process.

use std::os::fd::OwnedFd;
use std::path::Path;

use crate::MOST;
use crate::support::raw::{self, HEADER, Raw};
use crate::support::{Rng, fill};
use crate::victim::{DOWN, PORT, Phase, is_kept};
use transport_testkit::process::{given, tell, wait_for_word};

/// What is scribbled on.
const TARGETS: [u64; 13] = [
    raw::HEAD,
    raw::TAIL,
    raw::STATE,
    raw::PRODUCER_SLEEPS,
    raw::CONSUMER_SLEEPS,
    raw::MAGIC,
    raw::VERSION,
    raw::POINTER_BITS,
    raw::CAPACITY,
    raw::END,
    raw::READ,
    ANYWHERE,
    DATA,
];
/// Some place in the header.
const ANYWHERE: u64 = u64::MAX;
/// Some place in the data.
const DATA: u64 = u64::MAX - 1;

// Not a test: what the other process runs.
#[test]
fn the_scribbler() {
    let Some(given) = given() else { return };
    let [directory, seed, scribbles] = given.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{given}");
    };
    let (directory, seed) = (Path::new(directory), seed.parse().unwrap());
    let mut left: u64 = scribbles.parse().unwrap();
    let listener = raw::bound(directory, "scribbler");
    for number in 0.. {
        if left == 0 {
            break;
        }
        tell("next");
        let mut rng = Rng::new(seed, number);
        let count = (1 + rng.below(MOST)).min(left);
        left -= count;
        if Phase::of(number) == Phase::Meeting {
            disturb(directory, &listener, number, count, &mut rng);
            tell("done");
            continue;
        }
        let raw = match number % 2 {
            0 => Raw::connect(directory, "victim", PORT),
            _ => Raw::accept(&listener, DOWN),
        };
        // The victim has the channel.
        wait_for_word();
        scribble(&raw, number, count, &mut rng);
        tell("done");
        // Else it leaves at once.
        if is_kept(number) {
            while !raw::receive(&raw.socket).0.is_empty() {}
        }
    }
    tell("over");
}

/// Before, during and after a hello.
fn disturb(directory: &Path, listener: &OwnedFd, number: u64, count: u64, rng: &mut Rng) {
    let dials = number.is_multiple_of(2);
    let raw = match dials {
        true => Raw::dial(directory, "victim"),
        false => Raw::offer(listener, DOWN),
    };
    scribble(&raw, number, count / 2, rng);
    if dials {
        let mut bytes = raw::hello("victim", PORT);
        bytes.truncate(rng.length(1 << 8) as usize);
        raw.write(&bytes);
    }
    scribble(&raw, number, count - count / 2, rng);
}

fn scribble(raw: &Raw, number: u64, count: u64, rng: &mut Rng) {
    // Few words a channel: or the first scribbles would end it, always in the same way.
    let targets: Vec<u64> = (0..=rng.below(3))
        .map(|_| TARGETS[rng.below(TARGETS.len() as u64) as usize])
        .collect();
    let mut sent = 0;
    for _ in 0..count {
        // Between scribbles, it takes part.
        for _ in 0..rng.below(4) {
            let mut bytes = vec![0; rng.length(8192) as usize];
            fill(number, sent, &mut bytes);
            sent += raw.write(&bytes) as u64;
            raw.read(rng.length(8192) as usize);
        }
        let ring = rng.below(2) as usize;
        let target = targets[rng.below(targets.len() as u64) as usize];
        let capacity = raw.rings[ring].1;
        let at = match target {
            ANYWHERE => rng.below(HEADER - 8),
            DATA => HEADER + rng.below(capacity - 8),
            word => word,
        };
        let value = value(raw.get(ring, at), capacity, rng).to_ne_bytes();
        let width = match target {
            raw::HEAD | raw::TAIL | raw::END | raw::READ => 8,
            ANYWHERE | DATA => 1 + rng.below(8) as usize,
            _ => 4,
        };
        raw.set(ring, at, &value[..width]);
        match rng.below(4) {
            0 => {}
            1 => std::thread::yield_now(),
            _ => raw.ring_all(),
        }
    }
    raw.ring_all();
}

/// A value that may be likely, or not at all.
fn value(now: u64, capacity: u64, rng: &mut Rng) -> u64 {
    match rng.below(9) {
        0 => rng.next(),
        1 => 0,
        2 => u64::MAX,
        3 => rng.below(16),
        4 => now ^ (1 << rng.below(64)),
        5 => now.wrapping_add(rng.below(capacity + 2)),
        6 => now.wrapping_sub(rng.below(capacity + 2)),
        7 => now.wrapping_add(rng.below(16)),
        // A decision, near a position.
        _ => now.wrapping_add(rng.below(16)) | 1 << 63,
    }
}
