//! Why a connect failed: each reason is an error of its own that names the address which was tried. What
//! needs a broken network stands in `vanished`, and a broker that closes in `rendezvous`.

mod support;

use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use channel::wire::hello::{Message, Refusal, Refused, Version, Welcome};
use channel::{ConnectError, DialError, Endpoint, Options};
use support::{LIMIT, at, client, domain, foreign, listen};
use transport_tcp::{Failure, Failures};

fn connect_within(at: &Endpoint, limit: Duration) -> ConnectError {
    let error = client().connect_at(at, 7, Some(limit)).unwrap_err();
    // Whatever it is, a person can see where it happened.
    assert!(error.to_string().contains(at.authority()), "{error}");
    error
}

fn connect(at: &Endpoint) -> ConnectError {
    connect_within(at, LIMIT)
}

/// What a connect says to a server that reads our hello, and answers with `answer`.
fn answered(answer: impl FnOnce(&mut std::net::TcpStream) + Send + 'static) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = foreign::greet(&listener);
        answer(&mut stream);
        // Until the connector has left.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let error = connect(&at(&format!("tcp://{address}/server")));
    serving.join().unwrap();
    error
}

// shows B3
#[test]
fn no_such_broker() {
    let (_server, at) = listen("tcp://127.0.0.1:0/server");
    let error = connect(&at.with_broker("other").unwrap());
    assert!(
        matches!(&error, ConnectError::NoSuchBroker { name, .. } if name == "other"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = connect(&at(&format!("tcp://{address}/server")));
    let failures = Failures::of(&error).unwrap_or_else(|| panic!("{error}"));
    assert!(
        matches!(failures.all(), [Failure::Refused { address: a }] if *a == address),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

// shows T3: the broker itself refuses: it has all the connectors that it takes.
#[test]
fn refused_by_the_broker() {
    let options = Options::new().with_max_waiting(0);
    let server = domain().broker_with("server", options).unwrap();
    let bound = server.listen(&at("tcp://127.0.0.1:0/server")).unwrap();
    let error = connect(bound.endpoint());
    assert!(
        matches!(&error, ConnectError::Refused { reason, .. } if reason.contains("too many")),
        "{error}"
    );
}

// shows B3
#[test]
fn nobody_accepts() {
    let (_server, at) = listen("tcp://127.0.0.1:0/server");
    let error = connect_within(&at, Duration::from_millis(50));
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_server_that_says_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = at(&format!("tcp://{}", listener.local_addr().unwrap()));
    let error = connect_within(&at, Duration::from_millis(50));
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
}

// shows T3: as those at the other end are told, or as this end finds.
#[test]
fn another_version() {
    const OTHER: Version = Version::new(2, 3);
    let mut refused = Refused::new(Refusal::VersionMismatch, "speak 2");
    refused.version = OTHER;
    let welcome = Welcome {
        version: OTHER,
        capacity: 0,
    };
    for message in [Message::Refused(refused), Message::Welcome(welcome)] {
        let error = answered(move |stream| foreign::say(stream, &message));
        assert!(
            matches!(&error, ConnectError::Version { theirs, ours, .. }
                if (*theirs, *ours) == (OTHER, Version::CURRENT)),
            "{error}"
        );
        assert!(error.to_string().contains("version 2.3"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

// shows T3
#[test]
fn no_broker_at_all() {
    let error = answered(|stream| {
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap()
    });
    assert!(matches!(error, ConnectError::Protocol { .. }), "{error}");
    assert!(error.to_string().contains("+plain"), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

// shows T3: it was there, and is lost before anybody accepts: in an orderly way, or by a reset.
#[test]
fn lost_before_it_is_accepted() {
    for end in [foreign::reset, drop] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = at(&format!("tcp://{}", listener.local_addr().unwrap()));
        let serving = thread::spawn(move || end(foreign::greet(&listener).0));
        let error = connect(&to);
        serving.join().unwrap();
        assert!(matches!(error, ConnectError::Lost { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn no_such_transport() {
    let error = connect(&at("ftp://127.0.0.1:7000/server"));
    assert!(
        matches!(
            &error,
            ConnectError::Dial {
                error: DialError::UnknownScheme { .. },
                ..
            }
        ),
        "{error}"
    );
}
