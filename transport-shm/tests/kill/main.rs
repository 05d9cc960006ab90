//! The kill campaign: a process is killed at random instants of a checked transfer, again and again, and what
//! the survivor reads, hears and holds afterwards is checked and measured each time.
//!
//! `KILLS` says how many; `scripts/kill-shm` runs it at full size and prints the table.

#[path = "../support/mod.rs"]
mod support;

mod figures;
mod forms;
mod meetings;
mod messages;
mod scene;
mod streams;
mod victim;

use figures::Figures;
use forms::Form;
use scene::Scene;
use support::{Rng, say, times};

/// What the survivor is doing when the other process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Asleep: everything was read.
    Reading,
    /// Asleep: the ring is full.
    Writing,
    /// Both directions are busy.
    Streaming,
    /// Busy with something else, while bytes lie there: it knows of the death before it reads them.
    Lagging,
    /// Somewhere between the first packet and the channel, or in the channel's few first bytes.
    Meeting,
    /// In the middle of a message, or between two.
    Receiving,
}

const STATES: [State; 6] = [
    State::Reading,
    State::Writing,
    State::Streaming,
    State::Lagging,
    State::Meeting,
    State::Receiving,
];

/// Which side is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Dialler,
    Listener,
}

// shows T2, C6, C9: what was committed is read, then comes the loss; the receipt is right, nothing is left
// behind, and the next one of the same name connects at once.
#[test]
fn the_campaign() {
    let seed = transport_testkit::fault::seed("the kill campaign");
    let kills = times("KILLS", 60);
    let mut scene = Scene::new();
    // What is made once and kept: threads, tables.
    for side in [Side::Dialler, Side::Listener] {
        streams::kill(
            &scene,
            side,
            State::Streaming,
            Form::Async,
            Rng::new(seed, 0),
        );
    }
    scene.take_baseline();
    let mut figures = Figures::default();
    for number in 0..kills {
        // Every combination comes as often.
        let state = STATES[number % STATES.len()];
        let form = Form::ALL[number / STATES.len() % Form::ALL.len()];
        let side = match number / (STATES.len() * Form::ALL.len()) % 2 {
            0 => Side::Dialler,
            _ => Side::Listener,
        };
        let rng = Rng::new(seed, number as u64 + 1);
        scene.about(format!(
            "kill {number} of seed {seed}: {side:?}, the survivor {state:?} ({form:?})"
        ));
        let news = match state {
            State::Meeting => meetings::kill(&scene, side, rng),
            State::Receiving => messages::kill(&scene, side, form, rng),
            _ => streams::kill(&scene, side, state, form, rng),
        };
        scene.expect_nothing_left();
        figures.add(state, form, news);
    }
    scene.about(String::new());
    say(&format!("seed {seed}\n{figures}"));
}
