//! What the tests of this crate share.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod subject;

use std::time::{Duration, Instant};

use channel::{Broker, Domain, Endpoint};
use transport_serial::line::{End, Line};
use transport_serial::{Pipe, Serial};
use transport_testkit::process::ROLE;

/// Longer than anything takes on a slow machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits until it is so.
#[track_caller]
pub fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !is() {
        assert!(Instant::now() < limit, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The endpoint of an end of a line, with these options (`baud=..&..`).
pub fn at(line: &Line, end: End, options: &str) -> Endpoint {
    let path = line.path(end).to_str().unwrap();
    format!("serial://{path}?{options}").parse().unwrap()
}

/// The shell's command that runs one of this program's tests in a role, given this.
pub fn role(test: &str, given: &str) -> String {
    let program = std::env::current_exe().unwrap();
    format!(
        "{ROLE}='{given}' exec {} --exact {test} --nocapture --test-threads=1",
        program.display()
    )
}

/// A broker in a domain of its own, to which only `serial:` and `pipe:` lead.
pub fn broker(name: &str) -> Broker {
    broker_over(name, Serial::new(), Pipe::new())
}

pub fn broker_over(name: &str, serial: Serial, pipe: Pipe) -> Broker {
    let domain = Domain::new();
    domain.add(serial);
    domain.add(pipe);
    domain.broker(name).unwrap()
}

/// Bytes that tell where they are.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256 * 7) as u8).collect()
}
