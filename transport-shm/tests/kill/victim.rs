//! The process that is killed, and what it leaves as its testimony.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use channel::Channel;
use message_queue::MessageQueue;

use crate::support::thread::go;
use crate::support::{LIMIT, Rng, broker, check, fill, listen};
use transport_testkit::process::{given, tell};

pub const PORT: u16 = 7;

/// The streams of a channel: from the victim, and to it.
pub const FROM_VICTIM: u64 = 1;
pub const TO_VICTIM: u64 = 2;

/// The longest message, in bytes: some times the ring.
pub const LONGEST: u64 = 1 << 18;

/// Figures of the victim, in a file: the kernel has them, whenever it dies.
pub struct Report(File);

/// Which figure.
#[derive(Clone, Copy)]
pub enum Figure {
    /// What it is about to have written: bytes, or messages.
    Intended,
    /// What it has written, as it was told.
    Written,
    /// What it is about to have read at most.
    Asked,
    /// What it has read.
    Read,
}

impl Report {
    pub fn create(path: &Path) -> Report {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        Report(options.open(path).unwrap())
    }

    fn set(&self, figure: Figure, value: u64) {
        self.0
            .write_all_at(&value.to_ne_bytes(), figure as u64 * 8)
            .unwrap();
    }

    /// 0 if nothing was said.
    pub fn get(&self, figure: Figure) -> u64 {
        let mut value = [0; 8];
        let _ = self.0.read_exact_at(&mut value, figure as u64 * 8);
        u64::from_ne_bytes(value)
    }
}

// Not a test: what the victim runs.
#[test]
fn the_victim() {
    let Some(given) = given() else { return };
    let words: Vec<&str> = given.split(' ').collect();
    let [side, at, report, what, ref numbers @ ..] = words[..] else {
        panic!("{given}");
    };
    let numbers: Vec<u64> = numbers.iter().map(|n| n.parse().unwrap()).collect();
    let report = Report(File::options().write(true).open(report).unwrap());
    let at = at.parse().unwrap();
    let meet: Arc<dyn Fn() -> Channel + Send + Sync> = if side == "Listener" {
        let broker = listen(&at);
        tell("listening");
        Arc::new(move || broker.accept_timeout(PORT, LIMIT).unwrap())
    } else {
        let broker = broker("dialler");
        Arc::new(move || broker.connect_at(&at, PORT, Some(LIMIT)).unwrap())
    };
    match (what, &numbers[..]) {
        ("bytes", &[seed, writes, reads]) => bytes(meet(), report, seed, writes, reads),
        ("messages", &[seed]) => messages(meet(), &report, seed),
        ("meetings", &[threads]) => meetings(&meet, threads),
        _ => panic!("{given}"),
    }
}

/// Writes and reads so much of the two streams, then does nothing.
fn bytes(channel: Channel, report: Report, seed: u64, writes: u64, reads: u64) {
    let (mut reader, mut writer) = channel.split();
    let report = Arc::new(report);
    let also = report.clone();
    let reading = go(move || {
        let mut rng = Rng::new(seed, 1);
        let mut buf = vec![0; 1 << 16];
        let mut at = 0;
        while at < reads {
            let most = rng.length(1 << 16).min(reads - at);
            report.set(Figure::Asked, at + most);
            let n = reader.read(&mut buf[..most as usize]).unwrap();
            assert!(n > 0);
            check(TO_VICTIM, at, &buf[..n]);
            at += n as u64;
            report.set(Figure::Read, at);
        }
        reader
    });
    let mut rng = Rng::new(seed, 2);
    let mut buf = vec![0; 1 << 16];
    let mut at = 0;
    while at < writes {
        let most = rng.length(1 << 16).min(writes - at);
        let bytes = &mut buf[..most as usize];
        fill(FROM_VICTIM, at, bytes);
        also.set(Figure::Intended, at + most);
        at += writer.write(bytes).unwrap() as u64;
        also.set(Figure::Written, at);
    }
    let _reader = reading.join("the victim's reading, until it is killed");
    park();
}

/// Sends messages without end.
fn messages(channel: Channel, report: &Report, seed: u64) {
    let queue = MessageQueue::new(channel);
    let mut rng = Rng::new(seed, 1);
    for number in 0.. {
        let mut message = vec![0; rng.length(LONGEST) as usize];
        fill(number, 0, &mut message);
        report.set(Figure::Intended, number + 1);
        queue.send(&message).unwrap();
        report.set(Figure::Written, number + 1);
    }
}

/// What each channel says in `meetings`.
pub const WORDS: &[u8; 16] = b"here is a victim";

/// Opens one channel after the other.
fn meetings(meet: &Arc<dyn Fn() -> Channel + Send + Sync>, threads: u64) {
    tell("off we go");
    for _ in 0..threads {
        let meet = meet.clone();
        std::thread::spawn(move || {
            loop {
                let mut channel = meet();
                let _ = channel.write_all(WORDS);
            }
        });
    }
    park();
}

fn park() {
    loop {
        std::thread::park();
    }
}
