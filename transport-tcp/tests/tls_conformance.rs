//! TLS passes the suite that every transport must pass: between two domains of this program that nothing
//! but secured sockets connects.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use std::sync::OnceLock;

use channel::{Domain, Endpoint};
use transport_tcp::{Credentials, Tls};
use transport_testkit::{Subject, conformance};

struct Secured;

/// One for all: making an authority takes a while.
fn credentials() -> Credentials {
    static ONE: OnceLock<Credentials> = OnceLock::new();
    ONE.get_or_init(tls_support::mutual).clone()
}

impl Subject for Secured {
    fn name(&self) -> &str {
        "tls"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Tls::new(credentials()));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let tcp = support::place(broker).to_string();
        tcp.replacen("tcp", "tls", 1).parse().unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(|| ALLOCATOR.current_usage())
    }
}

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

conformance!(Secured);
