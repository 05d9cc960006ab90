//! A line that damages what it carries: seeded, with virtual time.

use std::collections::VecDeque;
use std::vec::Vec;

use core::time::Duration;

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

pub fn hash(mut z: u64) -> u64 {
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
    pub fn room(&self, now: Duration) -> usize {
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

    pub fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        let (at, _) = self.on_way.front()?;
        if *at > now {
            return None;
        }
        self.on_way.pop_front().map(|(_, piece)| piece)
    }

    /// When the next piece arrives, or the full buffer takes more.
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        let arrival = self.on_way.front().map(|(at, _)| *at);
        let room = (self.free_at > now).then(|| now + (self.free_at - now) / 2 + self.byte);
        [arrival, room].into_iter().flatten().min()
    }
}
