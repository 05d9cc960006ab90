//! The timers of the background thread: who is to be woken when. No lock and no clock of their own.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Instant;

/// A moment, and a number that tells timers of one moment apart.
pub(super) type Key = (Instant, u64);

#[derive(Default)]
pub(super) struct Timers {
    wakers: BTreeMap<Key, Waker>,
    last: u64,
}

impl Timers {
    /// A number that no other timer has.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Sets the timer of `key`. What was set there is returned: a waker's drop is foreign code.
    pub(super) fn set(&mut self, key: Key, waker: Waker) -> Option<Waker> {
        self.wakers.insert(key, waker)
    }

    /// Sets a timer that may be due at any moment from `from` to `until`, and tells when it is: at the moment of
    /// another timer, if there is one in between, else as late as it may, so that others can join this one.
    pub(super) fn join(&mut self, from: Instant, until: Instant, waker: Waker) -> Instant {
        let due = self
            .wakers
            .range((from, 0)..(until.max(from), 0))
            .next()
            .map_or(until.max(from), |(&(due, _), _)| due);
        let number = self.number();
        self.wakers.insert((due, number), waker);
        due
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Waker> {
        self.wakers.remove(&key)
    }

    /// When the first one is due.
    pub(super) fn first(&self) -> Option<Instant> {
        self.wakers.first_key_value().map(|(&(due, _), _)| due)
    }

    /// Takes those that are due.
    pub(super) fn take(&mut self, now: Instant) -> BTreeMap<Key, Waker> {
        let later = self.wakers.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.wakers, later)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn join(timers: &mut Timers, from: Instant, slack: Duration) -> Instant {
        timers.join(from, from + slack, Waker::noop().clone())
    }

    // shows C2, as late looks are such timers: many that may be a little late share few moments, and none is earlier or
    // later than it may be.
    #[test]
    fn those_with_slack_join() {
        let mut timers = Timers::default();
        let start = Instant::now();
        let mut moments = Vec::new();
        // Twenty in each millisecond, for half a second.
        for step in 0..10_000 {
            let now = start + MS / 20 * step;
            for due in timers.take(now).into_keys() {
                moments.push(due.0);
            }
            let due = join(&mut timers, now + MS, MS);
            assert!((now + MS..=now + 2 * MS).contains(&due));
        }
        assert!(moments.len() > 9900, "they are due all the same");
        moments.dedup();
        assert!(moments.len() <= 500, "{} moments", moments.len());
    }

    // shows C2: any timer will do, at either end of the slack too; one outside of it is left alone.
    #[test]
    fn any_timer_is_joined() {
        let start = Instant::now();
        for (other, expected) in [(9, 15), (10, 10), (12, 12), (15, 15), (16, 15)] {
            let mut timers = Timers::default();
            let number = timers.number();
            timers.set((start + other * MS, number), Waker::noop().clone());
            let due = join(&mut timers, start + 10 * MS, 5 * MS);
            assert_eq!(due, start + expected * MS, "beside {other}");
            let both = timers.take(start + 20 * MS).len();
            assert_eq!(both, 2, "none takes the other's place");
        }
        // No slack.
        let mut timers = Timers::default();
        for _ in 0..2 {
            assert_eq!(join(&mut timers, start + MS, Duration::ZERO), start + MS);
        }
        assert_eq!(timers.take(start + MS).len(), 2);
        // Not even that: not before its time.
        let due = timers.join(start + 3 * MS, start + MS, Waker::noop().clone());
        assert_eq!(due, start + 3 * MS);
    }

    #[test]
    fn those_that_are_due_are_taken() {
        let mut timers = Timers::default();
        let start = Instant::now();
        let keys: Vec<Key> = (1..=3).map(|n| (start + n * MS, timers.number())).collect();
        for key in &keys {
            assert!(timers.set(*key, Waker::noop().clone()).is_none());
        }
        assert!(timers.set(keys[0], Waker::noop().clone()).is_some());
        assert_eq!(timers.first(), Some(start + MS));
        assert!(timers.take(start).is_empty());
        let due: Vec<Key> = timers.take(start + 2 * MS).into_keys().collect();
        assert_eq!(due, keys[..2]);
        assert!(timers.remove(keys[1]).is_none());
        assert!(timers.remove(keys[2]).is_some());
        assert_eq!(timers.first(), None);
    }
}
