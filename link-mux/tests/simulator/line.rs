//! One direction of a line: slow, late, in order, and damaged if it is to be.

use std::collections::VecDeque;

use crate::plan::{LinePlan, Time};
use crate::rng::Rng;

pub struct Line {
    plan: LinePlan,
    rng: Rng,
    /// When they arrive, and what.
    flight: VecDeque<(Time, Vec<u8>)>,
    /// The last bytes that were sent have left by then.
    pub free: Time,
    /// What is sent before this time gets lost; nobody is told.
    pub deaf_until: Time,
    pub carried: u64,
    pub damages: u64,
}

impl Line {
    pub fn new(plan: LinePlan, rng: Rng) -> Line {
        Line {
            plan,
            rng,
            flight: VecDeque::new(),
            free: 0,
            deaf_until: 0,
            carried: 0,
            damages: 0,
        }
    }

    pub fn plan(&self) -> &LinePlan {
        &self.plan
    }

    /// Sends bytes; the line must be [`free`](Self::free).
    pub fn send(&mut self, now: Time, bytes: &[u8]) {
        let pieces = self.rng.between(1, self.plan.pieces);
        let mut rest = bytes;
        let mut left = now;
        for last in (0..pieces).rev() {
            let n = match last {
                0 => rest.len(),
                _ => self.rng.below(rest.len() as u64) as usize,
            };
            let (piece, behind) = rest.split_at(n);
            rest = behind;
            left += self.plan.time_of(n as u64);
            let piece = self.damage(piece);
            if now >= self.deaf_until && !piece.is_empty() {
                self.flight.push_back((left + self.plan.delay, piece));
            }
        }
        // Time passes even where a nanosecond is longer than a byte.
        self.free = left.max(now + 1);
        self.carried += bytes.len() as u64;
    }

    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let LinePlan {
            flips,
            losses,
            inserts,
            ..
        } = self.plan;
        if !self.plan.is_damaging() {
            return bytes.to_vec();
        }
        let mut damaged = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if self.rng.in_a_million(inserts) {
                self.damages += 1;
                damaged.push(self.rng.next() as u8);
            }
            if self.rng.in_a_million(losses) {
                self.damages += 1;
            } else if self.rng.in_a_million(flips) {
                self.damages += 1;
                damaged.push(byte ^ (1 << self.rng.below(8)));
            } else {
                damaged.push(byte);
            }
        }
        damaged
    }

    /// When something arrives next.
    pub fn next(&self) -> Option<Time> {
        self.flight.front().map(|&(at, _)| at)
    }

    /// What has arrived by now, one piece a call.
    pub fn arrive(&mut self, now: Time) -> Option<Vec<u8>> {
        self.flight
            .pop_front_if(|&mut (at, _)| at <= now)
            .map(|(_, piece)| piece)
    }

    /// The sender is gone: what has not left yet never will.
    pub fn sender_killed(&mut self, now: Time) {
        let left = now + self.plan.delay;
        while self.flight.back().is_some_and(|&(at, _)| at > left) {
            let (at, mut piece) = self.flight.pop_back().expect("it was seen");
            let late = (at - left) * self.plan.rate / crate::plan::S;
            let kept = piece.len().saturating_sub(late as usize);
            if kept > 0 {
                piece.truncate(kept);
                self.flight.push_back((left, piece));
                break;
            }
        }
        self.free = now;
    }

    /// The line is cut; a part of what is on its way may lie somewhere and arrive at `again`.
    pub fn cut(&mut self, now: Time, again: Time) {
        let all: Vec<u8> = self.flight.drain(..).flat_map(|(_, piece)| piece).collect();
        if self.rng.chance(50) && !all.is_empty() {
            let from = self.rng.below(all.len() as u64) as usize;
            let to = self.rng.between(from as u64, all.len() as u64) as usize;
            if from < to {
                self.flight.push_back((again, all[from..to].to_vec()));
            }
        }
        self.free = now;
    }

    /// Nobody is at the other side: it is lost, or waits in front of whatever comes later.
    pub fn nobody_reads(&mut self, piece: Vec<u8>, until: Option<Time>) {
        if let Some(until) = until
            && self.rng.chance(50)
        {
            self.flight.push_front((until, piece));
        }
    }
}
