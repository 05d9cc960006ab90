//! The suite with its two sides in two processes.
//!
//! The side that listens is this process. The side that connects is a second one: it has domains,
//! brokers and channels of its own, and does by remote control what a test does with them, call by
//! call; so the tests are those that run in one process. Questions go to its standard input, answers
//! come from its standard output: it may run wherever a command can start it, behind `ssh` or in a
//! virtual machine too. When its input ends, it exits; when it dies, the test fails and says so.
//!
//! Usually it is the test program itself, started again to run one test alone:
//!
//! ```no_run
//! # struct Sockets;
//! # impl transport_testkit::Subject for Sockets {
//! #     fn name(&self) -> &str { "mem" }
//! #     fn add_to(&self, _: &channel::Domain) {}
//! #     fn endpoint(&self, broker: &str) -> channel::Endpoint {
//! #         channel::mem::Mem::endpoint(broker).unwrap()
//! #     }
//! # }
//! use transport_testkit::{Subject, Suite, across};
//!
//! # /*
//! #[test]
//! # */
//! fn the_other_process() {
//!     across::serve(|domain| Sockets.add_to(domain));
//! }
//!
//! # /*
//! #[test]
//! # */
//! fn the_suite_passes_across_two_processes() {
//!     let suite = Suite::new(Sockets).across(across::this_test("the_other_process"));
//!     let report = suite.jobs(2).run();
//!     println!("{report}");
//!     report.assert_passed();
//! }
//! ```
//!
//! Each test has a process of its own. A suite behind faults goes across as well:
//! `Suite::behind_faults(..).across(..)`, and what serves adds a [`Fault`](crate::fault::Fault) to its
//! domains; [`fault::seed`](crate::fault::seed) gives it the seed of the suite.

mod connect;
mod control;
mod halves;
mod peer;
mod relay;
mod said;
mod seat;
mod served;
mod wire;
mod workers;

use std::io;
use std::process::Command;
use std::sync::Arc;

use channel::Domain;

pub(crate) use peer::Peer;
pub(crate) use relay::Relay;

use crate::seed::SEED;

/// Set for a process that is to serve.
const SERVES: &str = "TESTKIT_SERVES";

/// In a process that a suite [across](crate::Suite::across) two processes has started: serves it, and
/// does not return. In any other: returns at once. `add_to` adds the transport to a domain, for each
/// broker anew.
///
/// Nothing else may write to the standard output meanwhile, or read from the standard input. (What a
/// test prints is captured by its harness, unless it is told not to.)
pub fn serve(add_to: impl Fn(&Domain) + 'static) {
    if std::env::var_os(SERVES).is_some() {
        served::serve(Box::new(add_to))
    }
}

/// The command for [`Suite::across`](crate::Suite::across) that starts this test program again, to run
/// one test alone: the one named `test`, which [serves](serve). A test in a module is named with its
/// path, as in `"tests::the_other_process"`.
pub fn this_test(test: &str) -> impl Fn() -> Command + Send + Sync + 'static {
    let test = test.to_owned();
    move || {
        let program = std::env::current_exe().expect("a test program has a path");
        let mut command = Command::new(program);
        command.args([&test, "--exact", "--test-threads=1"]);
        command
    }
}

/// Starts other processes.
pub(crate) struct Across(Box<dyn Fn() -> Command + Send + Sync>);

impl Across {
    pub(crate) fn new(command: impl Fn() -> Command + Send + Sync + 'static) -> Across {
        Across(Box::new(command))
    }

    pub(crate) fn start(&self, seed: u64) -> io::Result<Arc<Peer>> {
        let mut command = (self.0)();
        command.env(SERVES, "1").env(SEED, seed.to_string());
        Peer::start(command)
    }
}
