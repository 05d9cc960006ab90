//! Two ends, the line between them, and time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::end::End;
use crate::faults::Timer;
use crate::figures::Figures;
use crate::laws::Pair;
use crate::line::Line;
use crate::plan::{Fault, MS, Plan, S, Time};
use crate::rng::Rng;

/// A run that takes longer does not end.
const LONGEST: Time = 3_600 * S;
/// How long it is watched after everything is over.
const IDLE: Time = 10 * S;

pub struct World {
    pub now: Time,
    pub plan: Plan,
    pub rng: Rng,
    pub ends: [End; 2],
    pub lines: [Line; 2],
    pub pairs: Vec<Pair>,
    /// Those that are not over.
    pub live: Vec<usize>,
    /// How often each job was begun.
    pub begun: Vec<u32>,
    pub faults: Vec<Fault>,
    pub timers: BTreeMap<(Time, u64), Timer>,
    /// How many timers there ever were.
    pub made: u64,
    /// The effects of a fault last until then.
    pub disturbed: Time,
    pub figures: Figures,
    pub verbose: bool,
}

impl World {
    pub fn new(seed: u64, verbose: bool) -> World {
        let mut rng = Rng::new(seed);
        let plan = Plan::new(&mut rng);
        if verbose {
            eprintln!("{plan:#?}");
        }
        let lines = [0, 1].map(|line| Line::new(plan.lines[line].clone(), Rng::new(rng.next())));
        let mut ends = [0, 1].map(|end| End::new(&plan.ends[end]));
        for (number, job) in plan.jobs.iter().enumerate() {
            ends[job.opener].jobs.push((job.at, number));
        }
        let mut world = World {
            now: 0,
            faults: plan.faults.clone(),
            begun: vec![0; plan.jobs.len()],
            figures: Figures {
                runs: 1,
                noisy: u64::from(plan.noise.is_some()),
                ..Figures::default()
            },
            plan,
            ends,
            lines,
            pairs: Vec::new(),
            live: Vec::new(),
            timers: BTreeMap::new(),
            made: 0,
            disturbed: 0,
            rng,
            verbose,
        };
        for end in 0..2 {
            let at = world.rng.pick(&[0, MS, S]);
            world.timer(at, Timer::Boot(end));
        }
        world
    }

    /// Until everything is over, and a while longer.
    pub fn run(mut self) -> Figures {
        let mut same = 0;
        while !self.is_over() {
            let next = self
                .next()
                .expect("nothing happens any more, and not all is over");
            same = if next > self.now { 0 } else { same + 1 };
            assert!(same < 10_000, "time stands still");
            self.step(next);
            assert!(self.now < LONGEST, "it does not end");
        }
        let busy: u64 = self.ends.iter().map(|end| end.wakeups).sum();
        self.idle();
        self.check_end();
        let figures = &mut self.figures;
        figures.seconds = self.now / S;
        figures.wakeups = busy;
        for line in &self.lines {
            figures.carried += line.carried;
            figures.damages += line.damages;
        }
        for pair in &self.pairs {
            for half in pair.halves.iter().flatten() {
                figures.read += half.got;
                figures.aborts += u64::from(half.seen_end() == Some(link_mux::End::Abort));
                figures.receipts += u64::from(matches!(half.receipt(), Some(Some(_))));
            }
        }
        self.figures
    }

    fn is_over(&self) -> bool {
        let none_waits = |end: &End| end.jobs.is_empty() && end.waiting.is_empty();
        let is_up = self.ends.iter().all(|end| end.up && none_waits(end));
        is_up && self.live.is_empty() && self.timers.is_empty()
    }

    /// A link that carries nothing wakes nobody but to say that it is there.
    fn idle(&mut self) {
        let count = |world: &World| -> (u64, u64) {
            let [a, b] = &world.ends;
            (a.wakeups + b.wakeups, a.sent + b.sent)
        };
        let before = count(self);
        let until = self.now + IDLE;
        self.faults.clear();
        while let Some(next) = self.next().filter(|&next| next < until) {
            self.step(next);
        }
        self.now = until;
        let after = count(self);
        // The more patient end's interval holds for both, and `None` is endless patience.
        let [a, b] = self.plan.ends.each_ref().map(|end| end.config.keep_alive);
        let interval = a.zip(b).map_or(IDLE, |(a, b)| a.max(b).as_nanos() as Time);
        // And what was just said of the last channel.
        let mut allowed = 2 * (IDLE / interval + 1) + 6;
        if self.plan.noise.is_some() {
            // Each sign of life costs an answer, and may have to be said again.
            allowed = 4 * allowed + 60;
        }
        let (wakeups, sent) = (after.0 - before.0, after.1 - before.1);
        assert!(
            wakeups <= allowed && sent <= 40 * allowed,
            "an idle link woke {wakeups} times and sent {sent} bytes, allowed {allowed} times"
        );
    }

    fn check_end(&mut self) {
        for pair in &self.pairs {
            pair.check_end();
        }
        for end in &mut self.ends {
            let session = end.session.as_mut().expect("all programs run");
            assert_eq!(session.mux().channels(), 0, "channels are left");
            assert!(session.mux().is_up(), "there is no session at the end");
            // Signs of life may be on their way.
            let quiet = self
                .plan
                .ends
                .iter()
                .any(|end| end.config.keep_alive.is_none());
            assert!(!quiet || session.is_settled(), "it does not come to rest");
        }
    }

    fn next(&self) -> Option<Time> {
        let timer = self.timers.keys().next().map(|&(at, _)| at);
        let lines = self.lines.iter().filter_map(Line::next);
        let drivers = (0..2).filter_map(|end| {
            let due = self.ends[end].due(self.now)?;
            Some(due.max(self.lines[end].free))
        });
        let next = timer.into_iter().chain(lines).chain(drivers);
        next.chain(self.next_act()).min().map(|at| at.max(self.now))
    }

    fn step(&mut self, now: Time) {
        self.now = now;
        self.figures.steps += 1;
        while let Some(timer) = self
            .timers
            .first_entry()
            .filter(|timer| timer.key().0 <= now)
        {
            let timer = timer.remove();
            self.run_timer(timer);
        }
        self.begin_faults();
        for line in 0..2 {
            while let Some(piece) = self.lines[line].arrive(now) {
                self.arrived(1 - line, piece);
            }
        }
        for end in 0..2 {
            self.act(end);
        }
        for end in 0..2 {
            self.drive(end);
        }
        self.watch();
    }

    fn arrived(&mut self, end: usize, piece: Vec<u8>) {
        if !self.ends[end].link {
            let up = self.timers.iter().find(
                |(_, timer)| matches!(timer, Timer::Boot(who) | Timer::LinkUp(who) if *who == end),
            );
            let until = up.map(|(&(at, _), _)| at);
            return self.lines[1 - end].nobody_reads(piece, until);
        }
        let now = Duration::from_nanos(self.now);
        if let Some(session) = &mut self.ends[end].session {
            session.receive(now, &piece);
            self.ends[end].woken = true;
            self.events(end);
        }
    }

    /// The driver's part: what is due goes out, as soon as the line takes it.
    fn drive(&mut self, end: usize) {
        let due = self.ends[end].due(self.now);
        if due.is_none_or(|at| at > self.now) || self.lines[end].free > self.now {
            return;
        }
        let now = Duration::from_nanos(self.now);
        let this = &mut self.ends[end];
        let Some(session) = &mut this.session else {
            return;
        };
        this.wakeups += u64::from(!this.woken);
        let n = session.transmit(now, &mut this.out);
        this.woken = n > 0;
        if n > 0 {
            this.sent += n as u64;
            self.figures.transmissions += 1;
            self.figures.note(self.now << 1 | end as u64);
            self.figures.note_bytes(&this.out[..n]);
            self.lines[end].send(self.now, &this.out[..n]);
        } else {
            if session.mux().channels() == this.pairs.len() + this.waiting.len() {
                this.leaving = (0, 0);
            }
            let deadline = session.deadline();
            assert!(
                deadline.is_none_or(|at| at > now),
                "a deadline that is over, and nothing to send"
            );
        }
        self.events(end);
    }

    /// For whoever replays a seed.
    pub fn say(&self, end: usize, what: impl FnOnce() -> String) {
        if self.verbose {
            let who = ["0", "1", "-"][end];
            eprintln!("{:>16.6} ms  {who}  {}", self.now as f64 / 1e6, what());
        }
    }
}
