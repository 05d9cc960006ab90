//! What becomes of a killed process's names.

use std::time::{Duration, Instant};

use channel::transport::Lingering;
use channel::{DialError, Endpoint};

use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use super::process::{Process, holder, start};
use super::{at, files, leave_stale, listed, private_directory, settings};
use crate::claim::Claim;
use crate::connect::connect;
use crate::list::{sweep_after, sweep_once_ended};

/// A process that has taken the name, and has left a child that keeps its socket.
fn with_heir(at: &Endpoint) -> Process {
    let mut process = start(&format!("bequeath {at}"));
    assert_eq!(process.hear(), "won");
    process
}

/// All that can be done with the name of a process that is killed, each with a process of its own.
fn is_free_at_once(start: impl Fn(&Endpoint) -> Process) {
    let directory = private_directory();
    let path = directory.path();
    let server = at(path, "server");
    let wanted = settings(&server);
    let killed = || {
        let mut process = start(&server);
        assert_eq!(listed(path), ["server"]);
        process.kill();
        assert_eq!(files(path), ["server.sock"]);
        process
    };

    let heir = killed();
    drop(Claim::new(&wanted).unwrap());
    assert!(files(path).is_empty());
    drop(heir);

    let heir = killed();
    assert!(matches!(connect(&wanted), Err(DialError::NotFound)));
    drop(heir);

    let heir = killed();
    assert!(listed(path).is_empty());
    drop(heir);
}

// shows B1, T2
#[test]
fn the_name_of_a_killed_process_is_free_at_once() {
    is_free_at_once(holder);
}

// shows B1, T2
#[test]
fn a_child_that_keeps_the_socket_of_a_killed_process_fakes_no_life() {
    is_free_at_once(with_heir);
}

// shows T2
#[test]
fn whoever_talked_with_a_killed_process_removes_what_it_left() {
    let directory = private_directory();
    let path = directory.path();
    let (server, second) = (at(path, "server"), at(path, "second"));
    let wanted = settings(&server);
    let stale = |name| leave_stale(path, name);

    let mut process = holder(&server);
    let living = Claim::new(&settings(&second)).unwrap();
    let (_socket, peer) = connect(&wanted).unwrap().unwrap();
    stale("first");
    sweep_after(&peer, &wanted.place);
    let all = ["first.sock", "second.sock", "server.sock"];
    assert_eq!(files(path), all, "it has not ended yet");
    process.kill();
    sweep_after(&peer, &wanted.place);
    assert_eq!(files(path), ["second.sock"], "whose process lives");
    let bothered = accept_with(&living, SocketFlags::CLOEXEC);
    assert_eq!(bothered.unwrap_err(), Errno::AGAIN);
    // A thousand channels to one process are a thousand calls, and one look.
    stale("third");
    sweep_after(&peer, &wanted.place);
    assert_eq!(files(path), ["second.sock", "third.sock"]);
    // In another directory that process has not been looked for.
    let elsewhere = private_directory();
    leave_stale(elsewhere.path(), "fourth");
    sweep_after(&peer, &settings(&at(elsewhere.path(), "any")).place);
    assert!(files(elsewhere.path()).is_empty());
}

// shows T2: also if the survivor is about to exit
#[test]
fn a_program_that_lingers_removes_what_a_process_leaves_that_is_still_ending() {
    let directory = private_directory();
    let path = directory.path();
    let server = at(path, "server");
    let wanted = settings(&server);
    loop {
        let mut process = holder(&server);
        let (_socket, peer) = connect(&wanted).unwrap().unwrap();
        let begun = Instant::now();
        sweep_once_ended(&peer, &wanted.place, Lingering::new());
        process.kill();
        // On a machine so busy that this took longer, nobody waits any more: again, then.
        if begun.elapsed() < Duration::from_millis(500) {
            channel::linger(Duration::from_secs(60)).unwrap();
            assert!(files(path).is_empty());
            break;
        }
    }
}
