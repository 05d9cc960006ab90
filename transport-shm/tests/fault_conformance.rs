//! Splits, delays and stalls break no promise: shared memory passes the whole suite behind the fault injector,
//! too.

mod support;

use support::SharedMemory;
use transport_shm::Shm;
use transport_testkit::Suite;
use transport_testkit::fault::{Plan, seed};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

// shows T7: over shared memory.
#[test]
fn the_suite_passes_over_faulty_shared_memory() {
    let subject = SharedMemory {
        live_memory: Some(|| ALLOCATOR.current_usage()),
        large: 1 << 18,
    };
    let plan = Plan::lively(seed("the_suite_passes_over_faulty_shared_memory"));
    let report = Suite::behind_faults(subject, Shm::new, plan).jobs(2).run();
    println!("{report}");
    report.assert_passed();
    let fired = report.fired().expect("it was run behind faults");
    for of in [fired.splits, fired.delays, fired.stalls] {
        assert!(of > 0, "a kind of fault did not fire: {fired}");
    }
    assert_eq!(fired.cuts, 0);
}
