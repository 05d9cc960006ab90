//! Processes that have the number of an earlier one, or no number here at all. Takes namespaces of process
//! ids, and the program `unshare`.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use channel::Endpoint;

use super::process::{holder, start, start_by, tell};
use super::{at, not_run, private_directory, settings};
use crate::claim::Claim;
use crate::connect::connect;

/// `unshare`, with its own processes and ids; `None` if there are no such namespaces.
fn unshare(test: &str) -> Option<Command> {
    const OPTIONS: [&str; 3] = ["-Urpf", "--mount-proc", "--kill-child"];
    let tried = Command::new("unshare")
        .args(OPTIONS)
        .arg("true")
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => {
            let mut command = Command::new("unshare");
            command.args(OPTIONS).arg(std::env::current_exe().unwrap());
            Some(command)
        }
        other => {
            not_run(test, &format!("no namespaces of processes: {other:?}"));
            None
        }
    }
}

// shows T2
#[test]
fn a_process_of_another_namespace_is_known_by_its_socket_alone() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let Some(command) = unshare("a process of another namespace") else {
        return;
    };
    let _claim = Claim::new(&settings(&server)).unwrap();
    let mut other = start_by(command, &format!("connect {server}"));
    assert_eq!(other.hear(), "None, alive");
}

/// In the other namespace.
pub fn tell_who_listens(at: &Endpoint) {
    match connect(&settings(at)) {
        Ok(Some((_, peer))) => {
            let life = if peer.is_alive() { "alive" } else { "dead" };
            tell(&format!("{:?}, {life}", peer.pid()));
        }
        other => tell(&format!("{other:?}")),
    }
}

// shows B1, T2
#[test]
fn a_process_with_the_number_of_a_dead_one_is_not_taken_for_it() {
    const INSIDE: &str = "TRANSPORT_SHM_TEST_NUMBERS";
    const TEST: &str =
        "tests::namespaces::a_process_with_the_number_of_a_dead_one_is_not_taken_for_it";
    if std::env::var_os(INSIDE).is_none() {
        let Some(mut command) = unshare(TEST) else {
            return;
        };
        let status = command
            .args(["--exact", TEST, "--nocapture"])
            .env(INSIDE, "1")
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "see above");
        return;
    }
    let directory = private_directory();
    let [server, second] = [
        at(directory.path(), "server"),
        at(directory.path(), "second"),
    ];
    // It is killed, and a child keeps its socket.
    let mut dead = start(&format!("bequeath {server}"));
    assert_eq!(dead.hear(), "won");
    let (_socket, known) = connect(&settings(&server)).unwrap().unwrap();
    dead.kill();
    // The next one gets the same number.
    if let Err(why) = fs::write("/proc/sys/kernel/ns_last_pid", (dead.id() - 1).to_string()) {
        return not_run(TEST, &why.to_string());
    }
    let next = holder(&second);
    if next.id() != dead.id() {
        return not_run(TEST, "another process has taken the number");
    }
    let (_socket, living) = connect(&settings(&second)).unwrap().unwrap();
    assert_eq!(living.pid(), known.pid());
    assert!(living.is_alive() && !known.is_alive());
    if let (Some(one), Some(two)) = (living.process(), known.process()) {
        assert!(!Arc::ptr_eq(one, two));
    }
    // Nor does it speak for a dead one's socket.
    drop(Claim::new(&settings(&server)).unwrap());
}
