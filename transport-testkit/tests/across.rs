//! The suite with its two sides in two processes: a third party's transport passes it, one that is broken
//! does not, and a process that does not serve, or dies, is told of.
#![cfg(unix)]

mod fault_support;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use channel::mem::Mem;
use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Domain, Endpoint, ListenError, Options};
use fault_support::{Directory, unix::Unix};
use transport_testkit::fault::{Fault, Plan};
use transport_testkit::{ACROSS, Report, Subject, Suite, TESTS, across};

/// Where the sockets of the two are.
const SOCKETS: &str = "TESTKIT_TEST_SOCKETS";
/// Has the other process go wrong.
const WRONG: &str = "TESTKIT_TEST_WRONG";

struct Sockets(Directory);

impl Subject for Sockets {
    fn name(&self) -> &str {
        "unix"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Unix::new(&self.0.0));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let place = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("unix", &place).unwrap();
        at.with_broker(broker).unwrap()
    }

    fn large(&self) -> usize {
        1 << 19
    }
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    let directory = PathBuf::from(std::env::var_os(SOCKETS).unwrap_or_default());
    across::serve(move |domain| {
        let unix = Unix::new(&directory);
        match std::env::var(WRONG).as_deref() {
            Ok("is cut") => domain.add(Cut(Fault::new(unix, Plan::new(0).cut_write_at(5000)))),
            Ok("dies") => std::process::abort(),
            _ => domain.add(unix),
        }
    });
}

/// The suite over sockets; in the other process something is wrong, or not.
fn suite(wrong: &'static str) -> Suite {
    let directory = Directory::new();
    let path = directory.0.clone();
    let again = across::this_test("the_other_process");
    Suite::new(Sockets(directory)).across(move || {
        let mut command = again();
        command.env(SOCKETS, &path).env(WRONG, wrong);
        command
    })
}

#[track_caller]
fn message(report: &Report) -> &str {
    println!("{report}");
    let [failure] = report.failures() else {
        panic!("one test fails:\n{report}");
    };
    failure.message()
}

// shows T7
#[test]
fn sockets_pass_across_two_processes() {
    let report = suite("").jobs(4).run();
    println!("{report}");
    report.assert_passed();
    assert_eq!(report.tests().len(), TESTS.len() + ACROSS.len());
    // What is left behind is counted in one process.
    let mut others = report.not_applicable().iter();
    assert!(others.all(|test| test.why().contains("what is left behind")));
}

// What is wrong in the other process alone is found.
#[test]
fn a_cut_in_the_other_process_is_found() {
    let only = [
        "c4_full_buffers_stay_readable",
        "c3_a_pending_read_is_woken",
    ];
    let report = suite("is cut").only(only).run();
    let message = message(&report);
    assert!(message.contains("the peer is lost"), "{message}");
    assert!(report.blames("C4"));
}

#[test]
fn a_process_that_dies_is_told_of() {
    let report = suite("dies").only(["c1_question_and_answer"]).run();
    let message = message(&report);
    assert!(message.contains("the other process is gone"), "{message}");
    assert!(message.contains("signal"), "{message}");
    assert!(report.took() < Duration::from_secs(30), "{report}");
}

#[test]
fn a_process_that_does_not_serve_is_told_of() {
    let only = ["c1_question_and_answer"];
    let suite = Suite::new(Sockets(Directory::new())).only(only);
    let report = suite.across(across::this_test("no_such_test")).run();
    let text = message(&report);
    assert!(text.contains("the other process is gone"), "{text}");

    let suite = Suite::new(Sockets(Directory::new())).only(only);
    let report = suite.across(|| Command::new("/nowhere/at/all")).run();
    let text = message(&report);
    assert!(text.contains("does not start"), "{text}");
}

// A child ends with its parent: here the parent's end of the pipe is closed.
#[test]
fn a_process_ends_with_its_parent() {
    let mut command = across::this_test("the_other_process")();
    command
        .env("TESTKIT_SERVES", "1")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

struct Memory;

impl Subject for Memory {
    fn name(&self) -> &str {
        "mem"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Mem::new());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }
}

// Memory has no two processes: nothing of it is shown, and that is said.
#[test]
fn memory_is_not_applicable() {
    let suite = Suite::new(Memory).across(across::this_test("the_other_process"));
    let report = suite.only(["C4"]).run();
    assert_eq!(report.not_applicable().len(), report.tests().len());
    let why = report.not_applicable()[0].why();
    assert!(why.contains("in one process"), "{why}");
}

#[test]
#[should_panic(expected = "no such test in one process")]
fn what_only_two_processes_show_is_not_for_one() {
    let _ = Suite::new(Memory).only([ACROSS[0].name]).run();
}

/// Sockets that are cut.
struct Cut(Fault<Unix>);

impl Transport for Cut {
    fn schemes(&self) -> &[&str] {
        &["unix"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let connection = self.0.inner().dial(to, options).await?;
            Ok(self.0.wrap(connection))
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        self.0.inner().listen(at, options)
    }
}
