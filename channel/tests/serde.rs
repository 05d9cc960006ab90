//! Options and endpoints in configuration files.
#![cfg(feature = "serde")]

mod support;

use std::time::Duration;

use channel::{Endpoint, Options, Spin};

// shows C10: endpoints are strings, and come back equal.
#[test]
fn endpoints_are_strings() {
    for text in [
        "mem://echo",
        "fault+tcp+plain://[::1]:7000/front%20desk?port=7",
        "serial:///dev/ttyUSB0?baud=115200",
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        let json = serde_json::to_string(&endpoint).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Endpoint>(&json).unwrap(), endpoint);
    }
    let error = serde_json::from_str::<Endpoint>("\"mem:echo\"").unwrap_err();
    assert!(error.to_string().contains("expected `://`"), "{error}");
    let error = serde_json::from_str::<Endpoint>("7").unwrap_err();
    assert!(error.to_string().contains("an endpoint such as"), "{error}");
}

// shows C10: options come back equal, may be given in part, and a misspelt one is told.
#[test]
fn options_come_back() {
    let options = Options::new()
        .with_capacity(4096)
        .with_port_capacity(7, 1 << 20)
        .with_spin(Spin::up_to(Duration::from_micros(3)))
        .with_hello_deadline(Duration::from_millis(1500))
        .with_max_hellos(9)
        .with_max_waiting(10)
        .with_linger(Duration::from_secs(1));
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<Options>(&json).unwrap(), options);
    assert_eq!(
        serde_json::from_str::<Options>("{}").unwrap(),
        Options::default()
    );
    let part: Options = serde_json::from_str(r#"{"capacity": 512}"#).unwrap();
    assert_eq!(part, Options::new().with_capacity(512));
    let error = serde_json::from_str::<Options>(r#"{"capacitee": 512}"#).unwrap_err();
    assert!(error.to_string().contains("capacitee"), "{error}");
}

// shows B7: a snapshot for machines.
#[test]
fn snapshots_are_for_machines_too() {
    let domain = channel::Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let (mut ours, _theirs) = support::meet(&server, &client, 7);
    ours.write_all(b"12345").unwrap();
    let json = serde_json::to_value(server.channels()).unwrap();
    assert_eq!(json[0]["peer"], "mem://client");
    assert_eq!(json[0]["peer_name"], "client");
    assert_eq!(json[0]["port"], 7);
    assert_eq!(json[0]["state"], "Open");
    assert_eq!(json[0]["totals"]["written"], 5);
}
