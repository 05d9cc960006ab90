//! A process that takes part in a real set-up, and then writes whatever it likes over header and data of both
//! rings, while this one reads, writes, waits and closes. Its own channel can bring wrong bytes, fail or end;
//! every call returns, a disconnect always works, and another channel of the same process goes on undisturbed.
//!
//! `SCRIBBLES` says how many; `scripts/scribble-shm` runs it at full size under AddressSanitizer, and prints the
//! table.

#[path = "../support/mod.rs"]
mod support;

mod bystander;
mod outcomes;
mod scribbler;
mod victim;

use outcomes::Outcomes;
use support::{LIMIT, at, eventually, listen, mappings, runtime_directory, say, times};
use transport_testkit::Leaks;
use transport_testkit::process::start;
use victim::{Phase, Victim};

/// Scribbles on each channel, at most.
const MOST: u64 = 100;

// shows R3, T2, C3, C4
#[test]
fn scribbles_stay_on_their_channel() {
    let seed = transport_testkit::fault::seed("scribbles");
    let scribbles = times("SCRIBBLES", 3000);
    let directory = runtime_directory();
    let victim = Victim {
        broker: listen(&at(directory.path(), "victim")),
        scribbler: at(directory.path(), "scribbler"),
        seed,
    };
    let bystander = bystander::start(&directory);
    bystander.wait_for_rounds(1);
    let before = Leaks::snapshot();
    let mapped = mappings();

    let given = format!("{} {seed} {scribbles}", directory.path().display());
    let mut process = start("scribbler::the_scribbler", &given);
    let mut outcomes = Outcomes::default();
    for number in 0.. {
        match process.hear().as_str() {
            "over" => break,
            word => assert_eq!(word, "next"),
        }
        let phase = Phase::of(number);
        let about = format!("channel {number} of seed {seed}: {phase:?}");
        outcomes.add(phase, victim.bears(number, phase, &mut process, &about));
    }
    drop(process);
    before.check_within(LIMIT).unwrap();
    eventually("its memory is not mapped", || mappings() == mapped);
    let rounds = bystander.rounds();
    bystander.wait_for_rounds(rounds + 1);
    bystander.stop();
    say(&format!(
        "seed {seed}, {scribbles} scribbles, {rounds} rounds next door\n{outcomes}"
    ));
}
