//! TLS passes the suite with its two sides in two processes, and what only two processes can show.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use channel::{Domain, Endpoint};
use tempfile::TempDir;
use transport_tcp::Tls;
use transport_testkit::{Subject, Suite, across};

/// `tls:`, with its certificates in a directory: endpoints name them, for both processes.
struct Secured(TempDir);

impl Secured {
    fn new() -> Secured {
        let directory = TempDir::new().unwrap();
        let authority = tls_support::Authority::new("the only authority");
        let me = authority.identity();
        for (file, pem) in [
            ("ca", &authority.pem()),
            ("cert", &me.cert),
            ("key", &me.key),
        ] {
            std::fs::write(directory.path().join(file), pem).unwrap();
        }
        Secured(directory)
    }
}

impl Subject for Secured {
    fn name(&self) -> &str {
        "tls"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Tls::from_options());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let tcp = support::place(broker).to_string();
        let tls: Endpoint = tcp.replacen("tcp", "tls", 1).parse().unwrap();
        ["ca", "cert", "key"].into_iter().fold(tls, |at, file| {
            let path = self.0.path().join(file);
            at.with_option(file, path.to_str().unwrap()).unwrap()
        })
    }

    fn large(&self) -> usize {
        // Buffers are small there, and each call takes its way to the other process.
        1 << 19
    }
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    across::serve(|domain| domain.add(Tls::from_options()));
}

// shows T7, C6: over TLS.
#[test]
fn the_suite_passes_across_two_processes() {
    let suite = Suite::new(Secured::new()).across(across::this_test("the_other_process"));
    let report = suite.jobs(2).run();
    println!("{report}");
    report.assert_passed();
}
