//! The transport inside a process passes the suite.

use channel::mem::Mem;
use channel::{Domain, Endpoint};
use transport_testkit::{Subject, conformance};

struct Memory;

impl Subject for Memory {
    fn name(&self) -> &str {
        "mem"
    }

    // Every domain has it already.
    fn add_to(&self, _: &Domain) {}

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

conformance!(Memory);
