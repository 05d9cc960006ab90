//! Two ends over a line that changes, loses, repeats and inserts bytes. Each reads a prefix of what the other has
//! sent; once the line keeps its bytes, all of it arrives.

use std::time::Duration;

use link_mux::noise::{NoiseConfig, NoiseEvent};

use super::twins::{Twins, content};
use crate::input::Input;

/// The most steps per input.
const STEPS: usize = 150;
/// Rounds in which everything arrives once the line is good again: a lost session is one patience of them.
const ROUNDS: usize = 5000;

pub fn run(input: &mut Input<'_>) {
    let choice = input.byte();
    let side = |side: u64, input: &mut Input<'_>| {
        let choice = choice >> (3 * side);
        let config = NoiseConfig {
            payload: [64, 100][usize::from(choice & 1)],
            window: [2, 5, 20, 64][usize::from(choice >> 1 & 3)],
            patience: Duration::from_secs(2),
        };
        Side {
            end: Twins::new(&config, 2 * u64::from(input.byte()) + side, input.array()),
            seed: side,
            line: Vec::new(),
            up: false,
            wants: 0,
        }
    };
    let mut play = Play {
        sides: [side(0, input), side(1, input)],
        now: Duration::ZERO,
    };
    for side in &mut play.sides {
        side.end.link_up(play.now);
    }
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        play.step(input);
    }
    play.end();
}

struct Side {
    end: Twins,
    seed: u64,
    /// Bytes on their way to the other side.
    line: Vec<u8>,
    up: bool,
    /// How long the stream is to be.
    wants: u64,
}

struct Play {
    sides: [Side; 2],
    now: Duration,
}

impl Play {
    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let side = usize::from(choice >> 7);
        match choice & 15 {
            0..3 => self.sides[side].wants += u64::from(input.short() % 600),
            3 => self.now += Duration::from_millis((input.short() % 4000).into()),
            4 | 5 => self.now += Duration::from_millis((input.byte() % 32).into()),
            6 => self.damage(side, input),
            7..10 => self.transmit(side, 1 + usize::from(input.short()) % 1000),
            10 => self.restart(side),
            _ => self.deliver(side, 1 + usize::from(input.short()) % 1000),
        }
        self.check();
    }

    fn restart(&mut self, side: usize) {
        self.sides[side].end.link_up(self.now);
    }

    fn transmit(&mut self, side: usize, room: usize) {
        let side = &mut self.sides[side];
        let more = side.wants.saturating_sub(side.end.sent);
        let bytes = side.end.transmit(self.now, room, side.seed, more);
        side.line.extend(bytes);
    }

    fn deliver(&mut self, from: usize, most: usize) {
        let line = &mut self.sides[from].line;
        let bytes: Vec<u8> = line.drain(..most.min(line.len())).collect();
        self.sides[1 - from].end.receive(self.now, &bytes);
    }

    fn damage(&mut self, side: usize, input: &mut Input<'_>) {
        let (how, at, n) = (input.byte(), input.short(), input.byte());
        let line = &mut self.sides[side].line;
        let at = usize::from(at) % (line.len() + 1);
        let end = (at + usize::from(n)).min(line.len());
        match how % 4 {
            0 => line[at..].iter_mut().take(1).for_each(|byte| *byte ^= n),
            1 => drop(line.drain(at..end)),
            2 => {
                let again = line[at..end].to_vec();
                line.extend(again);
            }
            _ => drop(line.splice(at..at, input.bytes(n.into()).iter().copied())),
        }
    }

    /// Events, and what has come so far.
    fn check(&mut self) {
        for side in &mut self.sides {
            while let Some(event) = side.end.event() {
                match event {
                    NoiseEvent::Up => {
                        assert!(!side.up);
                        side.up = true;
                        side.end.received.clear();
                        side.end.sent = 0;
                    }
                    NoiseEvent::Down => {
                        assert!(side.up);
                        side.up = false;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        for (side, other) in [(0, 1), (1, 0)] {
            let (side, other) = (&self.sides[side], &self.sides[other]);
            let read = &side.end.received;
            assert!(read.len() as u64 <= other.wants);
            let stream = (0..).take(read.len());
            assert!(
                stream
                    .map(|at| content(other.seed, at))
                    .eq(read.iter().copied())
            );
        }
    }

    fn is_at_rest(&mut self) -> bool {
        let wants = [self.sides[1].wants, self.sides[0].wants];
        self.sides.iter_mut().zip(wants).all(|(side, wants)| {
            side.up && side.end.received.len() as u64 == wants && side.end.is_settled()
        })
    }

    /// The line keeps its bytes from now on.
    fn end(&mut self) {
        let mut rounds = 0;
        while !self.is_at_rest() {
            let quiet = self.sides.iter().all(|side| side.line.is_empty());
            if quiet && rounds > 0 {
                let deadlines = self.sides.iter_mut().filter_map(|side| side.end.deadline());
                self.now = deadlines.min().unwrap_or(self.now).max(self.now);
            }
            for side in [0, 1] {
                self.transmit(side, 1000);
                self.deliver(side, usize::MAX);
            }
            self.check();
            rounds += 1;
            assert!(rounds < ROUNDS, "not all arrives");
        }
    }
}
