//! Many channels share a link: who may send when, and who waits for whom.
//!
//! All of it shows T4: many channels share one cable fairly.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use link_mux::{ChannelId, Config, End, Pull, Reading, Stream};
use support::{Pair, Shared, read_all};

const FRAME: usize = 1024;
const HEAD: usize = 8;

fn config() -> Config {
    Config {
        max_frame: FRAME as u32,
        ..Config::default()
    }
}

/// A stream that always has something to send, of so many bytes at once, or nothing (0); and whose application
/// reads at once.
#[derive(Default)]
struct Endless {
    at_once: usize,
    read: u64,
}

impl Stream for Endless {
    fn capacity(&self) -> u32 {
        1 << 20
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        match self.at_once {
            0 => Pull::Empty,
            n => Pull::Bytes(n.min(out.len())),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.read += bytes.len() as u64;
    }

    fn reading(&mut self, _wanted: Option<u32>) -> Reading {
        Reading::On { read: self.read }
    }

    fn finish(&mut self, _end: End) {}
    fn stopped(&mut self, _read: u64, _end: End) {}
    fn lost(&mut self) {}
}

/// Busy channels from `a` to `b`.
struct Busy {
    pair: Pair,
    /// What each has had of the line, heads included.
    shares: BTreeMap<u16, usize>,
}

impl Busy {
    /// Each sends so many bytes at once. All begin together.
    fn new(sizes: impl IntoIterator<Item = usize>) -> Busy {
        let mut pair = Pair::up(&config());
        let mut begin = Vec::new();
        for size in sizes {
            let writer = Rc::new(RefCell::new(Endless::default()));
            let id = pair.join(writer.clone(), Rc::new(RefCell::new(Endless::default())));
            begin.push((id, writer, size));
        }
        for (id, writer, size) in &begin {
            writer.borrow_mut().at_once = *size;
            pair.a.touch(*id);
        }
        let shares = begin.iter().map(|(id, ..)| (id.get(), 0)).collect();
        Busy { pair, shares }
    }

    /// One frame's room on the line, and what follows from it; returns how much of it was used.
    fn step(&mut self) -> usize {
        let sent = self.pair.forth(FRAME);
        while !self.pair.back(FRAME).is_empty() {}
        let mut rest = &sent[..];
        while let [_, _, c0, c1, l0, l1, ..] = *rest {
            let frame = HEAD + usize::from(u16::from_be_bytes([l0, l1]));
            let channel = u16::from_be_bytes([c0, c1]);
            if let Some(share) = self.shares.get_mut(&channel) {
                *share += frame;
            }
            rest = &rest[frame..];
        }
        sent.len()
    }

    fn spread(&self) -> usize {
        let shares = self.shares.values();
        shares.clone().max().unwrap_or(&0) - shares.min().unwrap_or(&0)
    }
}

#[test]
fn busy_channels_get_equal_bytes_within_a_frame() {
    let mut busy = Busy::new([4 * FRAME; 20]);
    for frame in 0..1000 {
        assert!(busy.step() > 0);
        assert!(busy.spread() <= FRAME, "frame {frame}: {}", busy.spread());
    }
    assert!(busy.shares.values().all(|share| *share > 40 * FRAME));
}

/// It is bytes that are shared, not frames.
#[test]
fn channels_with_small_frames_get_as_many_bytes() {
    let sizes = [40, 100, 500, 5 * FRAME];
    let mut busy = Busy::new((0..20).map(|i| sizes[i % sizes.len()]));
    for frame in 0..3000 {
        assert!(busy.step() > 0);
        // A share may be overdrawn by its last frame, and one channel may be a round ahead of another.
        assert!(
            busy.spread() <= 2 * FRAME,
            "frame {frame}: {}",
            busy.spread()
        );
    }
    assert!(busy.shares.values().all(|share| *share > 40 * FRAME));
}

#[test]
fn who_becomes_active_waits_for_one_frame_at_most() {
    let mut busy = Busy::new([4 * FRAME; 20]);
    let (id, near, far) = busy.pair.open(1000, 1000);
    for round in 0..100 {
        for _ in 0..30 + round % 27 {
            busy.step();
        }
        // A frame is on the line already; which is next, is decided after this.
        near.borrow_mut().write(b"now");
        busy.pair.a.touch(id);
        busy.step();
        assert_eq!(read_all(&far), 3, "round {round}");
        busy.pair.b.touch(id);
    }
}

/// Who is always active with something small takes its turn as the others do.
#[test]
fn small_frames_do_not_go_ahead_for_ever() {
    let mut busy = Busy::new([&[4 * FRAME][..], &[30; 10]].concat());
    for frame in 0..3000 {
        busy.step();
        assert!(
            busy.spread() <= 2 * FRAME,
            "frame {frame}: {}",
            busy.spread()
        );
    }
}

#[test]
fn a_stalled_channel_costs_the_others_nothing() {
    let mut busy = Busy::new([4 * FRAME; 19]);
    let (id, near, _far) = busy.pair.open(100, 4000);
    near.borrow_mut().write(&[0; 4000]);
    busy.pair.a.touch(id);
    let sent: usize = (0..1000).map(|_| busy.step()).sum();
    let got: usize = busy.shares.values().sum();
    assert!(busy.spread() <= 2 * FRAME);
    assert!(sent > 999 * FRAME, "the line was not used: {sent}");
    // All but what the stalled one was granted.
    assert_eq!(sent - got, 100 + HEAD);
}

/// Credit goes ahead of data, but there can be more of it than the line carries: where the windows are tiny.
#[test]
fn credit_without_end_leaves_room_for_data() {
    let mut pair = Pair::up(&Config {
        max_frame: 64,
        ..Config::default()
    });
    // From b to a, byte by byte; each costs a message from a to b.
    let tiny: Vec<(ChannelId, Shared, Shared)> = (0..60).map(|_| pair.open(1, 1)).collect();
    let (id, near, far) = pair.open(100, 100);
    near.borrow_mut().write(&[0; 100]);
    pair.a.touch(id);
    let mut got = 0;
    for _ in 0..100 {
        for (id, near, far) in &tiny {
            far.borrow_mut().write(b"x");
            pair.b.touch(*id);
            read_all(near);
            pair.a.touch(*id);
        }
        while !pair.back(1 << 16).is_empty() {}
        pair.forth(64);
        got += read_all(&far);
        pair.b.touch(id);
    }
    assert_eq!(got, 100);
}
