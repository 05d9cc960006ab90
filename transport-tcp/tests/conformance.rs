//! TCP passes the suite that every transport must pass: between two domains of this program that nothing
//! but sockets connects.

mod support;

use channel::{Domain, Endpoint};
use support::place;
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
        place(broker)
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

conformance!(Sockets);
