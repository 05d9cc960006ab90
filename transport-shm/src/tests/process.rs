//! A second process: this test program once more, in a role.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;

use channel::{Endpoint, ListenError};
use rustix::io::{FdFlags, fcntl_setfd};
use transport_testkit::process::{self, ROLE};
pub use transport_testkit::process::{Process, tell};

use super::settings;
use crate::claim::Claim;

/// What the other process runs.
const TEST: &str = "tests::process::the_other_process";

/// Starts a process in a role: `hold ENDPOINT`, and so on, below.
pub fn start(role: &str) -> Process {
    process::start(TEST, role)
}

/// As [`start`], by a command that runs a program with its arguments.
pub fn start_by(mut command: Command, role: &str) -> Process {
    command
        .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
        .env(ROLE, role);
    Process::spawn(command)
}

/// A process that has taken the name of `at`.
pub fn holder(at: &Endpoint) -> Process {
    let mut process = start(&format!("hold {at}"));
    assert_eq!(process.hear(), "won");
    process
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    let Some(role) = process::given() else {
        return;
    };
    let (role, argument) = role.split_once(' ').unwrap_or((&role, ""));
    match role {
        "hold" => hold(&argument.parse().unwrap(), false),
        "bequeath" => hold(&argument.parse().unwrap(), true),
        "bequeath-channels" => super::heirs::bequeath_channels(&argument.parse().unwrap()),
        "race" => race(&argument.parse().unwrap()),
        "connect" => super::namespaces::tell_who_listens(&argument.parse().unwrap()),
        "names" => super::claims::tell_of_names(),
        "descriptors" => super::bad_input::run_out_of_descriptors(argument.as_ref()),
        "small-files" => super::bad_input::keep_to_small_files(),
        "cycles" => super::claims::count_descriptors(argument.as_ref()),
        _ => panic!("no role `{role}`"),
    }
}

fn outcome(claim: &Result<Claim, ListenError>) -> String {
    match claim {
        Ok(_) => "won".into(),
        Err(ListenError::NameTaken { .. }) => "taken".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// Takes a name and keeps it until it is killed. With `heir`, a child has the socket, too, and ends when
/// the test closes the standard input.
fn hold(at: &Endpoint, heir: bool) {
    let claim = Claim::new(&settings(at));
    if let (Ok(claim), true) = (&claim, heir) {
        fcntl_setfd(claim.as_fd(), FdFlags::empty()).unwrap();
        let mut child = Command::new("cat");
        child.stdout(Stdio::null()).stderr(Stdio::null());
        #[expect(clippy::zombie_processes, reason = "it outlives this process")]
        child.spawn().unwrap();
    }
    tell(&outcome(&claim));
    loop {
        thread::park();
    }
}

/// At each `claim`, two threads try to take the name; at each `drop`, it is given back.
fn race(at: &Endpoint) {
    let settings = settings(at);
    let mut won = Vec::new();
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "claim" => {
                let claim = || Claim::new(&settings);
                let (mine, other) = thread::scope(|scope| {
                    let other = scope.spawn(claim);
                    (claim(), other.join().unwrap())
                });
                tell(&format!("{} {}", outcome(&mine), outcome(&other)));
                won.extend([mine, other].into_iter().flatten());
            }
            _ => {
                won.clear();
                tell("dropped");
            }
        }
    }
}
