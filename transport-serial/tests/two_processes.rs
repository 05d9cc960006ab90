//! A serial line passes the suite with its two sides in two processes, and what only two processes can show: peers
//! that are killed, or exit with everything open.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use support::subject::{Lines, PROMISES, THREE};
use transport_serial::line::LineConfig;
use transport_testkit::{ACROSS, Subject, Suite, TESTS, across};

const LINES: Lines = Lines {
    config: LineConfig::default,
    large: 1 << 15,
    many: 20,
    live_memory: None,
};

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    across::serve(|domain| LINES.add_to(domain));
}

// shows T5, T7, C6
#[test]
fn the_suite_passes_across_two_processes() {
    let tests = TESTS.iter().filter(|test| PROMISES.contains(&test.promise));
    let tests = tests.chain(ACROSS).filter(|test| test.name != THREE);
    let suite = Suite::new(LINES)
        .only(tests.map(|test| test.name))
        .across(across::this_test("the_other_process"));
    let report = suite.jobs(4).run();
    println!("{report}");
    report.assert_passed();
}
