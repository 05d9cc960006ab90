//! What a seed says is to happen.

use std::time::Duration;

use link_mux::noise::NoiseConfig;
use link_mux::{Config, End};

use crate::draw;
use crate::rng::Rng;

/// Nanoseconds of virtual time.
pub type Time = u64;
pub const MS: Time = 1_000_000;
pub const S: Time = 1_000 * MS;

#[derive(Debug)]
pub struct Plan {
    pub noise: Option<NoiseConfig>,
    pub ends: [EndPlan; 2],
    /// 0: from end 0 to end 1.
    pub lines: [LinePlan; 2],
    pub jobs: Vec<Job>,
    pub faults: Vec<Fault>,
}

#[derive(Debug)]
pub struct EndPlan {
    pub config: Config,
    /// The driver's buffer, bytes.
    pub out: usize,
    /// Touches are made only where the contract of `Stream` asks for one.
    pub lazy: bool,
    /// Of incoming channels, percent.
    pub refuses: u64,
    /// They are answered after up to so long.
    pub late: Time,
}

#[derive(Clone, Debug)]
pub struct LinePlan {
    pub delay: Time,
    /// Bytes a second.
    pub rate: u64,
    /// What is sent at once arrives in up to so many pieces.
    pub pieces: u64,
    /// Of a million bytes.
    pub flips: u32,
    pub losses: u32,
    pub inserts: u32,
}

impl LinePlan {
    pub fn time_of(&self, bytes: u64) -> Time {
        bytes * S / self.rate
    }

    pub fn is_damaging(&self) -> bool {
        self.flips + self.losses + self.inserts > 0
    }
}

/// A channel to be opened.
#[derive(Debug)]
pub struct Job {
    pub opener: usize,
    pub at: Time,
    /// The opener gives up if nobody has accepted after this time.
    pub patience: Option<Time>,
    /// Of the opener, and of the acceptor.
    pub sides: [SidePlan; 2],
}

#[derive(Clone, Debug)]
pub struct SidePlan {
    pub inbound: u32,
    pub outbound: u32,
    /// So many are written, and then comes this end.
    pub bytes: u64,
    pub end: End,
    pub writes: Pace,
    pub reads: Pace,
    /// Reading stops after so many bytes.
    pub stop: Option<(u64, End)>,
}

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes at once.
    pub bytes: usize,
    pub pause: Time,
}

/// It happens when both lines together have carried so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub after: u64,
    pub what: What,
}

#[derive(Clone, Copy, Debug)]
pub enum What {
    /// The line is cut, and both ends are told.
    Cut([Told; 2]),
    /// As if nothing were connected; nobody is told. Only with the noise layer.
    Outage { lasts: Time, lines: [bool; 2] },
    /// The program of one end is killed, and starts again after `boot`. Without the noise layer, the other end
    /// is told.
    Restart { end: usize, boot: Time, told: Told },
}

/// When an end is told, counted from the fault.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The link is down; `None`: it is told only that the link is there (again).
    pub down: Option<Time>,
    pub up: Time,
}

impl Told {
    /// From then on, it knows that what comes is new.
    pub fn knows(self) -> Time {
        self.down.unwrap_or(self.up)
    }
}

impl Plan {
    pub fn new(rng: &mut Rng) -> Plan {
        let noise = rng.chance(50);
        let rate = rng.scaled(300, 20_000_000);
        let lines = [draw::line(rng, rate), draw::line(rng, rate)];
        let slowest = lines[0].rate.min(lines[1].rate);
        let jobs = draw::jobs(rng, slowest);
        let delays = lines[0].delay + lines[1].delay;
        // Nothing takes the line for longer than 300 ms: slow lines need small frames.
        let most = (slowest * 3 / 10).clamp(64, 16_384);
        let ends = [draw::end(rng, most), draw::end(rng, most)];
        let mut plan = Plan {
            noise: None,
            ends,
            lines,
            jobs,
            faults: Vec::new(),
        };
        if noise {
            plan.add_noise(rng, most);
        }
        // A peer is missed after five intervals, which must hold what is queued before a sign of life.
        let queued: Time = (0..2).map(|line| plan.queued(line)).sum();
        for end in &mut plan.ends {
            let interval = (2 * queued + delays).max(200 * MS);
            let interval = rng.between(interval, 4 * interval);
            end.config.keep_alive = rng
                .chance(80)
                .then(|| Duration::from_nanos(interval.next_multiple_of(MS)));
        }
        let volume: u64 = plan.volume() + 200;
        let count = if rng.chance(50) { 0 } else { rng.between(1, 3) };
        for _ in 0..count {
            let after = rng.below(volume);
            let what = draw::fault(rng, noise);
            plan.faults.push(Fault { after, what });
        }
        plan.faults.sort_by_key(|fault| fault.after);
        plan
    }

    /// Bytes that the jobs write.
    pub fn volume(&self) -> u64 {
        let sides = self.jobs.iter().flat_map(|job| &job.sides);
        sides.map(|side| side.bytes).sum()
    }

    /// How long the driver's buffer and the noise layer's window keep this line busy.
    pub fn queued(&self, line: usize) -> Time {
        let window = self.noise.as_ref().map_or(0, |noise| {
            u64::from(noise.window) * (u64::from(noise.payload) + 32)
        });
        self.lines[line].time_of(window + self.ends[line].out as u64)
    }

    fn add_noise(&mut self, rng: &mut Rng, most: u64) {
        let payload = rng.scaled(64, most.min(2048)) as u16;
        let window = rng.scaled(2, 64) as u8;
        for end in &mut self.ends {
            if rng.chance(50) {
                // Packets may be cut.
                end.out = rng.between(1, u64::from(payload)) as usize;
            }
        }
        self.noise = Some(NoiseConfig {
            payload,
            window,
            patience: Duration::ZERO,
        });
        let packet = u32::from(payload) + 32;
        for line in &mut self.lines {
            if rng.chance(60) {
                // Up to a fifth of the largest packets is damaged.
                let mut part = || rng.below(u64::from(70_000 / packet)) as u32;
                (line.flips, line.losses, line.inserts) = (part(), part(), part());
            }
        }
        let queued: Time = (0..2).map(|line| self.queued(line)).sum();
        let delays = self.lines[0].delay + self.lines[1].delay;
        let patience = 20 * (queued + delays) + 3 * S;
        if let Some(noise) = &mut self.noise {
            noise.patience = Duration::from_nanos(patience);
        }
    }
}

impl SidePlan {
    /// How many bytes it moves at once.
    pub fn grain(&self, writing: bool) -> u64 {
        let (buffer, pace) = match writing {
            true => (self.outbound, self.writes),
            false => (self.inbound, self.reads),
        };
        u64::from(buffer).min(pace.bytes as u64)
    }
}
