//! Short reads and writes, delays and stalls are no excuse: memory and sockets behind the fault
//! injector, as long as it cuts nothing, pass the suite too.
#![cfg(unix)]

#[path = "../../channel/tests/third_party/unix.rs"]
#[allow(dead_code)]
mod unix;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use channel::mem::Mem;
use channel::transport::Transport;
use channel::{Domain, Endpoint};
use parking_lot::Mutex;
use transport_testkit::fault::{Fault, Plan, seed};
use transport_testkit::{Subject, Suite};

/// Tells how many faults fired in each domain.
type Count = Box<dyn Fn() -> u64 + Send>;

/// The injectors of all domains.
#[derive(Clone, Default)]
struct Made(Arc<Mutex<Vec<Count>>>);

impl Made {
    fn add<T: Transport + 'static>(&self, domain: &Domain, fault: Fault<T>) {
        domain.add(fault.clone());
        self.0.lock().push(Box::new(move || fault.fired().faults()));
    }

    /// A run in which no fault fired has shown nothing.
    fn expect_some(&self) {
        let counts: Vec<u64> = self.0.lock().iter().map(|count| count()).collect();
        let hit = counts.iter().filter(|count| **count > 0).count();
        println!("{} faults in {hit} domains", counts.iter().sum::<u64>());
        assert!(hit > 50, "faults fired in {hit} domains only");
    }
}

struct Memory(u64, Made);

impl Subject for Memory {
    fn name(&self) -> &str {
        "fault+mem"
    }

    fn add_to(&self, domain: &Domain) {
        let fault = Fault::new(Mem::new(), Plan::lively(self.0));
        self.1.add(domain, fault);
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap().with_fault()
    }
}

struct Sockets(u64, Made, tempfile::TempDir);

impl Subject for Sockets {
    fn name(&self) -> &str {
        "fault+unix"
    }

    fn add_to(&self, domain: &Domain) {
        let sockets = unix::Unix::new(self.2.path());
        let fault = Fault::new(sockets, Plan::lively(self.0));
        self.1.add(domain, fault);
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("unix", &place).unwrap().with_fault();
        at.with_broker(broker).unwrap()
    }
}

#[test]
fn lively_memory() {
    let made = Made::default();
    let subject = Memory(seed("lively_memory"), made.clone());
    Suite::new(subject).jobs(8).run().assert_passed();
    made.expect_some();
}

#[test]
fn lively_sockets() {
    let made = Made::default();
    let directory = tempfile::tempdir().unwrap();
    let subject = Sockets(seed("lively_sockets"), made.clone(), directory);
    Suite::new(subject).jobs(8).run().assert_passed();
    made.expect_some();
}
