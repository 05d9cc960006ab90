//! Figures that a run prints. `lab/test` shows the lines that begin with `lab: `.

use std::time::Duration;

use super::process::now;

/// Times of one thing, in the order in which they came.
pub struct Times {
    what: String,
    all: Vec<Duration>,
}

impl Times {
    pub fn of(what: &str) -> Times {
        Times {
            what: what.to_owned(),
            all: Vec::new(),
        }
    }

    /// The time from one moment to another, or to now.
    pub fn add(&mut self, from: u64, to: u64) {
        self.all.push(Duration::from_nanos(to.saturating_sub(from)));
    }

    pub fn add_since(&mut self, from: u64) {
        self.add(from, now());
    }
}

/// Prints them when they are complete, also of a test that fails.
impl Drop for Times {
    fn drop(&mut self) {
        self.all.sort();
        let Some(longest) = self.all.last() else {
            return;
        };
        let median = self.all[self.all.len() / 2];
        let count = self.all.len();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "lab: {:<52} median {:>7.1} ms, longest {:>7.1} ms, of {count}",
            self.what,
            ms(median),
            ms(*longest)
        );
    }
}
