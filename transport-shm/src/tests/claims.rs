//! One name, one listener.

use std::os::fd::AsFd;

use channel::{DialError, ListenError};
use rustix::net::accept;

use super::{at, settings};
use crate::claim::Claim;
use crate::connect::connect;
use crate::list::list_in;

// shows B1, T2
#[test]
fn a_name_is_one_listeners_until_that_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let server = at(&path, "server");
    let wanted = settings(&server);
    assert!(matches!(connect(&wanted), Err(DialError::NotFound)));
    assert!(!path.exists(), "nobody has to make it who only looks");

    let claim = Claim::new(&wanted, &server).unwrap();
    assert!(matches!(
        Claim::new(&wanted, &server),
        Err(ListenError::Taken(_))
    ));
    let other = at(&path, "other");
    let other = Claim::new(&settings(&other), &other).unwrap();
    let (_ours, peer) = connect(&wanted).unwrap().expect("there is room");
    assert_eq!(peer.pid(), Some(std::process::id()));
    // The second claim has looked by connecting; the third is this one.
    let _probe = accept(claim.as_fd()).unwrap();
    let _theirs = accept(claim.as_fd()).unwrap();
    let names: Vec<_> = list_in(&path)
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["other", "server"]);

    drop(claim);
    assert!(matches!(connect(&wanted), Err(DialError::NotFound)));
    drop(Claim::new(&wanted, &server).unwrap());
    drop(other);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
}
