//! TCP passes the suite that every transport must pass: between two domains of this program that nothing
//! but sockets connects.

use channel::{Domain, Endpoint};
use transport_tcp::Tcp;
use transport_testkit::{Subject, conformance};

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

conformance!(Sockets);
