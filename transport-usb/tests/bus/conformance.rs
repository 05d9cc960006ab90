//! The conformance suite over the bus: one process is the gadget, another the host.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use transport_testkit::fault::{Plan, seed};
use transport_testkit::{ACROSS, Report, Suite, TESTS, Test};

use crate::support::cable::{all, speed};
use crate::support::lab::{on_the_bus_within, sweep};
use crate::support::subject::{Bus, Cables, Listens, POOL, other};

/// Of three processes, two would have to be the host's end of one cable.
const THREE: &str = "b2_a_kill_ends_no_other";

/// How long a test of the suite may take on an emulated processor.
const TEST: Duration = Duration::from_secs(120);

/// How long all of them may.
const ALL: Duration = Duration::from_secs(1200);

/// Names or promises, if only those tests of the suite are wanted: `lab/run --env SUITE="C1 M7"`.
const CHOSEN: &str = "SUITE";

/// Runs tests, as many at once as there are pools of cables.
fn passes(listens: Listens, tests: Vec<&'static Test>, suite: fn(Arc<Cables>) -> Suite) {
    let pools = all().len() / POOL;
    assert!(
        pools > 0,
        "the suite needs {POOL} cables at least: lab/run --buses {POOL}"
    );
    let chosen = std::env::var(CHOSEN).unwrap_or_default();
    let chosen = self::tests(&chosen.split(' ').collect::<Vec<_>>());
    let mut tests = tests;
    tests.retain(|test| chosen.is_empty() || chosen.iter().any(|one| one.name == test.name));
    let (tests, reports) = (Mutex::new(tests.into_iter()), Mutex::new(Vec::new()));
    let next = || tests.lock().unwrap().next();
    thread::scope(|scope| {
        for pool in 0..pools {
            let (next, reports) = (&next, &reports);
            scope.spawn(move || {
                let cables = Cables::new(listens, pool);
                while let Some(test) = next() {
                    let suite = suite(cables.clone()).only([test.name]).limit(TEST);
                    let report = suite.run();
                    reports.lock().unwrap().push(report);
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    if !reports.is_empty() {
        tell(&reports);
    }
}

/// Prints what came of them. `lab/test` reads the line.
fn tell(reports: &[Report]) {
    let failures = || reports.iter().flat_map(Report::failures);
    failures().for_each(|failure| println!("{failure}"));
    let mut slowest: Vec<_> = reports
        .iter()
        .map(|report| (report.took(), report.tests()[0].name))
        .collect();
    slowest.sort();
    for (took, name) in slowest.iter().rev().take(SLOWEST) {
        println!("{:>6.1} s  {name}", took.as_secs_f64());
    }
    let failed = failures().count();
    let nothing = reports.iter().map(|report| report.not_applicable().len());
    let nothing = nothing.sum::<usize>();
    let passed = reports.len() - failed - nothing;
    println!(
        "lab: conformance passed={passed} failed={failed} speed={}; not applicable: {nothing}; {}",
        speed().trim_end_matches("-speed"),
        reports[0].subject(),
    );
    assert_eq!(failed, 0, "see the failures above");
}

/// So many are named with their times.
const SLOWEST: usize = 8;

/// Tests of these names, or that show these promises.
fn tests(which: &[&str]) -> Vec<&'static Test> {
    let all = TESTS.iter().chain(ACROSS);
    let is = |test: &&Test| which.contains(&test.name) || which.contains(&test.promise);
    all.filter(is).collect()
}

// shows T4, T7: every promise that two processes can show.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_gadget_listens() {
    on_the_bus_within(ALL, || {
        let all = TESTS.iter().chain(ACROSS);
        let all = all.filter(|test| test.name != THREE).collect();
        passes(Listens::Gadget, all, |cables| {
            Suite::new(Bus(cables)).across(other(Listens::Gadget, false))
        });
    });
}

// shows T4, T7: the other way round, which differs by who opens whom, and by who may die.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_host_listens() {
    on_the_bus_within(ALL, || {
        let some = tests(&[
            "c1_both_directions_at_once",
            "c4_full_buffers_stay_readable",
            "c8_who_closes_and_exits_costs_nothing",
            "c9_partial_tells_how_far_the_peer_came",
            "c6_a_killed_peer_is_a_loss",
            "c6_a_kill_in_a_flood_is_a_loss",
            "b1_a_place_is_taken_once",
            "b2_many_channels_at_once",
            "b3_nobody_listens_there",
            "b3_a_killed_connector_is_not_handed_out",
            "m3_a_message_larger_than_the_buffer_arrives_whole",
            "m7_a_killed_sender_is_truncated",
        ]);
        assert_eq!(some.len(), 12, "a test of the suite has another name now");
        passes(Listens::Host, some, |cables| {
            Suite::new(Bus(cables)).across(other(Listens::Host, false))
        });
        // The suite kills the other process of its last test, which is the gadget's here.
        sweep();
    });
}

// shows T7
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn behind_faults() {
    on_the_bus_within(ALL, || {
        let some = tests(&[
            "c1_a_large_transfer_arrives_whole",
            "c1_both_directions_at_once",
            "c4_full_buffers_stay_readable",
            "c8_a_flood_from_the_peer_costs_nothing_outbound",
            "m1_messages_of_every_size",
        ]);
        passes(Listens::Gadget, some, |cables| {
            let plan = Plan::lively(seed("behind_faults"));
            let make = {
                let cables = cables.clone();
                move || cables.transport()
            };
            Suite::behind_faults(Bus(cables), make, plan).across(other(Listens::Gadget, true))
        });
    });
}
