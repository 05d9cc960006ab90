//! What is told, and what is left, when a process is killed.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::super::network::passed;
use super::super::text;
use super::{Machine, failed};

/// How long anything may take that does not depend on an amount of work.
const PATIENCE: Duration = Duration::from_secs(60);

impl Machine {
    /// A client that has talked with the server, and whose standard input stays open.
    fn client(&self, at: &str) -> Child {
        let mut client = self
            .demo(&["client", "-e", at])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.as_mut().unwrap().write_all(b"hello").unwrap();
        let stdout = client.stdout.as_mut().unwrap();
        stdout.read_exact(&mut [0; 5]).unwrap();
        client
    }

    /// The process that listens, once it has a channel.
    fn listener(&self) -> Pid {
        let pid = wait_for(|| self.list().first().and_then(|one| one["pid"].as_i64()));
        let memory = format!("/proc/{pid}/maps");
        wait_for(|| {
            fs::read_to_string(&memory)
                .unwrap()
                .contains("/memfd:")
                .then_some(())
        });
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Some(found) => return found,
            None if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(5)),
            None => panic!("nothing within {PATIENCE:?}"),
        }
    }
}

// shows C6, E3, T2
#[test]
fn a_server_that_is_killed_is_told_as_lost_and_leaves_nothing_behind() {
    let machine = Machine::new();
    let mut server = machine.server(&["-t", "shm"]);
    let mut client = machine.client(&server.at[0]);
    // Its standard input stays open: the news alone ends it.
    let stdin = client.stdin.take().unwrap();
    server.child.kill().unwrap();
    let output = client.wait_with_output().unwrap();
    failed(&output, "lost");
    drop(stdin);
    assert_eq!(machine.files(), [""; 0]);

    // Nor does one that nobody talked with keep the name.
    let mut server = machine.server(&["-t", "shm"]);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert_eq!(machine.files(), ["echo.sock"]);
    failed(
        &machine.run(&["test", "-e", "shm://echo"]),
        "nobody listens there",
    );
    assert_eq!(machine.files(), [""; 0]);
    let server = machine.server(&["-t", "shm"]);
    passed(&machine.run(&["test", "--json", "-e", "shm://echo"]));
    server.end();
}

// shows C6, T2
#[test]
fn a_client_that_is_killed_is_told_as_lost_and_disturbs_nobody() {
    for style in ["blocking", "poller"] {
        let machine = Machine::new();
        let mut server = machine.server(&["-t", "shm", "--server", style]);
        let mut client = machine.client(&server.at[0]);
        client.kill().unwrap();
        client.wait().unwrap();
        // It is told while the server runs on.
        let lost = server.next();
        assert_eq!(lost["event"], "served", "{lost}");
        assert!(lost["end"]["lost"].is_string(), "{lost}");
        passed(&machine.run(&["test", "--json", "-e", &server.at[0]]));
        assert_eq!(server.end().len(), 1);
        assert_eq!(machine.files(), [""; 0]);
    }
}

// shows C6, E3, T2
#[test]
fn a_second_process_that_is_killed_is_told_and_leaves_nothing_behind() {
    let machine = Machine::new();
    for args in [
        // None of these would end within hours.
        &["load", "-n", "4", "-b", "1000GiB"][..],
        &[
            "load", "-n", "4", "-b", "1000GiB", "--as", "messages", "--server", "blocking",
        ],
        &["bench", "--size", "1", "--seconds", "10000"],
        &[
            "bench",
            "--size",
            "1KiB",
            "--seconds",
            "10000",
            "--as",
            "messages",
        ],
    ] {
        let mut first = machine.demo(&[args, &["-t", "shm", "--spawn"]].concat());
        let first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let first = first.unwrap();
        kill_process(machine.listener(), Signal::KILL).unwrap();
        let output = first.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        let told = ["a second process", "lost", "nobody listens"];
        assert!(
            told.iter().any(|told| said.contains(told)),
            "{args:?}: {said}"
        );
        assert_eq!(machine.files(), [""; 0], "{args:?}: {said}");
    }
}

// shows T2: a process that has lost the one that started it ends, and leaves nothing behind
#[test]
fn a_first_process_that_is_killed_takes_the_second_with_it() {
    let machine = Machine::new();
    let mut first = machine.demo(&["load", "-b", "1000GiB", "-n", "4", "-t", "shm", "--spawn"]);
    let mut first = first.stdout(Stdio::null()).spawn().unwrap();
    machine.listener();
    first.kill().unwrap();
    first.wait().unwrap();
    // Nobody asks for the list meanwhile, which would remove what is left of the dead.
    wait_for(|| machine.files().is_empty().then_some(()));
}
