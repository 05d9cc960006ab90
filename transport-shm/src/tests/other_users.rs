//! Processes of other users. Takes root, who can be anybody.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use channel::{DialError, Endpoint};
use rustix::process::Uid;
use rustix::thread::set_thread_uid;

use super::process::start_by;
use super::{assert_says, at, listed, not_run, private_directory, settings, take_in};
use crate::claim::Claim;
use crate::connect::connect;
use crate::peer::Peer;
use crate::place::own_uid;

/// No user of this machine.
const OTHER: u32 = 54321;

/// Runs `work` as another user, in a thread that ends with it; `None` if that cannot be.
fn as_other<T: Send>(test: &str, work: impl FnOnce() -> T + Send) -> Option<T> {
    if own_uid() != 0 {
        not_run(test, "only root can be another user");
        return None;
    }
    let run = || {
        set_thread_uid(Uid::from_raw(OTHER)).unwrap();
        work()
    };
    Some(std::thread::scope(|scope| scope.spawn(run).join().unwrap()))
}

fn allowing(directory: &Path, uid: u32) -> Endpoint {
    at(directory, "server")
        .with_option("allow", &uid.to_string())
        .unwrap()
}

/// A place in which a shared directory can be reached by all.
fn reachable() -> tempfile::TempDir {
    let directory = private_directory();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).unwrap();
    directory
}

// shows T2
#[test]
fn another_user_may_take_part_where_both_sides_allow_it() {
    let directory = reachable();
    let path = directory.path().join("run");
    let server = allowing(&path, OTHER);
    let claim = Claim::new(&settings(&server)).unwrap();
    assert_eq!(listed(&path), ["server"]);
    drop(take_in(&claim));
    let connected = as_other("another user may take part", || {
        connect(&settings(&allowing(&path, 0)))
    });
    let Some(connected) = connected else { return };
    let (_ours, listener) = connected.unwrap().unwrap();
    assert_eq!(listener.uid(), 0);
    let theirs = take_in(&claim);
    let peer = Peer::of(&theirs).unwrap();
    assert_eq!(peer.uid(), OTHER);
    assert!(peer.is_alive());
    peer.check(&settings(&server).place.users).unwrap();
    // Of somebody else, it would say what to do.
    let error = peer.check(&settings(&allowing(&path, 7)).place.users);
    let pid = format!("process {} runs as user {OTHER}", std::process::id());
    let advice = format!("add `allow={OTHER}`");
    assert_says(&error.unwrap_err(), &[&pid, "not allowed", &advice]);
}

// shows T2
#[test]
fn a_listener_of_another_user_is_not_trusted_unasked() {
    let directory = reachable();
    let path = directory.path().join("run");
    let server = allowing(&path, OTHER);
    let _claim = Claim::new(&settings(&server)).unwrap();
    let connected = as_other("a listener of another user", || {
        let [stranger, alone] = [allowing(&path, 7), at(&path, "server")];
        [connect(&settings(&stranger)), connect(&settings(&alone))]
    });
    for refused in connected.into_iter().flatten() {
        match refused {
            // Whoever owns the directory could put anything there.
            Err(DialError::Io(error)) => assert_says(&error, &["belongs to user 0", "allow=0"]),
            other => panic!("{other:?}"),
        }
    }
}

// shows T2
#[test]
fn a_listener_in_ones_own_directory_may_be_somebody_else_and_is_not_trusted() {
    if own_uid() != 0 {
        return not_run("a listener in one's own", "only root can be another user");
    }
    let directory = private_directory();
    chown(directory.path(), Some(OTHER), None).unwrap();
    let server = allowing(directory.path(), OTHER);
    let _claim = Claim::new(&settings(&server)).unwrap();
    let connected = as_other("a listener in one's own", || {
        connect(&settings(&at(directory.path(), "server")))
    });
    match connected {
        Some(Err(DialError::Io(error))) => assert_says(&error, &["runs as user 0", "allow=0"]),
        other => panic!("{other:?}"),
    }
}

// shows T2
#[test]
fn what_others_may_use_they_can_whatever_the_mask_of_the_process() {
    let directory = private_directory();
    let path = directory.path().join("run");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().unwrap());
    let mut process = start_by(command, &format!("hold {}", allowing(&path, OTHER)));
    assert_eq!(process.hear(), "won");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o755);
    assert_eq!(mode(&path.join("server.sock")), 0o666);
}

// shows T2
#[test]
fn nobody_else_gets_in_unasked() {
    let directory = reachable();
    let path = directory.path().join("run");
    let server = at(&path, "server");
    let _claim = Claim::new(&settings(&server)).unwrap();
    let connected = as_other("nobody else gets in", || {
        connect(&settings(&allowing(&path, 0)))
    });
    match connected {
        None => {}
        Some(Err(DialError::Io(error))) => {
            assert_says(&error, &["no permission to connect to", "server.sock"]);
        }
        Some(other) => panic!("{other:?}"),
    }
}
