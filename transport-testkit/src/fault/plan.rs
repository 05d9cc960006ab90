//! Which faults are wanted, and how often.

use std::sync::Arc;
use std::time::Duration;

use crate::SEED;

use super::strike::Trigger;

/// The longest stall that can be asked for: beyond a minute, a test that waits is one that hangs.
pub const MAX_STALL: Duration = Duration::from_secs(60);

/// Which faults are wanted, and how often. A new plan has none.
///
/// Probabilities are those of one read, write, fill or flush: whether such an operation is put off,
/// and whether it is made shorter, is drawn when it begins, and not again until it is through,
/// however often it is polled. So every operation ends, also with a probability of 1.
///
/// ```
/// # use std::time::Duration;
/// # use transport_testkit::fault::Plan;
/// let plan = Plan::new(7)
///     .split(0.5)
///     .delay(0.1)
///     .stall(0.01, Duration::from_millis(20))
///     .cut_write_at(4096);
/// assert_eq!(plan.seed(), 7);
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) split: f64,
    pub(super) delay: f64,
    pub(super) stall: f64,
    pub(super) longest_stall: Duration,
    pub(super) cut_read: Option<u64>,
    pub(super) cut_write: Option<u64>,
    pub(super) one_way: bool,
    pub(super) trigger: Option<Arc<Trigger>>,
}

/// The seed of a test: the environment's ([`SEED`]), or one of the clock. It is printed, so that the
/// output of a failed test says how to run the same again.
///
/// # Panics
/// If the environment's is not a number.
pub fn seed(test: &str) -> u64 {
    let seed = crate::seed::from_environment();
    println!("{test}: repeat with {SEED}={seed}");
    seed
}

/// The shortest stall: what is put off for less is a [`delay`](Plan::delay).
pub(super) const MIN_STALL: Duration = Duration::from_millis(1);

#[track_caller]
fn probability(what: &str, value: f64) -> f64 {
    assert!(
        is_probability(value),
        "{what}({value}): a probability is a number from 0 to 1"
    );
    value
}

pub(super) fn is_probability(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

impl Plan {
    /// No faults yet; what is drawn for those that are added follows from the seed.
    pub fn new(seed: u64) -> Plan {
        Plan {
            seed,
            split: 0.0,
            delay: 0.0,
            stall: 0.0,
            longest_stall: Duration::from_millis(10),
            cut_read: None,
            cut_write: None,
            one_way: false,
            trigger: None,
        }
    }

    /// Many splits, some delays, a stall of up to 5 ms now and then: what a test starts with.
    pub fn lively(seed: u64) -> Plan {
        Plan::new(seed)
            .split(0.4)
            .delay(0.1)
            .stall(0.01, Duration::from_millis(5))
    }

    /// Short reads and writes.
    ///
    /// # Panics
    /// If it is not a probability.
    #[must_use]
    pub fn split(mut self, probability_of: f64) -> Plan {
        self.split = probability("split", probability_of);
        self
    }

    /// Operations that are put off for less than a millisecond.
    ///
    /// # Panics
    /// If it is not a probability.
    #[must_use]
    pub fn delay(mut self, probability_of: f64) -> Plan {
        self.delay = probability("delay", probability_of);
        self
    }

    /// Operations that are put off for 1 ms up to `longest`.
    ///
    /// # Panics
    /// If it is not a probability, or `longest` is less than 1 ms (that is a [`delay`](Plan::delay)) or
    /// more than [`MAX_STALL`].
    #[must_use]
    pub fn stall(mut self, probability_of: f64, longest: Duration) -> Plan {
        self.stall = probability("stall", probability_of);
        assert!(
            longest >= MIN_STALL,
            "stall of up to {longest:?}: at least {MIN_STALL:?}; for less take `delay`"
        );
        assert!(
            longest <= MAX_STALL,
            "stall of up to {longest:?}: at most {MAX_STALL:?}"
        );
        self.longest_stall = longest;
        self
    }

    /// Cuts the connection when `byte` bytes have passed here one way, whichever way that is first,
    /// and one more is wanted.
    #[must_use]
    pub fn cut_at(self, byte: u64) -> Plan {
        self.cut_read_at(byte).cut_write_at(byte)
    }

    /// Cuts the connection when `byte` bytes were read here and one more is wanted.
    #[must_use]
    pub fn cut_read_at(mut self, byte: u64) -> Plan {
        self.cut_read = Some(byte);
        self
    }

    /// Cuts the connection when `byte` bytes were written here and one more is to be.
    #[must_use]
    pub fn cut_write_at(mut self, byte: u64) -> Plan {
        self.cut_write = Some(byte);
        self
    }

    /// Cuts take only the direction in which the byte was counted. The other one goes on until
    /// this side leaves; for the peer that is a loss, too.
    #[must_use]
    pub fn one_way(mut self, one_way: bool) -> Plan {
        self.one_way = one_way;
        self
    }

    /// The same faults, for domain `number` of several: each draws its own.
    pub(crate) fn seeded(mut self, number: u64) -> Plan {
        self.seed = self.seed.wrapping_add(number);
        self
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}
