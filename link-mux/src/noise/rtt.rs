//! How long to wait for an acknowledgement: the estimator of RFC 6298, with the bounds of a single line.
//!
//! There is no network here that more patience would relieve, so the bounds are tighter than that RFC's. A wait
//! that was too short costs one packet sent in vain.

use core::time::Duration;

use super::receiver::ACK_DELAY;

/// Until the first measurement: RFC 6298 has a second, for any path through the Internet. On a line of 9600 baud, a
/// packet and its acknowledgement take 0.1 s.
const FIRST: Duration = Duration::from_millis(300);
/// Added to the mean round trip at least, however steady it is: two schedulers' whims.
const SLACK: Duration = Duration::from_millis(10);
/// Doublings of the wait without an answer: for an estimate that lags behind a line which has become slower. A bad
/// line is no reason to wait longer: nothing but this end's own packets could be in their way.
const MAX_BACKOFF: u32 = 2;

/// The time that an acknowledgement takes, and how long to wait for one.
pub(super) struct Rtt {
    /// Mean and mean deviation.
    smoothed: Option<(Duration, Duration)>,
    backoff: u32,
    longest: Duration,
}

impl Rtt {
    /// `patience`: how long until the other end is given up. At least four attempts fall into it.
    pub(super) fn new(patience: Duration) -> Rtt {
        Rtt {
            smoothed: None,
            backoff: 0,
            longest: (patience / 4).max(ACK_DELAY + SLACK),
        }
    }

    /// A packet was acknowledged after so long.
    pub(super) fn sample(&mut self, took: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => (took, took / 2),
            Some((mean, deviation)) => (
                (mean * 7 + took) / 8,
                (deviation * 3 + mean.abs_diff(took)) / 4,
            ),
        });
    }

    /// The other end answers.
    pub(super) fn answered(&mut self) {
        self.backoff = 0;
    }

    /// It did not, in time.
    pub(super) fn expired(&mut self) {
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
    }

    /// How long to wait for an answer.
    pub(super) fn timeout(&self) -> Duration {
        let wait = match self.smoothed {
            None => FIRST,
            Some((mean, deviation)) => mean + (deviation * 4).max(SLACK) + ACK_DELAY,
        };
        wait.saturating_mul(1 << self.backoff).min(self.longest)
    }
}
