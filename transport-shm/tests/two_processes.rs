//! Shared memory passes the suite with its two sides in two processes, and what only two processes can show:
//! peers that are killed, or exit with everything open.

mod support;

use support::SharedMemory;
use transport_shm::Shm;
use transport_testkit::fault::{Fault, Plan, seed};
use transport_testkit::{Subject, Suite, across};

const SUBJECT: SharedMemory = SharedMemory {
    live_memory: None,
    // More than the buffers hold. There is nothing else on the way, so each fill of a small one costs wake-ups.
    large: 1 << 17,
};

/// What is added on both sides, by each with faults of its own.
fn lively() -> Plan {
    Plan::lively(seed("across two processes"))
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    across::serve(|domain| {
        SUBJECT.add_to(domain);
        domain.add(Fault::new(Shm::new(), lively()));
    });
}

fn passes(suite: Suite) {
    let suite = suite.across(across::this_test("the_other_process"));
    let report = suite.jobs(2).run();
    println!("{report}");
    report.assert_passed();
}

// shows T7, C6
#[test]
fn the_suite_passes_across_two_processes() {
    passes(Suite::new(SUBJECT));
}

// shows T7
#[test]
fn the_suite_passes_across_two_processes_behind_faults() {
    passes(Suite::behind_faults(SUBJECT, Shm::new, lively()));
}
