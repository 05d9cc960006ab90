//! Pipes pass the suite that every transport must pass, also behind the fault injector.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use support::subject::Pipes;
use transport_testkit::fault::{Plan, seed};
use transport_testkit::{Suite, conformance};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

const PIPES: Pipes = Pipes {
    large: 1 << 16,
    many: 50,
    live_memory: Some(|| ALLOCATOR.current_usage()),
};

conformance!(PIPES);

// shows T7
#[test]
fn the_suite_passes_over_faulty_pipes() {
    let plan = Plan::lively(seed("the_suite_passes_over_faulty_pipes"));
    let report = Suite::behind_faults(PIPES, Pipes::transport, plan)
        .jobs(4)
        .run();
    println!("{report}");
    report.assert_passed();
}
