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
        let writer = self.halves[direction]
            .as_ref()
            .filter(|half| half.is_live());
        let reader = self.halves[1 - direction]
            .as_ref()
            .filter(|half| half.is_live());
        let mut progress = Progress::default();
        let due = match (writer, reader) {
            (Some(writer), Some(reader)) => {
                let opening = writer.state == State::Opening || reader.state == State::Opening;
                let over = reader.is_over();
                progress = Progress {
                    phase: if opening {
                        Phase::Accepted
                    } else {
                        Phase::Open
                    },
                    arrived: reader.got + reader.readable() as u64,
                    over,
                    receipt: writer.receipt().is_some(),
                };
                let more = progress.arrived < writer.written || writer.ended.is_some();
                opening
                    || if over {
                        !progress.receipt
                    } else {
                        more && reader.readable() == 0
                    }
            }
            // An open that is to arrive, or the answer to it.
            (Some(_), None) if direction == 0 => {
                progress.phase = match (self.incoming, self.refusal) {
                    (false, _) => Phase::Asked,
                    (true, None) => Phase::Heard,
                    (true, Some(_)) => Phase::Refused,
                };
                progress.phase != Phase::Heard
            }
            _ => false,
        };
        (due, progress)
    }
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
