//! Something that is not ours in the place of a socket: told, and never removed.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use channel::{DialError, ListenError};

use super::{assert_says, at, files, listed, private_directory, settings};
use crate::claim::Claim;
use crate::connect::connect;

/// Checks that what lies there is told about, by `connect` in these words, and left alone.
fn is_left_alone(make: impl FnOnce(&Path) -> Option<Box<dyn std::any::Any>>, dialled: &[&str]) {
    let directory = private_directory();
    let path = directory.path().join("server.sock");
    let server = at(directory.path(), "server");
    let _kept = make(&path);
    let shown = path.to_str().unwrap();

    let error = Claim::new(&settings(&server)).unwrap_err();
    assert_says(&error, &[shown, "remove it", "choose another name"]);
    match error {
        ListenError::Io(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
        other => panic!("{other:?}"),
    }
    match connect(&settings(&server)) {
        Err(DialError::Io(error)) => assert_says(&error, dialled),
        other => panic!("{other:?}"),
    }
    assert!(listed(directory.path()).is_empty());
    assert_eq!(files(directory.path()), ["server.sock"]);
}

// shows T2
#[test]
fn the_socket_of_a_program_that_listens() {
    is_left_alone(
        |path| Some(Box::new(UnixListener::bind(path).unwrap())),
        &["server.sock", "another program"],
    );
    is_left_alone(
        |path| Some(Box::new(UnixDatagram::bind(path).unwrap())),
        &["server.sock", "another program"],
    );
}

// shows T2
#[test]
fn a_file() {
    is_left_alone(
        |path| {
            std::fs::write(path, "precious").unwrap();
            None
        },
        &["server.sock", "another kind"],
    );
    is_left_alone(
        |path| {
            std::fs::create_dir(path).unwrap();
            None
        },
        &["server.sock", "another kind"],
    );
}

// shows T2
#[test]
fn a_symbolic_link_to_a_living_socket() {
    let elsewhere = private_directory();
    let target = elsewhere.path().join("target.sock");
    is_left_alone(
        |path| {
            symlink(&target, path).unwrap();
            Some(Box::new(UnixListener::bind(&target).unwrap()))
        },
        &["server.sock", "another program"],
    );
}

// shows T2
#[test]
fn a_symbolic_link_to_nothing() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    symlink("/nowhere", directory.path().join("server.sock")).unwrap();
    let error = Claim::new(&settings(&server)).unwrap_err();
    assert_says(&error, &["server.sock", "another kind", "remove it"]);
    assert!(matches!(
        connect(&settings(&server)),
        Err(DialError::NotFound)
    ));
    assert_eq!(files(directory.path()), ["server.sock"]);
}
