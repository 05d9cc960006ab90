//! What must hold of every channel, whatever happens.

use link_mux::{End, Refusal};

use crate::app::{Half, State};
use crate::plan::Time;

/// A channel.
pub struct Pair {
    pub job: usize,
    pub opened: Time,
    /// The acceptor was told.
    pub incoming: bool,
    /// What it said instead of accepting.
    pub refusal: Option<Refusal>,
    /// The opener's, and the acceptor's.
    pub halves: [Option<Half>; 2],
    pub watches: [Watch; 2],
}

/// Since when a direction of a channel has made no progress that it could make.
#[derive(Clone, Copy, Default)]
pub struct Watch {
    since: Time,
    seen: Option<Progress>,
}

/// What shows that a direction is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    phase: Phase,
    arrived: u64,
    over: bool,
    receipt: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Asked,
    /// It is the acceptor's program that is waited for.
    Heard,
    Refused,
    Accepted,
    Open,
    Closing,
}

impl Pair {
    pub fn new(job: usize, opened: Time) -> Pair {
        Pair {
            job,
            opened,
            incoming: false,
            refusal: None,
            halves: [None, None],
            watches: [Watch::default(); 2],
        }
    }

    pub fn is_live(&self) -> bool {
        self.halves.iter().flatten().any(Half::is_live)
    }

    /// Both directions, at any moment.
    pub fn check(&self) {
        if let [Some(opener), Some(acceptor)] = &self.halves {
            direction(opener, acceptor);
            direction(acceptor, opener);
        }
        for half in self.halves.iter().flatten() {
            let tap = half.tap.borrow();
            assert!(
                tap.queues.readable() <= half.plan.inbound as usize,
                "more is held than was granted"
            );
            if half.state == State::Open {
                assert!(!tap.lost, "told of a loss that was none");
            }
        }
    }

    /// When all is over.
    pub fn check_end(&self) {
        self.check();
        let [opener, acceptor] = &self.halves;
        let Some(opener) = opener else { return };
        if opener.state == State::Refused {
            assert!(acceptor.is_none(), "refused and accepted");
        }
        let Some(acceptor) = acceptor else {
            assert_ne!(
                opener.state,
                State::Closed,
                "closed, though nobody accepted"
            );
            return;
        };
        if opener.state == State::Closed && acceptor.state == State::Closed {
            complete(opener, acceptor);
            complete(acceptor, opener);
        }
    }

    /// How long a direction has waited for what is due to it, bytes, an end or a receipt. `disturbed`: nothing is
    /// due now.
    pub fn waited(&mut self, direction: usize, now: Time, disturbed: bool) -> Time {
        let (due, progress) = self.progress(direction);
        let watch = &mut self.watches[direction];
        let seen = (due && !disturbed).then_some(progress);
        if seen.is_none() || watch.seen != seen {
            *watch = Watch { since: now, seen };
        }
        now - watch.since
    }

    pub fn describe(&self, direction: usize) -> String {
        let progress = self.progress(direction);
        let half = |half: &Half| {
            let Half {
                end,
                id,
                state,
                written,
                ended,
                got,
                stopped,
                plan,
                ..
            } = half;
            format!(
                "end {end} {id:?} {state:?} written {written} ended {ended:?} got {got} stopped {stopped:?} {plan:?} writable {}",
                half.tap.borrow().queues.writable()
            )
        };
        let halves = self.halves.each_ref().map(|side| side.as_ref().map(half));
        format!("direction {direction} {progress:?} of {halves:?}")
    }

    /// Whether something is due to this direction, and how far it has come.
    fn progress(&self, direction: usize) -> (bool, Progress) {
        let live = |side: usize| self.halves[side].as_ref().filter(|half| half.is_live());
        let at = |phase| Progress {
            phase,
            ..Progress::default()
        };
        match (live(direction), live(1 - direction)) {
            (Some(writer), Some(reader)) => between(writer, reader),
            (Some(_), None) => match (&self.halves[1 - direction], &self.refusal) {
                // It is to hear that the channel is closed.
                (Some(other), _) => (other.state == State::Closed, at(Phase::Closing)),
                // An open that is to arrive, or the answer to it.
                (None, None) if self.incoming => (false, at(Phase::Heard)),
                (None, None) => (true, at(Phase::Asked)),
                (None, Some(_)) => (true, at(Phase::Refused)),
            },
            _ => (false, Progress::default()),
        }
    }
}

/// The same of two ends that live.
fn between(writer: &Half, reader: &Half) -> (bool, Progress) {
    let opening = writer.state == State::Opening || reader.state == State::Opening;
    let arrived = reader.got + reader.readable() as u64;
    let (over, receipt) = (reader.is_over(), writer.receipt().is_some());
    let due = if over {
        let other_way = writer.is_over() && reader.receipt().is_some();
        !receipt || other_way
    } else {
        let more = arrived < writer.written || writer.ended.is_some();
        more && reader.readable() == 0
    };
    let phase = match opening {
        true => Phase::Accepted,
        false => Phase::Open,
    };
    let progress = Progress {
        phase,
        arrived,
        over,
        receipt,
    };
    (opening || due, progress)
}

fn direction(writer: &Half, reader: &Half) {
    assert!(
        reader.got + reader.readable() as u64 <= writer.written,
        "more was received than was sent"
    );
    let lost = reader.tap.borrow().lost;
    match reader.seen_end() {
        Some(End::Orderly) => {
            assert_eq!(
                writer.ended,
                Some(End::Orderly),
                "an orderly end that nobody made"
            );
            assert_eq!(
                reader.got, writer.written,
                "an orderly end with bytes missing"
            );
        }
        Some(End::Abort) if !lost => {
            assert_eq!(writer.ended, Some(End::Abort), "an abort that nobody made");
        }
        _ => {}
    }
    let tap = writer.tap.borrow();
    if let Some(Some(read)) = tap.queues.receipt() {
        assert!(reader.is_over(), "a receipt of who still reads");
        assert_eq!(read, reader.got, "a receipt that is wrong");
        let how = reader.stopped.unwrap_or(End::Orderly);
        assert_eq!(
            tap.queues.refused(),
            Some(how),
            "a receipt that tells another end"
        );
    }
}

/// Of a channel that nothing has disturbed.
fn complete(writer: &Half, reader: &Half) {
    assert_eq!(
        writer.receipt(),
        Some(Some(reader.got)),
        "closed without a receipt"
    );
    if reader.stopped.is_none() {
        assert_eq!(
            reader.seen_end(),
            writer.ended,
            "closed without the right end"
        );
    }
}
