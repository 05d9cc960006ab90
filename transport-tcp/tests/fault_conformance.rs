//! Splits, delays and stalls break no promise: TCP passes the whole suite behind the fault injector, too.

use channel::{Domain, Endpoint};
use transport_tcp::Tcp;
use transport_testkit::fault::{Plan, seed};
use transport_testkit::{Subject, Suite};

struct Sockets;

impl Subject for Sockets {
    fn name(&self) -> &str {
        "tcp"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Tcp::new());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let any = Endpoint::new("tcp", "127.0.0.1:0").unwrap();
        any.with_broker(broker).unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

// shows T7: over TCP.
#[test]
fn the_suite_passes_over_faulty_tcp() {
    let plan = Plan::lively(seed("the_suite_passes_over_faulty_tcp"));
    let report = Suite::behind_faults(Sockets, Tcp::new, plan).jobs(2).run();
    println!("{report}");
    report.assert_passed();
    let fired = report.fired().expect("it was run behind faults");
    for of in [fired.splits, fired.delays, fired.stalls] {
        assert!(of > 0, "a kind of fault did not fire: {fired}");
    }
    assert_eq!(fired.cuts, 0);
}
