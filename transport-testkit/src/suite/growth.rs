//! Whether what the process holds grows with the number of rounds.
//!
//! The figures are the whole process's, and others allocate a little now and then: what grows is
//! measured again, since what leaks does so each time.

use std::time::Duration;

use super::bystanders::is_bystander;
use super::hung;
use super::outcome::not_applicable;
use super::support::left;
use super::world::World;
use crate::leaks::Leaks;

/// How often growth has to be seen.
const MEASURES: usize = 3;

/// What memory may grow by in a round: less than anything that is allocated for each one.
const BYTES_A_ROUND: usize = 64;

/// How often a scenario is run: before anything is counted, and then.
pub(crate) struct Rounds {
    pub(crate) early: usize,
    pub(crate) late: usize,
}

/// What cheap scenarios are run: many connections, few of which may leak.
pub(crate) const CHEAP: Rounds = Rounds {
    early: 64,
    late: 256,
};

/// Ends the test if what the process holds says nothing about it.
pub(crate) fn must_be_judged(w: &World) {
    let hung = hung::count();
    if hung > 0 {
        not_applicable(format!(
            "not judged: {hung} tests (or threads of theirs) hang and still hold things"
        ));
    }
    if !cfg!(target_os = "linux") && w.subject.live_memory().is_none() {
        not_applicable(
            "descriptors and threads are counted on Linux only, memory by `live_memory`",
        );
    }
}

/// Nothing was left; ends the test if only a part of it could be counted.
pub(crate) fn must_be_judged_whole(w: &World) {
    if w.subject.live_memory().is_none() {
        not_applicable(
            "no descriptor or thread is left; memory was not counted: a subject with `live_memory` \
             says how",
        );
    }
    if !cfg!(target_os = "linux") {
        not_applicable("no memory is left; descriptors and threads are counted on Linux only");
    }
}

/// Runs a scenario again and again; in the late rounds there are no more descriptors and threads than
/// after the early ones, and hardly more memory. A scenario that takes its time is run less often.
pub(crate) fn must_not_grow(w: &World, rounds: &Rounds, mut scenario: impl FnMut(usize)) {
    must_be_judged(w);
    let share = left() / 10;
    run(rounds.early, left().saturating_sub(share), &mut scenario);
    let mut grown = Vec::new();
    for _ in 0..MEASURES {
        let slack = rounds.late * BYTES_A_ROUND;
        let memory = w.subject.live_memory().map(|live| (live, slack));
        let before = Leaks::besides(is_bystander, memory);
        let ran = run(rounds.late, left().saturating_sub(2 * share), &mut scenario);
        match before.check_within(share / 2) {
            Ok(()) => return must_be_judged_whole(w),
            Err(left) => grown.push(format!("{left} (in {ran} rounds)")),
        }
    }
    panic!("{}", grown.join("; and again "));
}

/// At most so many rounds, and at least 8: how many. Ends when there is only so much time left.
fn run(rounds: usize, until: Duration, scenario: &mut impl FnMut(usize)) -> usize {
    for round in 0..rounds {
        if round >= 8 && left() < until {
            return round;
        }
        scenario(round);
    }
    rounds
}
