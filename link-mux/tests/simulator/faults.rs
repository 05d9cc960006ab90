//! What goes wrong, and what the ends are told of it.

use crate::app::State;
use crate::plan::{Time, Told, What};
use crate::world::World;

pub enum Timer {
    Boot(usize),
    LinkDown(usize),
    LinkUp(usize),
    /// An outage is over.
    Calm,
}

impl World {
    pub fn timer(&mut self, at: Time, timer: Timer) {
        self.made += 1;
        self.timers.insert((at, self.made), timer);
    }

    pub fn run_timer(&mut self, timer: Timer) {
        let now = self.now;
        match timer {
            Timer::Calm => {}
            Timer::Boot(end) => {
                self.say(end, || "boots".into());
                let seed = self.rng.next();
                self.ends[end].boot(&self.plan, end, seed, now);
            }
            Timer::LinkUp(end) => {
                self.say(end, || "link up".into());
                self.ends[end].link_up(now);
                self.events(end);
            }
            Timer::LinkDown(end) => {
                self.say(end, || "link down".into());
                self.ends[end].link_down(now);
                self.events(end);
            }
        }
    }

    pub fn begin_faults(&mut self) {
        let carried: u64 = self.lines.iter().map(|line| line.carried).sum();
        // One at a time: a second one could make the line lose bytes of a session.
        while self.timers.is_empty()
            && self.now >= self.disturbed
            && self
                .faults
                .first()
                .is_some_and(|fault| carried >= fault.after)
        {
            let fault = self.faults.remove(0);
            self.begin(fault.what);
        }
    }

    fn begin(&mut self, what: What) {
        let now = self.now;
        self.say(2, || format!("{what:?}"));
        match what {
            What::Cut(told) => {
                self.figures.cuts += 1;
                let alive = now + told[0].knows().max(told[1].knows());
                for line in &mut self.lines {
                    line.cut(now, alive);
                    line.deaf_until = alive;
                }
                self.disturbed = alive;
                for (end, told) in told.into_iter().enumerate() {
                    self.tell(end, told);
                }
            }
            What::Outage { lasts, lines } => {
                self.figures.outages += 1;
                for (line, _) in lines.iter().enumerate().filter(|(_, out)| **out) {
                    self.lines[line].deaf_until = now + lasts;
                }
                self.timer(now + lasts, Timer::Calm);
                // Who waits for an answer waits twice as long each time.
                self.disturbed = now + 3 * lasts;
            }
            What::Restart { end, boot, told } => {
                self.figures.restarts += 1;
                self.kill(end);
                self.lines[end].sender_killed(now);
                self.timer(now + boot, Timer::Boot(end));
                self.disturbed = now + boot;
                if self.plan.noise.is_none() {
                    self.tell(1 - end, told);
                }
            }
        }
    }

    fn tell(&mut self, end: usize, told: Told) {
        if let Some(down) = told.down {
            self.timer(self.now + down, Timer::LinkDown(end));
        }
        let up = self.now + told.up;
        self.timer(up, Timer::LinkUp(end));
        self.disturbed = self.disturbed.max(up);
    }

    fn kill(&mut self, end: usize) {
        let this = &mut self.ends[end];
        (this.session, this.link, this.up) = (None, false, false);
        this.changed = self.now;
        this.waiting.clear();
        self.forget(end, State::Killed);
    }
}
