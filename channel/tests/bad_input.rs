//! Bad input: each has a defined result, and an error that says what to do.

mod support;

use std::error::Error;
use std::io::{self, Read, Write};
use std::time::Duration;

use channel::{
    AcceptError, BrokerError, Channel, ConnectError, Domain, Endpoint, EndpointError, ListenError,
    Options, ReadError, Task, WriteAllError, WriteError,
};
use support::{block_on, pair, within};

const HUGE: usize = (1 << 30) + 1;

#[track_caller]
fn says(error: &dyn Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "\"{text}\" does not say {word:?}");
    }
}

// shows B1: the name is taken.
#[test]
fn a_name_that_is_taken() {
    let domain = Domain::new();
    let _first = domain.broker("echo").unwrap();
    let error = domain.broker("echo").unwrap_err();
    assert!(matches!(error, BrokerError::NameTaken { .. }));
    says(&error, &["\"echo\"", "taken", "choose another name"]);
}

// shows B1: names that cannot be.
#[test]
fn names_that_cannot_be() {
    let domain = Domain::new();
    let long = "x".repeat(256);
    for name in ["", "two words", "a/b", "caf\u{e9}", "nul\0", &long] {
        let error = domain.broker(name).unwrap_err();
        assert!(matches!(error, BrokerError::BadName { .. }), "{name:?}");
        says(&error, &["cannot be a broker's name"]);
    }
    domain.broker(&"x".repeat(255)).unwrap();
    domain.broker("a.b_c-D9").unwrap();
}

// shows B3: an unknown broker, with who was asked.
#[test]
fn an_unknown_broker() {
    let client = Domain::new().broker("client").unwrap();
    for name in ["nobody", "", "no such\nname"] {
        let error = client.connect(name, 1).unwrap_err();
        assert!(
            matches!(error, ConnectError::NoSuchBroker { .. }),
            "{error:?}"
        );
        says(
            &error,
            &["this process", "start it first", "check the name"],
        );
    }
}

// shows the bad input of capacities: zero and huge are refused wherever they are given.
#[test]
fn capacities_that_cannot_be_had() {
    let domain = Domain::new();
    for capacity in [0, HUGE, usize::MAX] {
        let bad = Options::new().with_capacity(capacity);
        let at_port = Options::new().with_port_capacity(7, capacity);
        for options in [&bad, &at_port] {
            let error = domain.broker_with("big", options.clone()).unwrap_err();
            assert!(matches!(error, BrokerError::Capacity(_)), "{error:?}");
            says(&error, &["capacity"]);
        }
        let (_server, client) = (
            domain.broker("server").unwrap(),
            domain.broker("c").unwrap(),
        );
        let error = client
            .connect_with("server", 7, &bad, Some(Duration::from_secs(60)))
            .unwrap_err();
        assert!(matches!(error, ConnectError::Dial { .. }), "{error:?}");
        says(&error, &["capacity"]);
    }
    assert!(
        domain.brokers().is_empty(),
        "a refused broker keeps no name"
    );
}

// shows the bad input of capacities: others are rounded up.
#[test]
fn capacities_are_rounded_up() {
    for (asked, given) in [(1, 1), (3, 4), (100, 128), (128, 128), (5000, 8192)] {
        let (mut ours, _theirs) = support::pair_of(asked);
        let mut room = 0;
        while let Ok(n) = ours.try_write(&[0; 1000]) {
            room += n;
        }
        assert_eq!(room, given, "asked for {asked}");
    }
    // The port's own, and the connector's own for what it receives.
    let domain = Domain::new();
    let options = Options::new().with_capacity(64).with_port_capacity(7, 16);
    let server = domain.broker_with("server", options).unwrap();
    let client = domain.broker("client").unwrap();
    let mut accepting = support::Task::new(server.accept_async(7));
    assert!(accepting.poll().is_pending());
    let own = Options::new().with_capacity(30);
    let mut connected = client.connect_with("server", 7, &own, None).unwrap();
    let mut accepted = accepting.expect_ready("accept").unwrap();
    assert_eq!(connected.try_write(&[0; 100]).unwrap(), 16);
    assert_eq!(accepted.try_write(&[0; 100]).unwrap(), 32);
}

// shows the bad input of endpoints: each mistake is told with its place and what to write.
#[test]
fn malformed_endpoints() {
    for (text, words) in [
        ("", &["byte 0", "://"][..]),
        ("echo", &["byte 4", "expected `://`"]),
        ("mem:echo", &["byte 3", "://"]),
        ("Mem://echo", &["lower-case"]),
        ("mem://two words", &["byte 9", "%20"]),
        ("mem://echo\n", &["byte 10"]),
        ("mem://a%zz", &["%25"]),
        ("bad+mem://a", &["fault+"]),
        ("mem+bad://a", &["+plain"]),
        ("mem://a?b", &["no value"]),
        ("mem://a?b=1&b=2", &["given before"]),
    ] {
        let error = text.parse::<Endpoint>().unwrap_err();
        says(&error, words);
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    let long = format!("mem://{}", "x".repeat(2000));
    let error = long.parse::<Endpoint>().unwrap_err();
    assert!(matches!(error, EndpointError::TooLong { .. }));
    says(&error, &["shorten"]);
}

// shows the bad input of schemes: an unknown one lists the known ones.
#[test]
fn an_unknown_scheme_lists_the_known_ones() {
    let broker = Domain::new().broker("broker").unwrap();
    let at: Endpoint = "carrier-pigeon://roof".parse().unwrap();
    let error = broker.connect_at(&at, 1, None).unwrap_err();
    says(&error, &["\"carrier-pigeon\"", "known here: mem"]);
    let error = broker.listen(&at).unwrap_err();
    assert!(matches!(&error, ListenError::UnknownScheme { .. }));
    says(&error, &["\"carrier-pigeon\"", "known here: mem"]);
    // A modifier is a scheme of its own.
    let error = broker
        .listen(&"fault+mem://x".parse().unwrap())
        .unwrap_err();
    says(&error, &["\"fault+mem\""]);
}

// shows the bad input of listening: at another's name, with unknown options, plain without a port,
// after the close.
#[test]
fn listening_at_bad_places() {
    let domain = Domain::new();
    let one = domain.broker("one").unwrap();
    let _other = domain.broker("other").unwrap();
    let error = one.listen(&"mem://other".parse().unwrap()).unwrap_err();
    says(&error, &["mem://other", "own name"]);
    let error = one
        .listen(&"mem://one?colour=red".parse().unwrap())
        .unwrap_err();
    says(&error, &["colour"]);
    one.listen(&"mem+plain://one".parse().unwrap()).unwrap_err();
    one.close();
    let error = one.listen(&"mem://one".parse().unwrap()).unwrap_err();
    assert!(
        matches!(&error, ListenError::Closed(name) if name == "one"),
        "{error:?}"
    );
}

// shows B4: accept and connect on a closed broker, in every form.
#[test]
fn a_closed_broker() {
    within("a closed broker", || {
        let domain = Domain::new();
        let (broker, other) = (
            domain.broker("gone").unwrap(),
            domain.broker("other").unwrap(),
        );
        broker.close();
        for error in [
            broker.accept(1).unwrap_err(),
            broker.try_accept(1).unwrap_err(),
            broker.accept_timeout(1, Duration::MAX).unwrap_err(),
            broker.acceptor(1).accept().unwrap_err(),
            support::block_on(broker.accept_async(1)).unwrap_err(),
        ] {
            assert!(matches!(error, AcceptError::Closed { .. }), "{error:?}");
            assert_eq!(error.kind(), io::ErrorKind::NotConnected);
            says(&error, &["\"gone\" is closed", "make a new one"]);
        }
        for error in [
            broker.connect("other", 1).unwrap_err(),
            broker.try_connect("other", 1).unwrap_err(),
            broker
                .connect_timeout("other", 1, Duration::MAX)
                .unwrap_err(),
        ] {
            assert!(matches!(error, ConnectError::Closed { .. }), "{error:?}");
        }
        drop(other);
    });
}

// shows C4, C5: what cannot be used any more refuses an empty buffer as well, in all forms.
#[test]
fn empty_buffers_after_the_end() {
    within("empty buffers after the end", || {
        let (mut ours, _theirs) = support::pair();
        ours.disconnect();
        for result in [
            ours.read(&mut []),
            ours.try_read(&mut []),
            block_on(ours.read_async(&mut [])),
        ] {
            assert!(matches!(result, Err(ReadError::Disconnected)));
        }
        for result in [
            ours.read_exact(&mut []),
            ours.read_exact_timeout(&mut [], Duration::MAX),
            block_on(ours.read_exact_async(&mut [])),
        ] {
            let error = result.unwrap_err();
            assert_eq!((error.read, error.wanted), (0, 0));
            assert!(matches!(error.error, Some(ReadError::Disconnected)));
        }
        for result in [
            ours.write(&[]),
            ours.try_write(&[]),
            block_on(ours.write_async(&[])),
        ] {
            assert!(matches!(result, Err(WriteError::Disconnected)));
        }
        for result in write_all_nothing(&mut ours) {
            let error = result.unwrap_err();
            assert_eq!(error.written, 0);
            assert!(matches!(error.error, WriteError::Disconnected));
        }

        let (mut ours, theirs) = support::pair();
        drop(theirs);
        assert!(matches!(ours.write(&[]), Err(WriteError::PeerClosed)));
        for result in write_all_nothing(&mut ours) {
            assert!(matches!(result.unwrap_err().error, WriteError::PeerClosed));
        }
        ours.finish().unwrap();
        assert!(matches!(ours.write(&[]), Err(WriteError::Finished)));
        for result in write_all_nothing(&mut ours) {
            assert!(matches!(result.unwrap_err().error, WriteError::Finished));
        }
        // The end of the stream is none for those who want nothing.
        ours.read_exact(&mut []).unwrap();
    });
}

fn write_all_nothing(channel: &mut Channel) -> [Result<(), WriteAllError>; 3] {
    [
        channel.write_all(&[]),
        channel.write_all_timeout(&[], Duration::MAX),
        block_on(channel.write_all_async(&[])),
    ]
}

// shows C2: an empty buffer moves nothing and says nothing, and never blocks.
#[test]
fn empty_buffers() {
    within("empty buffers", || {
        let (mut ours, mut theirs) = support::pair_of(16);
        assert_eq!(ours.read(&mut []).unwrap(), 0);
        assert_eq!(ours.try_read(&mut []).unwrap(), 0);
        assert_eq!(ours.read_timeout(&mut [], Duration::MAX).unwrap(), 0);
        ours.read_exact(&mut []).unwrap();
        assert_eq!(Read::read_vectored(&mut ours, &mut []).unwrap(), 0);
        assert!(!ours.disconnected());
        ours.write_all(&[0; 16]).unwrap();
        assert_eq!(ours.write(&[]).unwrap(), 0);
        assert_eq!(ours.try_write(&[]).unwrap(), 0);
        ours.write_all(&[]).unwrap();
        assert_eq!(Write::write_vectored(&mut ours, &[]).unwrap(), 0);
        theirs.read_exact(&mut [0; 16]).unwrap();
        assert!(matches!(
            theirs.try_read(&mut [0; 1]),
            Err(ReadError::WouldBlock)
        ));
    });
}

// shows C4: use after disconnect says what to do.
#[test]
fn use_after_disconnect() {
    let (mut ours, mut theirs) = pair();
    ours.disconnect();
    let error = ours.read(&mut [0; 1]).unwrap_err();
    says(
        &error,
        &["this side has disconnected", "connect or accept a new one"],
    );
    let error = io::Error::from(ours.write(b"x").unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    let ours: &WriteError = error.get_ref().unwrap().downcast_ref().unwrap();
    assert!(matches!(ours, WriteError::Disconnected));
    let error = io::Error::from(theirs.write(b"x").unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let (lost, mut left) = pair();
    lost.handle().abort();
    let error = io::Error::from(left.read(&mut [0; 1]).unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    says(&error, &["the peer is lost", "connect again"]);
}

// shows C2: consuming more than there is is a mistake of the program.
#[test]
#[should_panic(expected = "consume(4) of 3 bytes")]
fn consuming_more_than_there_is() {
    let (mut ours, mut theirs) = pair();
    theirs.write_all(b"abc").unwrap();
    ours.reader_mut().fill_buf().unwrap();
    ours.reader_mut().consume(4);
}

// shows B5: a panic in a task is told to whoever joins, and to nobody else's channels.
#[test]
fn a_panic_in_a_task() {
    let task = Task::spawn::<()>("clumsy", [], || {
        std::panic::resume_unwind(Box::new(String::from("tripped")))
    });
    let error = task.unwrap().join().unwrap_err();
    says(&error, &["\"clumsy\" panicked: tripped"]);
}
