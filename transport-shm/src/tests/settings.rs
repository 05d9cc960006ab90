//! Endpoints that make no sense are told about.

use std::path::Path;

use channel::{DialError, Endpoint, ListenError};

use super::assert_says;
use crate::name::MAX_LEN;
use crate::settings::Settings;

fn refused(endpoint: &str, says: &[&str]) {
    let endpoint: Endpoint = endpoint.parse().unwrap();
    let dial = DialError::from(Settings::of(&endpoint).unwrap_err());
    let listen = ListenError::from(Settings::of(&endpoint).unwrap_err());
    assert_says(&dial, says);
    assert_says(&listen, says);
}

// shows T2
#[test]
fn what_makes_no_sense_is_refused() {
    refused("shm://a?baud=1", &["no option `baud`", "dir", "allow"]);
    refused("shm://", &["empty", "shm://server"]);
    refused("shm://a%20b", &["`a b`", "letters, digits"]);
    let long = "x".repeat(MAX_LEN + 1);
    refused(&format!("shm://{long}"), &["takes 78 bytes", "room for 77"]);
    refused("shm://a?dir=run", &["`run`", "absolute"]);
    refused("shm://a?dir=", &["absolute"]);
    refused("shm://a?allow=1000", &["needs option `dir`"]);
    for bad in ["", "0", "1k", "+7", "-1"] {
        refused(
            &format!("shm://a?max-capacity={bad}"),
            &["option `max-capacity`", "?max-capacity=1048576"],
        );
    }
    for bad in ["", "1000,", "alice", "+7", "-1", "4294967295", "4294967296"] {
        refused(
            &format!("shm://a?dir=/run/a&allow={bad}"),
            &["option `allow`", "?allow=1000,1001"],
        );
    }
}

// shows T2
#[test]
fn what_makes_sense_is_taken() {
    let of = |endpoint: &str| Settings::of(&endpoint.parse().unwrap()).unwrap();
    let longest = "x".repeat(MAX_LEN);
    assert_eq!(
        of(&format!("shm://{longest}?dir=/run/a")).name.as_ref(),
        longest
    );
    let place = of("shm://place/broker?dir=/run/a&max-capacity=4096");
    assert_eq!((place.name.as_ref(), place.max_capacity), ("place", 4096));
    let alone = of("shm://a?dir=/run/a/").place;
    assert_eq!((&*alone.path, alone.shared), (Path::new("/run/a"), false));
    let many = of("shm://a?dir=/run/a&allow=7,4294967294").place;
    assert!(many.shared && many.users.allow(7) && many.users.allow(4_294_967_294));
    assert!(many.users.allow(crate::place::own_uid()) && !many.users.allow(8));
}
