//! What the programs at both ends do.

use std::cell::RefCell;
use std::rc::Rc;

use link_mux::{ChannelId, OpenError, Refusal};

use crate::app::{Half, State};
use crate::laws::Pair;
use crate::plan::{MS, Time};
use crate::tap::Tap;
use crate::world::World;

impl World {
    /// What is due at one end.
    pub fn act(&mut self, end: usize) {
        if self.ends[end].session.is_none() {
            return;
        }
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.ends[end].waiting)
            .into_iter()
            .partition(|&(at, ..)| at <= now);
        self.ends[end].waiting = later;
        for (_, id, pair) in due {
            self.answer(end, id, pair);
        }
        if self.ends[end].up {
            let (due, later) = std::mem::take(&mut self.ends[end].jobs)
                .into_iter()
                .partition(|&(at, _)| at <= now);
            self.ends[end].jobs = later;
            for (_, job) in due {
                self.open(end, job);
            }
        }
        let live: Vec<(usize, usize)> = self.ends[end].pairs.values().copied().collect();
        for (pair, side) in live {
            self.act_half(pair, side);
        }
    }

    fn answer(&mut self, end: usize, id: ChannelId, pair: usize) {
        let refuses = self.rng.chance(self.plan.ends[end].refuses);
        let why = self
            .rng
            .pick(&[Refusal::NobodyListens, Refusal::Limit, Refusal::Other(9)]);
        let job = self.pairs[pair].job;
        let plan = self.plan.jobs[job].sides[1].clone();
        let held = self.held(end) + u64::from(plan.inbound);
        let fits = held <= self.plan.ends[end].config.max_credit;
        let slack = self.ends[end].leaving.1;
        let this = &mut self.ends[end];
        let mux = this.session.as_mut().expect("it acts").mux();
        this.woken = true;
        if refuses {
            mux.refuse(id, why);
            self.pairs[pair].refusal = Some(why);
            return;
        }
        let tap = Rc::new(RefCell::new(Tap::new(plan.inbound, plan.outbound)));
        if mux.accept(id, Rc::clone(&tap)).is_ok() {
            assert!(fits, "more may be held than is allowed");
            let mut half = Half::new(end, id, tap, pair as u64, 1, plan);
            half.state = State::Open;
            self.pairs[pair].halves[1] = Some(half);
            self.ends[end].pairs.insert(id.get(), (pair, 1));
        } else {
            let limit = self.plan.ends[end].config.max_credit;
            assert!(
                held + slack > limit,
                "not accepted, and no limit is reached"
            );
            self.pairs[pair].refusal = Some(Refusal::Limit);
            self.figures.limits += 1;
        }
    }

    fn open(&mut self, end: usize, job: usize) {
        let plan = self.plan.jobs[job].sides[0].clone();
        let held = self.held(end) + u64::from(plan.inbound);
        let tap = Rc::new(RefCell::new(Tap::new(plan.inbound, plan.outbound)));
        let count = self.ends[end]
            .pairs
            .values()
            .filter(|&&(_, side)| side == 0);
        let count = count.count() as u64;
        let this = &mut self.ends[end];
        let (leaving, slack) = this.leaving;
        let mux = this.session.as_mut().expect("it acts").mux();
        let limit = match mux.open(Rc::clone(&tap)) {
            Ok(id) => {
                assert!(
                    held <= self.plan.ends[end].config.max_credit,
                    "more may be held than is allowed"
                );
                this.woken = true;
                let pair = self.pairs.len();
                self.pairs.push(Pair::new(job, self.now));
                let half = Half::new(end, id, tap, pair as u64, 0, plan);
                self.pairs[pair].halves[0] = Some(half);
                this.opened.insert(id.get(), pair);
                let before = this.pairs.insert(id.get(), (pair, 0));
                assert_eq!(before, None, "a number that is in use");
                self.live.push(pair);
                self.begun[job] += 1;
                self.figures.opened += 1;
                return;
            }
            Err((OpenError::Channels { limit }, _)) => {
                let theirs = self.plan.ends[1 - end].config.max_channels;
                assert_eq!(limit, theirs);
                count + leaving >= u64::from(limit)
            }
            Err((OpenError::Credit { limit }, _)) => held + slack > limit,
            Err((error, _)) => panic!("{error} while it is up"),
        };
        assert!(limit, "a limit that is not reached");
        self.figures.limits += 1;
        let later = 20 * MS + self.lines[end].plan().time_of(200);
        self.ends[end].jobs.push((self.now + later, job));
    }

    /// What its receive buffers may hold together.
    fn held(&self, end: usize) -> u64 {
        let halves = self.ends[end].pairs.values().map(|&(pair, side)| {
            let half = self.pairs[pair].halves[side].as_ref();
            half.map_or(0, |half| u64::from(half.plan.inbound))
        });
        halves.sum()
    }

    fn act_half(&mut self, pair: usize, side: usize) {
        let Pair { job, opened, .. } = self.pairs[pair];
        let Some(half) = &mut self.pairs[pair].halves[side] else {
            return;
        };
        if half.next(self.now).is_none_or(|at| at > self.now) {
            return;
        }
        let mut acted = half.act(self.now);
        let patience = self.plan.jobs[job].patience;
        let gives_up = patience
            .filter(|_| half.can_withdraw())
            .map(|patience| opened + patience);
        half.due = half.pending().into_iter().chain(gives_up).min();
        if gives_up.is_some_and(|at| self.now >= at) {
            half.withdraw();
            half.due = None;
            self.figures.withdrawn += 1;
            acted = true;
        }
        let end = half.end;
        let touch = match self.plan.ends[end].lazy {
            true => half.tap.borrow_mut().needs_touch(),
            false => acted,
        };
        if touch && let Some(session) = &mut self.ends[end].session {
            session.mux().touch(half.id);
            self.ends[end].woken = true;
        }
        half.tap.borrow_mut().stirred = false;
        if acted {
            self.pairs[pair].check();
        }
    }

    /// When a program has something to do although nothing happens.
    pub fn next_act(&self) -> Option<Time> {
        let ends = self.ends.iter().filter(|end| end.session.is_some());
        ends.flat_map(|end| {
            let waiting = end.waiting.iter().map(|&(at, ..)| at).min();
            let jobs = end.jobs.iter().map(|&(at, _)| at).min();
            let halves = end
                .pairs
                .values()
                .filter_map(|&(pair, side)| self.pairs[pair].halves[side].as_ref()?.next(self.now));
            [waiting, jobs.filter(|_| end.up), halves.min()]
        })
        .flatten()
        .min()
    }
}
