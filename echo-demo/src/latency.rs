//! How long things took: percentiles of many measured times.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// What takes longer is counted as this: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;

/// Measured times, in little memory and with three digits.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    pub fn new() -> Times {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3);
        Times(histogram.expect("constant bounds that are right"))
    }

    pub fn add(&mut self, time: Duration) {
        self.0.saturating_record(time.as_nanos() as u64);
    }

    pub fn merge(&mut self, other: &Times) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// None if nothing was measured.
    pub fn latency(&self) -> Option<Latency> {
        let at = |quantile| self.0.value_at_quantile(quantile);
        (self.count() > 0).then(|| Latency {
            min: self.0.min(),
            mean: self.0.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: self.0.max(),
        })
    }
}

/// Percentiles, in nanoseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    pub min: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows E2
    #[test]
    fn percentiles_are_of_all_that_was_added() {
        let (mut all, mut more) = (Times::new(), Times::new());
        assert!(all.latency().is_none());
        (1..=50).for_each(|n| all.add(Duration::from_nanos(n)));
        (51..=100).for_each(|n| more.add(Duration::from_nanos(n)));
        all.merge(&more);
        let latency = all.latency().unwrap();
        assert_eq!(all.count(), 100);
        assert_eq!(
            (latency.min, latency.p50, latency.p90, latency.max),
            (1, 50, 90, 100)
        );
    }
}
