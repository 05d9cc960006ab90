//! Two ends, the line between them, and applications that check what they get.

use std::vec;
use std::vec::Vec;

use core::time::Duration;

use super::wire::{Harm, Line, Rng, hash};
use crate::noise::{Noise, NoiseConfig, NoiseEvent};

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
