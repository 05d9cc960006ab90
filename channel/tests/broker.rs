//! Brokers: names, and snapshots of their channels.

mod support;

use std::thread;
use std::time::Duration;

use channel::{Broker, BrokerError, ConnectError, Domain, Endpoint, State};
use support::thread_state::blocked;
use support::{Task, meet, within};

// shows B1: a second broker of a name is refused while the first lives, in its domain only.
#[test]
fn a_name_is_unique_in_its_domain() {
    let domain = Domain::new();
    let first = domain.broker("echo").unwrap();
    let error = domain.broker("echo").unwrap_err();
    assert!(matches!(&error, BrokerError::NameTaken { name } if name == "echo"));
    assert!(
        error.to_string().contains("choose another name"),
        "the error says what to do: {error}"
    );
    // Another domain is another world; so is a clone of the same domain the same.
    let _elsewhere = Domain::new().broker("echo").unwrap();
    assert!(domain.clone().broker("echo").is_err());
    assert_eq!(domain.brokers(), ["echo"]);
    drop(first);
}

// shows B1: the default domain is the process.
#[test]
fn the_default_domain_is_the_process() {
    let broker = Broker::new("only-one-of-this-name").unwrap();
    assert!(matches!(
        Domain::default().broker("only-one-of-this-name"),
        Err(BrokerError::NameTaken { .. })
    ));
    let ours = Domain::default().brokers();
    assert!(ours.contains(&"only-one-of-this-name".to_owned()));
    assert_eq!(broker.name(), "only-one-of-this-name");
}

// shows B1: the name is free after a close, and after the last clone was dropped.
#[test]
fn a_name_is_free_again() {
    let domain = Domain::new();
    let first = domain.broker("echo").unwrap();
    let clone = first.clone();
    drop(first);
    assert!(domain.broker("echo").is_err(), "a clone lives");
    drop(clone);
    let second = domain.broker("echo").unwrap();
    second.close();
    let third = domain.broker("echo").unwrap();
    // A late close or drop of an earlier one does not take the name from its successor.
    second.close();
    drop(second);
    assert!(domain.broker("echo").is_err());
    assert!(!third.is_closed());
    let client = domain.broker("client").unwrap();
    meet(&third, &client, 1);
}

// shows B1: makers and closers of one name at once: a broker or NameTaken, nothing else.
#[test]
fn a_name_changes_hands_under_load() {
    within("names", || {
        let domain = Domain::new();
        thread::scope(|scope| {
            for closes in [true, false, true] {
                let domain = &domain;
                scope.spawn(move || {
                    let mut made = 0;
                    while made < 300 {
                        match domain.broker("echo") {
                            Ok(broker) => {
                                made += 1;
                                if closes {
                                    broker.close();
                                }
                            }
                            Err(BrokerError::NameTaken { .. }) => thread::yield_now(),
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                });
            }
        });
        assert!(domain.brokers().is_empty());
    });
}

// shows B3: an unknown broker fails at once, in every form.
#[test]
fn an_unknown_broker_fails_at_once() {
    within("unknown broker", || {
        let domain = Domain::new();
        let client = domain.broker("client").unwrap();
        let mut waiting = Task::new(client.connect_async("nobody", 1));
        let at: Endpoint = "mem://nobody".parse().unwrap();
        for error in [
            client.connect("nobody", 1).unwrap_err(),
            client.try_connect("nobody", 1).unwrap_err(),
            client
                .connect_timeout("nobody", 1, Duration::MAX)
                .unwrap_err(),
            client.connect_at(&at, 1, None).unwrap_err(),
            waiting.expect_ready("unknown broker").unwrap_err(),
        ] {
            let known =
                matches!(&error, ConnectError::NoSuchBroker { name, .. } if name == "nobody");
            assert!(known, "{error:?}");
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            assert!(error.to_string().contains("start it first"), "{error}");
        }
        // Names of a dropped and of a closed broker are unknown.
        let gone = domain.broker("gone").unwrap();
        gone.close();
        assert!(matches!(
            client.connect("gone", 1),
            Err(ConnectError::NoSuchBroker { .. })
        ));
    });
}

// shows B3: a known broker with no acceptor yet makes connect wait.
#[test]
fn a_known_broker_makes_connect_wait() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let connect = blocked(move || client.connect("server", 1));
    let accepted = server.accept(1).unwrap();
    connect.returns().unwrap();
    drop(accepted);
}

// shows B7: a snapshot of the channels with peer, port, state, age and totals.
#[test]
fn a_snapshot_of_the_channels() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    assert!(server.channels().is_empty());
    let (mut a, mut b) = meet(&server, &client, 7);
    let (c, d) = meet(&server, &client, 8);
    a.write_all(&[1; 100]).unwrap();
    b.read_exact(&mut [0; 60]).unwrap();
    b.write_all(&[2; 10]).unwrap();

    let mut seen = server.channels();
    seen.sort_by_key(|info| info.port);
    let [first, second] = &seen[..] else {
        panic!("two channels: {seen:?}");
    };
    assert_eq!((first.port, second.port), (7, 8));
    assert_eq!(&*first.peer_name, "client");
    assert_eq!(first.peer.to_string(), "mem://client");
    assert_eq!(first.state, State::Open);
    let totals = first.totals;
    assert_eq!((totals.written, totals.read), (100, 0));
    assert_eq!((totals.unread, totals.unsent), (10, 40));
    assert!(first.age < support::LONG && first.id != second.id);

    let seen = client.channels();
    let far = seen.iter().find(|info| info.port == 7).unwrap();
    assert_eq!((far.totals.written, far.totals.read), (10, 60));
    assert_eq!(far.totals.unread, 40);
    assert_eq!(
        (&*far.peer_name, far.peer.to_string().as_str()),
        ("server", "mem://server")
    );
    assert_eq!(b.totals().read, 60);

    // Channels leave the list when they are dropped; states are told until then.
    c.disconnect();
    let states = |broker: &Broker| {
        let mut all = broker.channels();
        all.sort_by_key(|info| info.port);
        all.iter().map(|info| info.state).collect::<Vec<_>>()
    };
    assert_eq!(states(&server), [State::Open, State::Disconnected]);
    drop((c, d));
    assert_eq!(states(&server), [State::Open]);
    b.handle().abort();
    assert_eq!(states(&server), [State::PeerLost]);
    drop((a, b));
    assert!(server.channels().is_empty() && client.channels().is_empty());
}
