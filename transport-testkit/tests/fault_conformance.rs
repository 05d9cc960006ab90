//! Splits, delays and stalls break no promise: the whole conformance suite passes through them, over
//! memory and over sockets. Not one test function per promise, because in the end it counts whether
//! any fault fired.
#![cfg(unix)]

mod fault_support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use channel::mem::Mem;
use channel::{Domain, Endpoint};
use fault_support::{Directory, unix::Unix};
use transport_testkit::fault::{Fault, Fired, Plan, seed};
use transport_testkit::{DEFAULT_LIMIT, Subject, Suite};

/// `fault+mem:`, a world of its own in each domain.
struct Memory {
    seed: u64,
    injectors: Mutex<Vec<Fault<Mem>>>,
}

impl Subject for &'static Memory {
    fn name(&self) -> &str {
        "fault+mem"
    }

    fn add_to(&self, domain: &Domain) {
        let mut injectors = self.injectors.lock().unwrap();
        let seed = self.seed.wrapping_add(injectors.len() as u64);
        let fault = Fault::new(Mem::new(), Plan::lively(seed));
        domain.add(fault.clone());
        injectors.push(fault);
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap().with_fault()
    }
}

/// `fault+unix:`, all domains over one directory.
struct Sockets {
    fault: Fault<Unix>,
}

impl Subject for &'static Sockets {
    fn name(&self) -> &str {
        "fault+unix"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(self.fault.clone());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("unix", &place).unwrap();
        at.with_broker(broker).unwrap().with_fault()
    }
}

/// Put off as they are, things take their time.
fn faulty(suite: Suite, seed: u64) -> Suite {
    suite.seed(seed).jobs(2).limit(2 * DEFAULT_LIMIT)
}

fn report(what: &str, fired: impl Iterator<Item = Fired>) {
    let fired: Vec<Fired> = fired.collect();
    let sum = |of: fn(&Fired) -> u64| fired.iter().map(of).sum::<u64>();
    println!(
        "{what}: {} splits, {} delays, {} stalls in {} calls",
        sum(|f| f.splits),
        sum(|f| f.delays),
        sum(|f| f.stalls),
        sum(|f| f.calls)
    );
    for of in [
        |f: &Fired| f.splits,
        |f: &Fired| f.delays,
        |f: &Fired| f.stalls,
    ] {
        assert!(sum(of) > 0, "a kind of fault did not fire");
    }
    assert_eq!(sum(|f| f.cuts), 0);
}

// shows T7: over memory.
#[test]
fn the_suite_passes_over_faulty_memory() {
    let seed = seed("the_suite_passes_over_faulty_memory");
    let subject: &'static Memory = Box::leak(Box::new(Memory {
        seed,
        injectors: Mutex::default(),
    }));
    faulty(Suite::new(subject), seed).run().assert_passed();
    let injectors = subject.injectors.lock().unwrap();
    report("fault+mem", injectors.iter().map(Fault::fired));
}

// shows T7: over sockets.
#[test]
fn the_suite_passes_over_faulty_sockets() {
    let seed = seed("the_suite_passes_over_faulty_sockets");
    let directory = Directory::new();
    let subject: &'static Sockets = Box::leak(Box::new(Sockets {
        fault: Fault::new(Unix::new(&directory.0), Plan::lively(seed)),
    }));
    faulty(Suite::new(subject), seed).run().assert_passed();
    report("fault+unix", std::iter::once(subject.fault.fired()));
}
