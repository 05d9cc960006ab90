//! A third party's transport, Unix sockets in 250 lines, passes the suite: between two domains of
//! this program that nothing but the sockets connects.
#![cfg(unix)]

#[path = "../../channel/tests/third_party/unix.rs"]
#[allow(dead_code)]
mod unix;

use std::sync::atomic::{AtomicU64, Ordering};

use channel::{Domain, Endpoint};
use transport_testkit::{Subject, conformance};

struct Sockets(tempfile::TempDir);

impl Subject for Sockets {
    fn name(&self) -> &str {
        "unix"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(unix::Unix::new(self.0.path()));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        Endpoint::new("unix", &place)
            .unwrap()
            .with_broker(broker)
            .unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

conformance!(Sockets(tempfile::tempdir().unwrap()));
