//! Splits, delays and stalls break no promise: links pass the whole suite behind the fault injector, too.
#![cfg(unix)]

mod support;

use support::cable::{Cables, Make, OverCables};
use transport_testkit::Suite;
use transport_testkit::fault::{Plan, seed};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn passes_behind_faults(make: Make, name: &str) {
    let subject = OverCables {
        make,
        live_memory: || ALLOCATOR.current_usage(),
    };
    let plan = Plan::lively(seed(name));
    let suite = Suite::behind_faults(subject, move || Cables::new(make), plan);
    let report = suite.jobs(2).run();
    println!("{report}");
    report.assert_passed();
    let fired = report.fired().expect("it was run behind faults");
    for of in [fired.splits, fired.delays, fired.stalls] {
        assert!(of > 0, "a kind of fault did not fire: {fired}");
    }
    assert_eq!(fired.cuts, 0);
}

// shows T7: over links.
#[test]
fn the_suite_passes_over_faulty_links() {
    passes_behind_faults(Make::Sockets, "the_suite_passes_over_faulty_links");
}

// shows T7: over links with threads that block.
#[test]
fn the_suite_passes_over_faulty_halves() {
    passes_behind_faults(Make::Pipes, "the_suite_passes_over_faulty_halves");
}
