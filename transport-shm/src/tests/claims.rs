//! One name, one listener.

use std::fs::hard_link;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use channel::{ConnectError, DialError, Domain, ListenError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, listen, recv};

use super::process::{holder, start, start_by, tell};
use super::{at, eventually, files, leave_stale, listed, private_directory, settings, take_in};
use crate::ThisMachine;
use crate::claim::Claim;
use crate::connect::connect;
use crate::peer::open_by_number;

// shows B1, T2
#[test]
fn a_name_is_one_listeners_until_that_is_dropped() {
    let directory = private_directory();
    let path = directory.path().join("run");
    let server = at(&path, "server");
    let wanted = settings(&server);
    assert!(matches!(connect(&wanted), Err(DialError::NotFound)));
    assert!(!path.exists(), "nobody has to make it who only looks");

    let claim = Claim::new(&wanted).unwrap();
    assert!(matches!(
        Claim::new(&wanted),
        Err(ListenError::NameTaken { name, by }) if name == "server" && by == Some(std::process::id())
    ));
    let other = at(&path, "other");
    let other = Claim::new(&settings(&other)).unwrap();
    let (_ours, peer) = connect(&wanted).unwrap().expect("there is room");
    assert_eq!(peer.pid(), Some(std::process::id()));
    // The second claim has looked by connecting.
    let _probe = take_in(&claim);
    let _theirs = take_in(&claim);
    assert_eq!(listed(&path), ["other", "server"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("server.sock")), 0o600);

    drop(claim);
    assert!(matches!(connect(&wanted), Err(DialError::NotFound)));
    drop(Claim::new(&wanted).unwrap());
    drop(other);
    assert!(files(&path).is_empty());
}

// shows B1
#[test]
fn of_all_who_race_for_a_name_one_gets_it() {
    const ROUNDS: usize = 150;
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let role = format!("race {server}");
    let mut racers = [start(&role), start(&role), start(&role)];
    for round in 0..ROUNDS {
        if round % 3 > 0 {
            // A dead one's socket: to be removed once, and not when it is the winner's.
            leave_stale(directory.path(), "server");
        }
        racers.iter_mut().for_each(|racer| racer.say("claim"));
        // It removes what is dead, too.
        assert!(listed(directory.path()).len() <= 1);
        let outcomes: Vec<_> = racers.iter_mut().map(|racer| racer.hear()).collect();
        let count = |what| outcomes.join(" ").matches(what).count();
        assert_eq!(
            (count("won"), count("taken")),
            (1, 5),
            "round {round}: {outcomes:?}"
        );
        assert_eq!(listed(directory.path()), ["server"]);
        for racer in &mut racers {
            racer.say("drop");
            assert_eq!(racer.hear(), "dropped");
        }
        assert!(files(directory.path()).is_empty());
    }
}

// shows T2
#[test]
fn a_full_backlog_is_no_refusal() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let wanted = settings(&server);
    let claim = Claim::new(&wanted).unwrap();
    listen(claim.as_fd(), 0).unwrap();
    let mut waiting = Vec::new();
    while let Some(connection) = connect(&wanted).unwrap() {
        waiting.push(connection);
        assert!(waiting.len() < 10, "the backlog is never full");
    }
    assert!(matches!(
        Claim::new(&wanted),
        Err(ListenError::NameTaken { by: None, .. })
    ));
    assert_eq!(listed(directory.path()), ["server"]);
    drop(take_in(&claim));
    assert!(connect(&wanted).unwrap().is_some());
}

// shows B4: who has come and was not taken in is sent away, though a child may keep the socket.
#[test]
fn whoever_waits_at_a_claim_that_ends_is_told() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let claim = Claim::new(&settings(&server)).unwrap();
    let kept = claim.as_fd().try_clone_to_owned().unwrap();
    let (ours, _) = connect(&settings(&server)).unwrap().unwrap();
    let file = |name: &str| directory.path().join(name);
    hard_link(file("server.sock"), file("late.sock")).unwrap();
    drop(claim);
    eventually("it hangs up", || {
        recv(&ours, &mut [0; 1], RecvFlags::empty()) != Err(Errno::AGAIN)
    });
    // Nor can anybody come who was on the way when the name was given back.
    let late = settings(&at(directory.path(), "late"));
    assert!(matches!(connect(&late), Err(DialError::NotFound)));
    drop(kept);
}

// shows T2
#[test]
fn what_is_removed_by_hand_is_not_missed_and_another_ones_socket_is_left_alone() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let claim = Claim::new(&settings(&server)).unwrap();
    std::fs::remove_file(directory.path().join("server.sock")).unwrap();
    let second = Claim::new(&settings(&server)).unwrap();
    drop(claim);
    assert_eq!(listed(directory.path()), ["server"]);
    drop(second);
    assert!(files(directory.path()).is_empty());
}

// shows T2: one descriptor for a process, however many connections there are with it.
#[test]
fn all_who_talk_with_a_process_share_what_tells_of_its_end() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let mut process = holder(&server);
    let (_one, first) = connect(&settings(&server)).unwrap().unwrap();
    let (_two, second) = connect(&settings(&server)).unwrap().unwrap();
    assert_eq!(first.pid(), Some(process.id()));
    let (Some(one), Some(two)) = (first.process(), second.process()) else {
        return super::not_run("all who talk", "this kernel has no pidfds");
    };
    assert!(Arc::ptr_eq(one, two));
    assert!(first.is_alive());
    // Older kernels know it by its number alone.
    let by_number = open_by_number(process.id().cast_signed()).unwrap();
    let ended = || {
        let mut fds = [PollFd::new(&by_number, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())) == Ok(1)
    };
    assert!(!ended());
    // Another process that wants the name is told who has it.
    match Claim::new(&settings(&server)) {
        Err(ListenError::NameTaken { by, .. }) => assert_eq!(by, Some(process.id())),
        other => panic!("{other:?}"),
    }
    process.kill();
    assert!(ended());
    assert!(!first.is_alive() && !second.is_alive());
}

// shows T2
#[test]
fn a_thousand_claims_and_connects_leave_no_descriptor() {
    let directory = private_directory();
    let role = format!("cycles {}", directory.path().display());
    assert_eq!(start(&role).hear(), "as many as before");
    assert!(files(directory.path()).is_empty());
}

/// In a process of its own, as the count is the process's.
pub fn count_descriptors(directory: &Path) {
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let server = at(directory, "server");
    let wanted = settings(&server);
    let before = count();
    for _ in 0..1000 {
        let claim = Claim::new(&wanted).unwrap();
        assert!(Claim::new(&wanted).is_err());
        let (_ours, peer) = connect(&wanted).unwrap().unwrap();
        assert!(peer.is_alive());
        assert_eq!(listed(directory), ["server"]);
        drop(claim);
        assert!(connect(&wanted).is_err());
    }
    match count() - before {
        0 => tell("as many as before"),
        more => tell(&format!("{more} more")),
    }
}

// shows B3, B6
#[test]
fn a_broker_of_this_machine_is_found_by_its_name_alone() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let _process = holder(&server);
    leave_stale(directory.path(), "stale");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("CHANNEL_RUNTIME_DIR", directory.path());
    let mut other = start_by(command, "names");
    assert_eq!(other.hear(), "server: shm://server");
    for unknown in ["stale", "unknown", "no/name"] {
        let asked = "none, asked: this process, this machine";
        assert_eq!(other.hear(), format!("{unknown}: {asked}"));
    }
}

/// With a runtime directory of its own, which is a matter of the environment.
pub fn tell_of_names() {
    let domain = Domain::new();
    domain.add_resolver(ThisMachine);
    let client = domain.broker("client").unwrap();
    for name in ["server", "stale", "unknown", "no/name"] {
        match client.connect(name, 7) {
            Err(ConnectError::NoSuchBroker { asked, .. }) => {
                tell(&format!("{name}: none, asked: {asked}"));
            }
            // There is no transport here that could go there.
            Err(ConnectError::Dial { endpoint, .. }) => tell(&format!("{name}: {endpoint}")),
            other => tell(&format!("{name}: {other:?}")),
        }
    }
}
