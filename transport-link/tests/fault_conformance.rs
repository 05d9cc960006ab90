//! Splits, delays and stalls break no promise: links with threads that block pass the whole suite behind the fault
//! injector. (Links on which the driver sleeps pass it without, and behind faults as `pipe:`, in `transport-serial`.)
#![cfg(unix)]

mod support;

use support::cable::{Cables, Make, OverCables};
use transport_testkit::Suite;
use transport_testkit::fault::{Plan, seed};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

// shows T7: over pipes that block, with a thread for each direction between them and the driver.
#[test]
fn the_suite_passes_over_faulty_halves() {
    let subject = OverCables {
        make: Make::Pipes,
        live_memory: || ALLOCATOR.current_usage(),
    };
    let plan = Plan::lively(seed("the_suite_passes_over_faulty_halves"));
    let suite = Suite::behind_faults(subject, || Cables::new(Make::Pipes), plan);
    let report = suite.jobs(4).run();
    println!("{report}");
    report.assert_passed();
    let fired = report.fired().expect("it was run behind faults");
    for of in [fired.splits, fired.delays, fired.stalls] {
        assert!(of > 0, "a kind of fault did not fire: {fired}");
    }
    assert_eq!(fired.cuts, 0);
}
