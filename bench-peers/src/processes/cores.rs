//! Which two cores to measure on.
//!
//! On a virtual machine, how far two cores are apart changes while it runs: a cache line's way there and
//! back takes five times as long between some as between others, and a moment later it is others. So the
//! pair is looked for again and again, by what its cache line takes.

use crate::machine::pairs_of_cores;
use crate::measure::median;
use crate::rings::cache_line;
use std::cell::{Cell, RefCell};

/// Trips of a cache line that show how far apart two cores are: less than a millisecond's worth.
const TRIPS: u64 = 500;

/// As much longer as the best so far the trip may take before another pair is looked for.
const WORSE: f64 = 1.3;

/// The two cores that are nearest, or two that stay.
pub struct Cores {
    candidates: Vec<[usize; 2]>,
    now: Cell<[usize; 2]>,
    best: Cell<f64>,
    /// What the trip took each time that it was looked at, in nanoseconds.
    trips: RefCell<Vec<f64>>,
}

impl Cores {
    /// Always those two.
    pub fn fixed(cores: [usize; 2]) -> Self {
        Self::of(vec![cores])
    }

    /// Whichever two are nearest at the moment.
    pub fn nearest() -> Self {
        Self::of(pairs_of_cores())
    }

    fn of(candidates: Vec<[usize; 2]>) -> Self {
        Self {
            now: Cell::new(candidates[0]),
            candidates,
            best: Cell::new(f64::INFINITY),
            trips: RefCell::default(),
        }
    }

    fn trip(cores: [usize; 2]) -> f64 {
        let sample = cache_line(cores, TRIPS);
        sample.elapsed.as_secs_f64() * 1e9 / TRIPS as f64
    }

    /// The two to take now.
    pub fn pick(&self) -> [usize; 2] {
        if self.candidates.len() == 1 {
            return self.candidates[0];
        }
        let mut nearest = (Self::trip(self.now.get()), self.now.get());
        if nearest.0 > WORSE * self.best.get() || self.best.get().is_infinite() {
            let all = self
                .candidates
                .iter()
                .map(|pair| (Self::trip(*pair), *pair));
            nearest = all
                .chain([nearest])
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .expect("pairs");
        }
        let (trip, cores) = nearest;
        self.now.set(cores);
        self.best.set(self.best.get().min(trip));
        self.trips.borrow_mut().push(trip);
        cores
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self.candidates[..] {
            [[a, b]] => format!("cores {a} and {b}"),
            _ => format!(
                "the two cores between which a cache line's way there and back was shortest just before a \
                 measurement ({:.0} ns, the median; virtual machines move)",
                median(&self.trips.borrow())
            ),
        }
    }
}
