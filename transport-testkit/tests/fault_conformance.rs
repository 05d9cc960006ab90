//! Splits, delays and stalls break no promise: the whole conformance suite passes through them, over
//! memory and over sockets. Not one test function per promise, because in the end it counts whether
//! any fault fired.
#![cfg(unix)]

mod fault_support;

use std::sync::atomic::{AtomicU64, Ordering};

use channel::mem::Mem;
use channel::{Domain, Endpoint};
use fault_support::{Directory, unix::Unix};
use transport_testkit::fault::{Plan, seed};
use transport_testkit::{Report, Subject, Suite};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

struct Memory;

impl Subject for Memory {
    fn name(&self) -> &str {
        "mem"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Mem::new());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

/// `unix:`, all domains over one directory.
struct Sockets(Directory);

impl Subject for Sockets {
    fn name(&self) -> &str {
        "unix"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Unix::new(&self.0.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("unix", &place).unwrap();
        at.with_broker(broker).unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

#[track_caller]
fn passes(report: &Report) {
    println!("{report}");
    report.assert_passed();
    let fired = report.fired().expect("it was run behind faults");
    for of in [fired.splits, fired.delays, fired.stalls] {
        assert!(of > 0, "a kind of fault did not fire: {fired}");
    }
    assert_eq!(fired.cuts, 0);
}

// shows T7: over memory.
#[test]
fn the_suite_passes_over_faulty_memory() {
    let plan = Plan::lively(seed("the_suite_passes_over_faulty_memory"));
    let suite = Suite::behind_faults(Memory, Mem::new, plan);
    passes(&suite.jobs(2).run());
}

// shows T7: over sockets.
#[test]
fn the_suite_passes_over_faulty_sockets() {
    let plan = Plan::lively(seed("the_suite_passes_over_faulty_sockets"));
    let directory = Directory::new();
    let path = directory.0.clone();
    let make = move || Unix::new(&path);
    let suite = Suite::behind_faults(Sockets(directory), make, plan);
    passes(&suite.jobs(2).run());
}

// shows T7: a run in which nothing fired is a failure, though every test passed.
#[test]
fn a_suite_without_a_fault_has_failed() {
    let suite = Suite::behind_faults(Memory, Mem::new, Plan::new(7));
    let report = suite.only(["c1_question_and_answer"]).run();
    assert!(report.failures().is_empty() && !report.passed(), "{report}");
    let text = report.to_string();
    assert!(text.contains("nothing fired is a failure"), "{text}");
    assert!(text.contains("fault+mem: 1 of 1 tests passed"), "{text}");
    assert!(text.contains("(seed 7); 0 faults in "), "{text}");
}
