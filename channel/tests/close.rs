//! Closing a broker ends its waits, not its channels.

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use channel::{AcceptError, ConnectError, Domain};
use support::thread_state::blocked;
use support::{Task, drain, meet, within};

// shows B4: closing a broker ends all waits to it and from it; channels live on.
#[test]
fn a_close_ends_every_wait() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let (mut a, mut b) = meet(&server, &client, 1);
    let accept = {
        let server = server.clone();
        blocked(move || server.accept(5))
    };
    let connect = {
        let client = client.clone();
        blocked(move || client.connect("server", 6))
    };
    let limited = {
        let client = client.clone();
        blocked(move || client.connect_timeout("server", 6, Duration::MAX))
    };
    let mut accepting = Task::new(server.accept_async(5));
    let mut connecting = Task::new(client.connect_async("server", 7));
    assert!(accepting.poll().is_pending() && connecting.poll().is_pending());

    server.close();
    server.close();
    assert!(server.is_closed());
    assert!(matches!(
        accept.returns(),
        Err(AcceptError::Closed { broker }) if broker == "server"
    ));
    for result in [connect.returns(), limited.returns()] {
        let closed = matches!(&result, Err(ConnectError::Closed { broker }) if broker == "server");
        assert!(closed, "{result:?}");
    }
    assert!(accepting.wakes.count() > 0 && connecting.wakes.count() > 0);
    assert!(accepting.expect_ready("accept").is_err());
    assert!(connecting.expect_ready("connect").is_err());

    a.write_all(b"alive").unwrap();
    let mut buf = [0; 5];
    b.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"alive");
    assert_eq!(server.channels().len(), 1);
}

// shows B4: and the waits from it: those who connect elsewhere through a broker that is closed.
#[test]
fn a_close_ends_connects_from_the_broker() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let connect = {
        let client = client.clone();
        blocked(move || client.connect("server", 6))
    };
    client.close();
    let result = connect.returns();
    let closed = matches!(&result, Err(ConnectError::Closed { broker }) if broker == "client");
    assert!(closed, "{result:?}");
    // It left nothing behind.
    assert!(matches!(
        server.try_accept(6),
        Err(AcceptError::WouldBlock { .. })
    ));
    assert!(matches!(
        client.connect("server", 6),
        Err(ConnectError::Closed { broker }) if broker == "client"
    ));
}

// shows B4: whoever connected and then lost its acceptor is told when the broker closes, whichever
// of the two comes first.
#[test]
fn a_close_leaves_no_connector_alone() {
    for close_first in [true, false] {
        let domain = Domain::new();
        let (server, client) = (
            domain.broker("server").unwrap(),
            domain.broker("client").unwrap(),
        );
        let mut accepting = Task::new(server.accept_async(1));
        assert!(accepting.poll().is_pending());
        let mut channel = client.try_connect("server", 1).unwrap();
        if close_first {
            server.close();
            drop(accepting);
        } else {
            drop(accepting);
            server.close();
        }
        let end = channel.try_read(&mut [0; 8]);
        assert!(
            !matches!(end, Err(channel::ReadError::WouldBlock)),
            "close first: {close_first}: nobody is there, nobody will be: {end:?}"
        );
    }
}

// shows B4: dropping the last clone closes, whoever waits at it.
#[test]
fn dropping_the_last_clone_closes() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let (mut a, b) = meet(&server, &client, 1);
    let connect = blocked(move || client.connect("server", 6));
    drop(server);
    let result = connect.returns();
    assert!(
        matches!(result, Err(ConnectError::Closed { .. })),
        "{result:?}"
    );
    drop(b);
    assert_eq!(drain(a.reader_mut()).unwrap(), b"");
}

// shows B4: a close races accepts and connects: everybody gets a channel or an error.
#[test]
fn a_close_races_everybody() {
    within("close races", || {
        for _ in 0..300 {
            let domain = Domain::new();
            let (server, client) = (
                domain.broker("server").unwrap(),
                domain.broker("client").unwrap(),
            );
            let (go, met) = (AtomicBool::new(false), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while !go.load(Ordering::Relaxed) {
                            std::hint::spin_loop();
                        }
                        while let Ok(mut channel) = server.accept(1) {
                            channel.write_all(b"ok").unwrap();
                            met.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                    scope.spawn(|| {
                        let mut buf = [0; 2];
                        loop {
                            match client.connect("server", 1) {
                                Ok(mut channel) => channel.read_exact(&mut buf).unwrap(),
                                Err(
                                    ConnectError::Closed { .. } | ConnectError::NoSuchBroker { .. },
                                ) => break,
                                Err(other) => panic!("{other:?}"),
                            }
                        }
                    });
                }
                go.store(true, Ordering::Relaxed);
                while met.load(Ordering::Relaxed) < 3 {
                    thread::yield_now();
                }
                server.close();
            });
        }
    });
}
