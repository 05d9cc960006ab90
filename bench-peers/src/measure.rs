//! Rows, contestants and rounds.
//!
//! A row is one thing to measure, such as "slices of 64 B through a ring of
//! 64 KiB"; each of its contestants can do a given amount of that work once and
//! say how long it took. [`run`] goes round and round through all rows and
//! contestants, every measurement lasting about the same time.

use crate::machine::{self, NeighbourWatch, Neighbours};
use std::fs::File;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The share of a measurement's time that every thread in it must have had on
/// its core. Below, something else ran there, and the measurement is repeated.
pub const UNDISTURBED: f64 = 0.985;

/// How often one measurement is repeated for having been disturbed. After that
/// the least disturbed one counts, and the report says so.
const ATTEMPTS: usize = 12;

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// How long the work took.
    pub elapsed: Duration,
    /// The smallest share of its time that any of its threads was on a core; 1
    /// if that says nothing (threads that sleep as part of their work).
    pub share: f64,
}

/// Watches how much of the time the calling thread has its core.
pub struct Watch {
    wall: Instant,
    cpu: Duration,
}

impl Watch {
    /// Starts now.
    pub fn start() -> Self {
        let cpu = machine::thread_cpu();
        Self {
            wall: Instant::now(),
            cpu,
        }
    }

    /// Time since the start, and the share of it spent on a core.
    pub fn stop(self) -> Sample {
        let elapsed = self.wall.elapsed();
        let cpu = machine::thread_cpu() - self.cpu;
        Sample {
            elapsed,
            share: (cpu.as_secs_f64() / elapsed.as_secs_f64()).min(1.0),
        }
    }
}

/// What a row's figures mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// Nanoseconds per unit of work: less is better.
    Nanos,
    /// Gigabytes (10^9) per second, the unit of work being a byte: more is better.
    GigabytesPerSecond,
    /// Megabytes (10^6) per second, the unit of work being a byte: more is better.
    MegabytesPerSecond,
    /// Millions of units of work per second: more is better.
    MillionsPerSecond,
    /// Thousands of units of work per second: more is better.
    ThousandsPerSecond,
}

/// What part a contestant plays in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// This project's.
    Ours,
    /// Another crate's: the best of these is what ours is compared with.
    Peer,
    /// Shown for reference only, unless the row is measured against it.
    Reference,
}

/// Does that many units of work once.
pub type Work = Box<dyn FnMut(u64) -> Sample>;

/// One contestant of a row.
pub struct Contestant {
    /// Its name, a column of the table.
    pub name: &'static str,
    /// What part it plays.
    pub role: Role,
    work: Work,
    /// Units of work that last about as long as a measurement should.
    amount: u64,
    /// One figure a round, in the row's unit.
    pub figures: Vec<f64>,
    /// How many of them count although they were disturbed.
    pub disturbed: usize,
}

/// What is wanted of ours in a row.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// At most that many (nanoseconds).
    AtMost(f64),
    /// At least that many (of the row's unit), of one of ours.
    AtLeast(f64, &'static str),
    /// At least, or for nanoseconds at most, that many times the best peer's.
    TimesBestPeer(f64),
    /// The same against one contestant.
    Times(f64, &'static str),
    /// At least that many times as fast as one contestant, whatever the unit.
    Speed(f64, &'static str),
    /// Only to be stated.
    Nothing,
}

/// One thing to measure.
pub struct Row {
    /// Short and stable, for the JSON report and `--only`.
    pub key: String,
    /// For people.
    pub title: String,
    /// What the figures mean.
    pub unit: Unit,
    /// What is wanted of ours.
    pub wanted: Wanted,
    /// Work comes in multiples of this.
    grain: u64,
    /// What every measurement is of, if that does not follow from how long one should last.
    always: Option<u64>,
    /// All who take part.
    pub contestants: Vec<Contestant>,
}

impl Row {
    /// A row without contestants.
    pub fn new(key: impl Into<String>, title: impl Into<String>, unit: Unit) -> Self {
        Self {
            key: key.into(),
            title: title.into(),
            unit,
            wanted: Wanted::Nothing,
            grain: 1,
            always: None,
            contestants: Vec::new(),
        }
    }

    /// Says what is wanted of ours.
    pub fn wanted(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    /// Work comes in multiples of `grain` units.
    pub fn grain(mut self, grain: u64) -> Self {
        self.grain = grain;
        self
    }

    /// Every measurement is of that many units of work: for work that takes much longer than the
    /// time that counts.
    pub fn always(mut self, amount: u64) -> Self {
        self.always = Some(amount);
        self
    }

    /// Adds a contestant.
    pub fn with(
        mut self,
        role: Role,
        name: &'static str,
        work: impl FnMut(u64) -> Sample + 'static,
    ) -> Self {
        self.contestants.push(Contestant {
            name,
            role,
            work: Box::new(work),
            amount: 0,
            figures: Vec::new(),
            disturbed: 0,
        });
        self
    }

    /// Has every contestant do `amount` units of work once.
    pub fn once(&mut self, amount: u64) {
        for contestant in &mut self.contestants {
            (contestant.work)(amount);
        }
    }

    /// Has the contestant of that name do `amount` units of work once.
    pub fn once_by(&mut self, name: &str, amount: u64) {
        let contestant = self.contestants.iter_mut().find(|c| c.name == name);
        (contestant.expect("a contestant of the row").work)(amount);
    }

    fn figure(&self, amount: u64, elapsed: Duration) -> f64 {
        let nanos = elapsed.as_secs_f64() * 1e9;
        match self.unit {
            Unit::Nanos => nanos / amount as f64,
            Unit::GigabytesPerSecond => amount as f64 / nanos,
            Unit::MillionsPerSecond | Unit::MegabytesPerSecond => amount as f64 * 1e3 / nanos,
            Unit::ThousandsPerSecond => amount as f64 * 1e6 / nanos,
        }
    }

    fn fit(&self, amount: f64) -> u64 {
        ((amount / self.grain as f64) as u64).max(1) * self.grain
    }

    /// The median figure of the contestant of that name.
    pub fn median(&self, name: &str) -> Option<f64> {
        self.contestants
            .iter()
            .find(|c| c.name == name)
            .map(|c| median(&c.figures))
    }

    /// How many times as fast as the contestant named `base` one with that figure is.
    pub fn speed(&self, figure: f64, base: &str) -> Option<f64> {
        let base = self.median(base)?;
        Some(match self.unit {
            Unit::Nanos => base / figure,
            _ => figure / base,
        })
    }

    /// The name and median of ours; of several, the best.
    pub fn ours(&self) -> Option<(&'static str, f64)> {
        self.best(Role::Ours)
    }

    /// The best peer's name and median.
    pub fn best_peer(&self) -> Option<(&'static str, f64)> {
        self.best(Role::Peer)
    }

    fn best(&self, role: Role) -> Option<(&'static str, f64)> {
        let all = self
            .contestants
            .iter()
            .filter(|c| c.role == role && !c.figures.is_empty())
            .map(|c| (c.name, median(&c.figures)));
        match self.unit {
            Unit::Nanos => all.min_by(|a, b| a.1.total_cmp(&b.1)),
            _ => all.max_by(|a, b| a.1.total_cmp(&b.1)),
        }
    }
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Figures per contestant and row.
    pub rounds: usize,
    /// How long one measurement should last.
    pub each: Duration,
    /// When this much time is over, the run ends after the round it is in, and
    /// from half of it on no measurement is repeated.
    pub limit: Duration,
}

/// Measures all rows, and says what else the machine did meanwhile; on a terminal, standard error shows how far it is.
pub fn run(rows: &mut [Row], plan: Plan) -> Neighbours {
    let _alone = alone();
    let watch = NeighbourWatch::start();
    // A first, short measurement each finds how much work fits into the time.
    for row in rows.iter_mut() {
        for i in 0..row.contestants.len() {
            if let Some(amount) = row.always {
                row.contestants[i].amount = amount;
                continue;
            }
            let mut amount = row.fit(1000.0);
            let target = plan.each.as_secs_f64();
            loop {
                let took = (row.contestants[i].work)(amount).elapsed.as_secs_f64();
                if took >= target * 0.2 {
                    row.contestants[i].amount = row.fit(amount as f64 * target / took);
                    break;
                }
                let factor = (target / took.max(1e-9)).clamp(2.0, 20.0);
                amount = row.fit(amount as f64 * factor).max(amount + row.grain);
            }
        }
    }
    let terminal = std::io::stderr().is_terminal();
    let begun = Instant::now();
    for round in 0..plan.rounds {
        if begun.elapsed() > plan.limit && round >= 3 {
            eprintln!(
                "stopped after {round} of {} rounds: the machine is busy",
                plan.rounds
            );
            break;
        }
        for row in rows.iter_mut() {
            if terminal {
                eprint!(
                    "\r\x1b[Kround {} of {}: {}",
                    round + 1,
                    plan.rounds,
                    row.title
                );
            }
            let count = row.contestants.len();
            for turn in 0..count {
                // Everybody comes first as often as last.
                let i = (turn + round) % count;
                let amount = row.contestants[i].amount;
                let mut best: Option<Sample> = None;
                for _ in 0..ATTEMPTS {
                    let sample = (row.contestants[i].work)(amount);
                    if best.is_none_or(|b| sample.share > b.share) {
                        best = Some(sample);
                    }
                    if sample.share >= UNDISTURBED || begun.elapsed() > plan.limit / 2 {
                        break;
                    }
                }
                let sample = best.expect("at least one attempt");
                let figure = row.figure(amount, sample.elapsed);
                let contestant = &mut row.contestants[i];
                contestant.figures.push(figure);
                contestant.disturbed += usize::from(sample.share < UNDISTURBED);
            }
        }
    }
    if terminal {
        eprint!("\r\x1b[K");
    }
    watch.stop()
}

/// Of rows that differ in the capacity only, the one in which ours does best counts.
pub fn judge_the_best(rows: &mut [Row], prefix: &str) {
    let ours = |row: &Row| match (row.wanted, row.unit) {
        (Wanted::AtLeast(_, name), _) => row.median(name),
        (_, Unit::Nanos) => row.ours().map(|(_, nanos)| -nanos),
        _ => row.ours().map(|(_, rate)| rate),
    };
    let mut alternatives: Vec<&mut Row> = rows
        .iter_mut()
        .filter(|row| row.key.starts_with(prefix))
        .collect();
    alternatives.sort_by(|a, b| ours(b).partial_cmp(&ours(a)).expect("figures"));
    for row in alternatives.into_iter().skip(1) {
        row.wanted = Wanted::Nothing;
    }
}

/// Keeps two such programs from measuring at the same time.
pub fn alone() -> Option<File> {
    let lock = File::create(std::env::temp_dir().join("bench-peers.lock")).ok()?;
    for attempt in 0..300 {
        if lock.try_lock().is_ok() {
            break;
        }
        if attempt == 0 {
            eprintln!("waiting for another measurement on this machine to end");
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Some(lock)
}

/// The median (of an even number, the mean of the middle two); NaN of nothing.
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// A quantile, interpolated.
pub fn quantile(figures: &[f64], at: f64) -> f64 {
    if figures.is_empty() {
        return f64::NAN;
    }
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = at * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * place.fract()
}
