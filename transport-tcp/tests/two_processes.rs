//! TCP passes the suite with its two sides in two processes, and what only two processes can show: peers
//! that are killed, or exit with everything open.

mod support;

use channel::{Domain, Endpoint};
use support::place;
use transport_tcp::Tcp;
use transport_testkit::fault::{Fault, Plan, seed};
use transport_testkit::{Subject, Suite, across};

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

    fn large(&self) -> usize {
        // Buffers are small there, and each call takes its way to the other process.
        1 << 19
    }
}

/// What is added on both sides, by each with faults of its own.
fn lively() -> Plan {
    Plan::lively(seed("across two processes"))
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    across::serve(|domain| {
        Sockets.add_to(domain);
        domain.add(Fault::new(Tcp::new(), lively()));
    });
}

fn passes(suite: Suite) {
    let suite = suite.across(across::this_test("the_other_process"));
    let report = suite.jobs(2).run();
    println!("{report}");
    report.assert_passed();
}

// shows T7, C6
#[test]
fn the_suite_passes_across_two_processes() {
    passes(Suite::new(Sockets));
}

// shows T7
#[test]
fn the_suite_passes_across_two_processes_behind_faults() {
    passes(Suite::behind_faults(Sockets, Tcp::new, lively()));
}
