//! What the programs at both ends are told.

use link_mux::{ChannelId, DownReason, Event};

use crate::app::{Half, State};
use crate::plan::S;
use crate::rng::mix;
use crate::world::World;

/// A job whose channel was lost is begun again, so often.
const MOST_TRIES: u32 = 3;

impl World {
    /// Takes what a session has to tell.
    pub fn events(&mut self, end: usize) {
        while let Some(event) = self.poll_event(end) {
            self.say(end, || format!("{event:?}"));
            match event {
                Event::Up(info) => {
                    assert!(!self.ends[end].up, "a session within a session");
                    let theirs = &self.plan.ends[1 - end].config;
                    assert_eq!(info.max_channels, theirs.max_channels);
                    self.ends[end].up = true;
                    self.ends[end].changed = self.now;
                    self.figures.sessions += 1;
                }
                Event::Down(why) => self.down(end, why),
                Event::Incoming(id) => self.incoming(end, id),
                Event::Accepted(id) => {
                    let half = self.half(end, id);
                    assert_eq!(half.state, State::Opening);
                    half.state = State::Open;
                    self.figures.accepted += 1;
                }
                Event::Refused(id, why) => {
                    let (pair, _) = self.ends[end].pairs[&id.get()];
                    assert_eq!(self.pairs[pair].refusal, Some(why));
                    let half = self.half(end, id);
                    assert_eq!(half.state, State::Opening);
                    let capacity = u64::from(half.plan.inbound);
                    let (count, sum) = &mut self.ends[end].leaving;
                    (*count, *sum) = (*count + 1, *sum + capacity);
                    self.figures.refused += 1;
                    self.leave(end, id, State::Refused);
                }
                Event::Closed(id) => {
                    assert_eq!(self.half(end, id).state, State::Open);
                    self.figures.closed += 1;
                    self.leave(end, id, State::Closed);
                }
                other => panic!("{other:?} between two honest ends"),
            }
            self.figures.note(mix(self.now ^ (end as u64) << 60));
        }
        let this = &mut self.ends[end];
        if let Some(session) = &mut this.session {
            assert_eq!(
                session.mux().is_up(),
                this.up,
                "events that do not tell all"
            );
            let known = this.pairs.len() + this.waiting.len();
            assert!(
                session.mux().channels() >= known,
                "channels that are gone without a word"
            );
        }
    }

    fn poll_event(&mut self, end: usize) -> Option<Event> {
        self.ends[end].session.as_mut()?.mux().poll_event()
    }

    fn half(&mut self, end: usize, id: ChannelId) -> &mut Half {
        let (pair, side) = self.ends[end].pairs[&id.get()];
        self.pairs[pair].halves[side]
            .as_mut()
            .expect("it was put there")
    }

    fn down(&mut self, end: usize, why: DownReason) {
        assert!(self.ends[end].up, "a second end of a session");
        assert!(
            !matches!(why, DownReason::Violation(_)),
            "{why} between two honest ends"
        );
        let faults = self.figures.restarts + self.figures.cuts + self.figures.outages;
        assert!(faults > 0, "a session ended without a reason: {why}");
        self.ends[end].up = false;
        self.ends[end].changed = self.now;
        self.ends[end].waiting.clear();
        self.forget(end, State::Lost);
    }

    /// The channels of one end are gone, in that way.
    pub fn forget(&mut self, end: usize, state: State) {
        self.ends[end].leaving = (0, 0);
        let ids: Vec<u16> = self.ends[end].pairs.keys().copied().collect();
        for id in ids {
            let (pair, side) = self.ends[end].pairs[&id];
            let half = self.pairs[pair].halves[side]
                .as_ref()
                .expect("it was put there");
            if state == State::Lost {
                assert!(
                    half.tap.borrow().lost,
                    "a channel was not told that its session is lost"
                );
                self.figures.lost += 1;
            } else {
                self.figures.killed += 1;
            }
            let job = self.pairs[pair].job;
            if side == 0 && self.begun[job] < MOST_TRIES {
                let at = self.now + self.rng.below(S);
                self.ends[end].jobs.push((at, job));
            }
            let id = self.pairs[pair].halves[side].as_ref().map(|half| half.id);
            self.leave(end, id.expect("it is there"), state);
        }
    }

    fn leave(&mut self, end: usize, id: ChannelId, state: State) {
        let (pair, side) = self.ends[end].pairs.remove(&id.get()).expect("it is known");
        let half = self.pairs[pair].halves[side]
            .as_mut()
            .expect("it was put there");
        half.state = state;
        if state != State::Killed {
            half.drain();
        }
        self.pairs[pair].check();
    }

    fn incoming(&mut self, end: usize, id: ChannelId) {
        let pair = self.ends[1 - end].opened.get(&id.get());
        let pair = *pair.expect("a channel that nobody opened");
        assert!(!self.pairs[pair].incoming, "it came twice");
        self.pairs[pair].incoming = true;
        let at = self.now + self.rng.between(0, self.plan.ends[end].late);
        self.ends[end].waiting.push((at, id, pair));
    }
}
