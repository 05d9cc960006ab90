//! An honest channel in the same process: bytes go round all the while, and are checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use channel::Channel;
use tempfile::TempDir;

use crate::support::thread::{Going, go};
use crate::support::{LIMIT, at, broker, check, eventually, fill, listen};

const PORT: u16 = 1;
const PIECE: usize = 4096;

pub struct Bystander {
    rounds: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    ends: [Going<()>; 2],
}

pub fn start(directory: &TempDir) -> Bystander {
    let place = at(directory.path(), "bystander");
    let server = listen(&place);
    let connecting = go(move || broker("honest").connect_at(&place, PORT, Some(LIMIT)));
    let near = server.accept_timeout(PORT, LIMIT).unwrap();
    let far = connecting.join("an honest connect").unwrap();
    let rounds = Arc::<AtomicU64>::default();
    let stop = Arc::<AtomicBool>::default();
    let counts = (rounds.clone(), stop.clone());
    Bystander {
        rounds,
        stop,
        ends: [go(move || throw(near, &counts)), go(move || echo(far))],
    }
}

fn throw(mut channel: Channel, (rounds, stop): &(Arc<AtomicU64>, Arc<AtomicBool>)) {
    let mut buf = vec![0; PIECE];
    while !stop.load(Ordering::Relaxed) {
        let at = rounds.load(Ordering::Relaxed) * PIECE as u64;
        fill(3, at, &mut buf);
        channel.write_all_timeout(&buf, LIMIT).unwrap();
        channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
        check(3, at, &buf);
        rounds.fetch_add(1, Ordering::Relaxed);
        // It leaves the processors to the others.
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn echo(mut channel: Channel) {
    let mut buf = vec![0; PIECE];
    while let Ok(n @ 1..) = channel.read(&mut buf) {
        channel.write_all(&buf[..n]).unwrap();
    }
}

impl Bystander {
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    #[track_caller]
    pub fn wait_for_rounds(&self, count: u64) {
        eventually("the bystanders go on", || {
            assert!(!self.ends.iter().any(Going::is_over));
            self.rounds() >= count
        });
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for end in self.ends {
            end.join("a bystander");
        }
    }
}
