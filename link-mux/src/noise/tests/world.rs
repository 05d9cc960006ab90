//! Two ends, and a line between them that damages what it carries: seeded, with virtual time.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use core::time::Duration;

use crate::noise::{Noise, NoiseConfig, NoiseEvent};

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash(self.0)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True once in `one_in`; never for 0.
    pub fn once_in(&mut self, one_in: usize) -> bool {
        one_in != 0 && self.below(one_in) == 0
    }
}

fn hash(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a line does to its bytes: each once in so many, 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Harm {
    pub damage: usize,
    pub lose: usize,
    pub insert: usize,
    pub repeat: usize,
}

/// One direction of a line.
pub struct Line {
    pub harm: Harm,
    /// What a byte takes.
    pub byte: Duration,
    pub delay: Duration,
    /// How many bytes the sender's system keeps that have not left yet.
    pub buffer: usize,
    /// The line is cut: what is sent vanishes.
    pub cut: bool,
    pub sent: usize,
    free_at: Duration,
    on_way: VecDeque<(Duration, Vec<u8>)>,
}

impl Line {
    pub fn new(byte: Duration, delay: Duration, harm: Harm) -> Line {
        Line {
            harm,
            byte,
            delay,
            buffer: 4096,
            cut: false,
            sent: 0,
            free_at: Duration::ZERO,
            on_way: VecDeque::new(),
        }
    }

    /// How much the sender's system takes now.
    fn room(&self, now: Duration) -> usize {
        let left = self.free_at.saturating_sub(now).as_nanos() / self.byte.as_nanos().max(1);
        self.buffer.saturating_sub(left as usize)
    }

    pub fn send(&mut self, now: Duration, bytes: &[u8], rng: &mut Rng) {
        self.sent += bytes.len();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(1 + rng.below(rest.len().min(64)));
            rest = more;
            self.free_at = self.free_at.max(now) + self.byte * piece.len() as u32;
            if !self.cut {
                let mut piece = self.harmed(piece, rng);
                if self.harm.repeat != 0 && rng.below(self.harm.repeat) < piece.len() {
                    piece.extend_from_within(..);
                }
                self.on_way.push_back((self.free_at + self.delay, piece));
            }
        }
    }

    fn harmed(&self, piece: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut harmed = Vec::new();
        for &byte in piece {
            if rng.once_in(self.harm.insert) {
                harmed.push(rng.next() as u8);
            }
            if !rng.once_in(self.harm.lose) {
                let damage = rng.once_in(self.harm.damage);
                harmed.push(if damage { rng.next() as u8 } else { byte });
            }
        }
        harmed
    }

    fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        let (at, _) = self.on_way.front()?;
        if *at > now {
            return None;
        }
        self.on_way.pop_front().map(|(_, piece)| piece)
    }

    /// When the next piece arrives, or the full buffer takes more.
    fn next_change(&self, now: Duration) -> Option<Duration> {
        let arrival = self.on_way.front().map(|(at, _)| *at);
        let room = (self.free_at > now).then(|| now + (self.free_at - now) / 2 + self.byte);
        [arrival, room].into_iter().flatten().min()
    }
}

/// The byte at `at` of the stream with this id; the id itself comes first.
fn stream_byte(id: u64, at: u64) -> u8 {
    if at < 8 {
        id.to_le_bytes()[at as usize]
    } else {
        hash(id ^ (at / 8)).to_le_bytes()[(at % 8) as usize]
    }
}

/// One end, and its application, which sends a stream and checks the one it gets.
pub struct End {
    pub noise: Noise,
    /// This session's stream.
    pub id: u64,
    pub sent: u64,
    /// How much it is to send in each session.
    pub total: u64,
    /// The stream that arrives, and how much of it.
    pub theirs: u64,
    pub got: u64,
    /// When the last of it came.
    pub got_at: Duration,
    pub up: bool,
    pub events: Vec<NoiseEvent>,
    /// How much is taken at a time.
    pub out: usize,
    /// How much goes into a packet at most.
    pub bite: usize,
}

impl End {
    pub fn new(config: NoiseConfig, seed: u64, total: u64) -> End {
        End {
            noise: Noise::new(config, seed),
            id: 0,
            sent: 0,
            total,
            theirs: 0,
            got: 0,
            got_at: Duration::ZERO,
            up: false,
            events: Vec::new(),
            out: 1 << 16,
            bite: usize::MAX,
        }
    }

    pub fn poll_events(&mut self, rng: &mut Rng) {
        while let Some(event) = self.noise.poll_event() {
            self.events.push(event);
            match event {
                NoiseEvent::Up => {
                    assert!(!self.up, "up twice");
                    self.up = true;
                    (self.id, self.sent, self.theirs, self.got) = (rng.next(), 0, 0, 0);
                }
                NoiseEvent::Down => {
                    assert!(self.up, "down while down");
                    self.up = false;
                }
                _ => {}
            }
        }
    }

    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        let (up, theirs, got) = (self.up, &mut self.theirs, &mut self.got);
        self.noise.receive(now, bytes, &mut |bytes| {
            assert!(up, "bytes without a session");
            for &byte in bytes {
                if *got < 8 {
                    *theirs |= u64::from(byte) << (*got * 8);
                } else {
                    assert_eq!(byte, stream_byte(*theirs, *got), "wrong byte at {got}");
                }
                *got += 1;
            }
            self.got_at = now;
        });
    }

    pub fn transmit(&mut self, now: Duration, out: &mut [u8]) -> usize {
        let (up, id, sent, total) = (self.up, self.id, &mut self.sent, self.total);
        let bite = self.bite;
        self.noise.transmit(now, out, &mut |room| {
            assert!(up, "asked for bytes without a session");
            let n = (total - *sent).min(room.len().min(bite) as u64);
            for (i, byte) in room[..n as usize].iter_mut().enumerate() {
                *byte = stream_byte(id, *sent + i as u64);
            }
            *sent += n;
            n as usize
        })
    }
}

/// Two ends and the line between them.
pub struct World {
    pub now: Duration,
    pub ends: [End; 2],
    /// From end 0 to end 1, and back.
    pub lines: [Line; 2],
    pub rng: Rng,
}

impl World {
    /// A line of 10 bytes per millisecond, about 115,200 baud, whose ends are up.
    pub fn new(config: &NoiseConfig, seed: u64, totals: [u64; 2], harm: Harm) -> World {
        let mut rng = Rng(seed);
        let mut end = |total| End::new(config.clone(), rng.next(), total);
        let ends = [end(totals[0]), end(totals[1])];
        let line = || Line::new(Duration::from_micros(100), Duration::from_micros(500), harm);
        let mut world = World {
            now: Duration::from_secs(1),
            ends,
            lines: [line(), line()],
            rng,
        };
        for end in &mut world.ends {
            end.noise.link_up(world.now);
        }
        world
    }

    /// Everything that happens now; then on to the next moment at which something does.
    pub fn step(&mut self) {
        for i in 0..2 {
            let end = &mut self.ends[i];
            end.poll_events(&mut self.rng);
            while let Some(piece) = self.lines[1 - i].arrived(self.now) {
                end.receive(self.now, &piece);
                end.poll_events(&mut self.rng);
            }
            loop {
                let room = self.lines[i].room(self.now).min(end.out);
                let mut out = vec![0; room];
                let n = end.transmit(self.now, &mut out);
                end.poll_events(&mut self.rng);
                if n == 0 {
                    let due = end.noise.deadline().is_some_and(|at| at <= self.now);
                    assert!(
                        !due || room == 0,
                        "due, and nothing done: a driver would spin"
                    );
                    break;
                }
                self.lines[i].send(self.now, &out[..n], &mut self.rng);
            }
        }
        let lines = self.lines.iter().map(|line| line.next_change(self.now));
        // Who cannot write waits until that changes, whatever else is due.
        let ends = self.ends.iter().zip(&self.lines).map(|(end, line)| {
            let writable = line.room(self.now) > 0;
            end.noise.deadline().filter(|_| writable)
        });
        let next = lines.chain(ends).flatten().min();
        // A driver's clock is not exact, either: it never turns back, and may be late.
        self.now = next.map_or(self.now + Duration::from_secs(1), |at| {
            at.max(self.now + Duration::from_nanos(100))
        });
    }

    /// Goes on until `done`, at most for so long.
    pub fn run(&mut self, limit: Duration, mut done: impl FnMut(&World) -> bool) -> bool {
        let end = self.now + limit;
        while !done(self) {
            if self.now > end {
                return false;
            }
            self.step();
        }
        true
    }

    /// Everything that both ends have to send has arrived, and both know.
    pub fn is_done(&self) -> bool {
        let [a, b] = &self.ends;
        let through = |from: &End, to: &End| {
            from.sent == from.total && to.got == from.total && (to.theirs == from.id || to.got < 8)
        };
        a.up && b.up && through(a, b) && through(b, a) && self.is_settled()
    }

    pub fn is_settled(&self) -> bool {
        self.ends.iter().all(|end| end.noise.is_settled())
    }
}
