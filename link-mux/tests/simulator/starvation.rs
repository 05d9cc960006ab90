//! Nobody waits for longer than the line makes necessary.

use crate::plan::{MS, S, Time};
use crate::world::World;

impl World {
    /// Looks whether anything has waited for too long.
    pub fn watch(&mut self) {
        let mut live = std::mem::take(&mut self.live);
        live.retain(|&pair| self.pairs[pair].is_live());
        self.live = live;

        let (now, round) = (self.now, self.round());
        let disturbed = now < self.disturbed || self.ends.iter().any(|end| !end.up);
        self.session_is_due(round);
        // It costs as much as all the rest.
        if !disturbed && !self.figures.steps.is_multiple_of(4) {
            return;
        }
        let bound = self.slack() + self.tries() * round;
        for &pair in &self.live {
            for direction in 0..2 {
                let waited = self.pairs[pair].waited(direction, now, disturbed);
                let part = waited * 100 / bound;
                self.figures.longest_wait = self.figures.longest_wait.max(part);
                assert!(
                    part <= 100,
                    "starved for {} ms: {}",
                    waited / MS,
                    self.pairs[pair].describe(direction)
                );
            }
        }
    }

    /// There and back, when everybody has something to send.
    fn round(&self) -> Time {
        let channels = self.live.len() as u64 + 2;
        let ends = &self.plan.ends;
        let frame = ends.iter().map(|end| u64::from(end.config.max_frame)).min();
        let frame = frame.unwrap_or(0) + 64;
        let way = |line: usize| {
            let plan = self.lines[line].plan();
            plan.delay + self.plan.queued(line) + plan.time_of(channels * frame)
        };
        way(0) + way(1)
    }

    /// What does not depend on the line. Who sends again does not know at first how long an answer takes.
    fn slack(&self) -> Time {
        match self.plan.noise {
            None => 50 * MS,
            Some(_) => 2500 * MS,
        }
    }

    /// How often something may have to be said until it is heard.
    fn tries(&self) -> u64 {
        match (
            &self.plan.noise,
            self.lines.iter().any(|line| line.plan().is_damaging()),
        ) {
            (None, _) => 2,
            (Some(_), false) => 6,
            (Some(_), true) => 60,
        }
    }

    /// Where both ends have a link, they have a session after a while.
    fn session_is_due(&self, round: Time) {
        if self.ends.iter().any(|end| !end.link) || self.ends.iter().all(|end| end.up) {
            return;
        }
        let patience = self
            .plan
            .noise
            .as_ref()
            .map_or(0, |noise| noise.patience.as_nanos() as Time);
        let intervals = self
            .plan
            .ends
            .iter()
            .filter_map(|end| end.config.keep_alive);
        let interval = intervals.max().map_or(0, |at| at.as_nanos() as Time);
        let bound = 5 * S + self.tries() * round + 2 * patience + 6 * interval;
        let since = self.ends.iter().map(|end| end.changed).max();
        let since = since.unwrap_or(0).max(self.disturbed);
        assert!(
            self.now <= since + bound,
            "no session after {} ms",
            (self.now - since) / MS
        );
    }
}
