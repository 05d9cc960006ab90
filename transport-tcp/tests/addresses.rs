//! Where one can listen and connect to, and what the errors say.

mod support;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};

use channel::{ConnectError, DialError, Domain, ListenError};
use support::{LIMIT, at, client, domain, listen, meet, talk};
use transport_tcp::{Failure, Failures, Tcp};

/// Two meet at `text`, and talk.
fn meets_at(text: &str) {
    let (server, at) = listen(text);
    assert!(!at.authority().ends_with(":0"), "{at}");
    let (mut ours, mut theirs) = meet(&server, &at, 7);
    talk(&mut ours, &mut theirs);
    let host = if at.authority().starts_with('[') {
        "[::1]:"
    } else {
        "127.0.0.1:"
    };
    let peer = ours.handle().peer().to_string();
    assert!(peer.starts_with(&format!("tcp://{host}")), "{peer}");
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

// shows T3: each kind of address, and port 0.
#[test]
fn kinds_of_addresses() {
    meets_at("tcp://127.0.0.1:0/server");
    meets_at("tcp://localhost:0/server");
    if has_ipv6() {
        meets_at("tcp://[::1]:0/server");
    } else {
        println!("skipped: this machine has no IPv6");
    }
}

#[test]
fn without_a_host_it_listens_everywhere() {
    let (server, at) = listen("tcp://:0/server");
    let port = at.authority().rsplit_once(':').unwrap().1;
    let mut hosts = vec!["127.0.0.1"];
    hosts.extend(has_ipv6().then_some("[::1]"));
    for host in hosts {
        let at = format!("tcp://{host}:{port}/server").parse().unwrap();
        let (mut ours, mut theirs) = meet(&server, &at, 7);
        talk(&mut ours, &mut theirs);
    }
}

/// A port at which nobody listens.
fn dead() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn failures_of(tcp: Tcp, text: &str) -> (ErrorKind, Failures, String) {
    let domain = Domain::new();
    domain.add(tcp);
    let client = domain.broker("client").unwrap();
    let error = client.connect_at(&at(text), 7, Some(LIMIT)).unwrap_err();
    let failures = Failures::of(&error).unwrap_or_else(|| panic!("{error}"));
    (error.kind(), failures.clone(), error.to_string())
}

// shows T3: the addresses of a name are tried in turn.
#[test]
fn a_name_whose_first_address_is_dead() {
    let (server, bound) = listen("tcp://127.0.0.1:0/server");
    let alive: SocketAddr = bound.authority().parse().unwrap();
    let gone = dead();
    let looked_up = Tcp::with_lookup(move |host, port| {
        assert_eq!((host, port), ("server", 7000));
        Ok(vec![gone, alive])
    });
    let domain = Domain::new();
    domain.add(looked_up);
    let client = domain.broker("client").unwrap();
    let connecting =
        std::thread::spawn(move || client.connect_at(&at("tcp://server:7000"), 7, Some(LIMIT)));
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    let mut theirs = connecting.join().unwrap().unwrap();
    talk(&mut ours, &mut theirs);
}

// shows T3: each failure is named.
#[test]
fn a_name_without_a_live_address() {
    let (one, other) = (dead(), dead());
    let tcp = Tcp::with_lookup(move |_, _| Ok(vec![one, other]));
    let (kind, failures, text) = failures_of(tcp, "tcp://server:7000");
    assert_eq!(kind, ErrorKind::ConnectionRefused);
    assert!(matches!(
        failures.all(),
        [Failure::Refused { address: a }, Failure::Refused { address: b }] if (*a, *b) == (one, other)
    ));
    for address in [one, other] {
        assert!(text.contains(&format!("{address} refused")), "{text}");
    }
}

#[test]
fn refused() {
    let address = dead();
    let (kind, failures, text) = failures_of(Tcp::new(), &format!("tcp://{address}"));
    assert_eq!(kind, ErrorKind::ConnectionRefused);
    assert!(matches!(failures.all(), [Failure::Refused { address: a }] if *a == address));
    assert!(text.contains(&address.to_string()), "{text}");
}

// No connection leads to many hosts at once, so this leaves no machine.
#[test]
#[cfg(target_os = "linux")]
fn unreachable() {
    let (kind, failures, text) = failures_of(Tcp::new(), "tcp://224.0.0.1:7000");
    assert_eq!(kind, ErrorKind::HostUnreachable, "{text}");
    assert!(matches!(failures.all(), [Failure::Unreachable { .. }]));
    assert!(text.contains("224.0.0.1:7000 is unreachable"), "{text}");
}

#[test]
fn a_name_that_is_not_found() {
    let tcp = Tcp::with_lookup(|_, _| Err(std::io::Error::other("no such name")));
    let (kind, failures, text) = failures_of(tcp, "tcp://nowhere:7000");
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(matches!(failures.all(), [Failure::NameNotFound { host, .. }] if host == "nowhere"));
    assert!(
        text.contains("`nowhere` was not found (no such name)"),
        "{text}"
    );

    let tcp = Tcp::with_lookup(|_, _| Ok(Vec::new()));
    assert_eq!(
        failures_of(tcp, "tcp://nowhere:7000").0,
        ErrorKind::NotFound
    );
}

// Linux answers no request for a connection while the backlog is full.
#[test]
#[cfg(target_os = "linux")]
fn timed_out() {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    full.listen(1).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let waiting: Vec<_> = (0..2)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let text = format!("tcp://{address}?connect-timeout=100");
    let (kind, failures, text) = failures_of(Tcp::new(), &text);
    assert_eq!(kind, ErrorKind::TimedOut);
    assert!(matches!(failures.all(), [Failure::TimedOut { address: a, .. }] if *a == address));
    assert!(text.contains("did not answer within 100ms"), "{text}");
    drop(waiting);
}

// Whoever gives up is heard at once, though the host is silent and the name's look-up blocks.
#[test]
fn a_dial_can_be_cancelled() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let tcp = Tcp::with_lookup(move |_, _| {
        let _ = told.lock().unwrap().recv();
        Ok(Vec::new())
    });
    let domain = Domain::new();
    domain.add(tcp);
    let client = domain.broker("client").unwrap();
    let limit = Some(std::time::Duration::from_millis(50));
    let error = client
        .connect_at(&at("tcp://slow:7000"), 7, limit)
        .unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    drop(tell);
}

#[test]
fn a_broker_that_is_not_there() {
    let (_server, at) = listen("tcp://127.0.0.1:0/server");
    let other = at.with_broker("other").unwrap();
    let error = client().connect_at(&other, 7, Some(LIMIT)).unwrap_err();
    assert!(
        matches!(error, ConnectError::NoSuchBroker { .. }),
        "{error}"
    );
}

#[test]
fn a_taken_port() {
    let (_server, at) = listen("tcp://127.0.0.1:0/server");
    let other = domain().broker("other").unwrap();
    let error = other.listen(&at).unwrap_err();
    assert!(matches!(error, ListenError::Taken(_)), "{error}");
}

#[test]
fn an_address_of_another_machine() {
    let server = domain().broker("server").unwrap();
    // Of the range for documentation: nobody has it.
    let error = server.listen(&at("tcp://192.0.2.1:0")).unwrap_err();
    assert!(
        matches!(&error, ListenError::Io(error) if error.kind() == ErrorKind::AddrNotAvailable)
            && error.to_string().contains("192.0.2.1"),
        "{error}"
    );
}

// Each bad endpoint says what is wrong, on both sides.
#[test]
fn bad_endpoints() {
    for (text, says) in [
        ("tcp://127.0.0.1", "names no port"),
        ("tcp://127.0.0.1:70000", "no port number"),
        ("tcp://::1:7000", "without its brackets"),
        (
            "tcp://127.0.0.1:0?nodelay=yes",
            "`nodelay` is `yes`: write a number from 0 to 1",
        ),
        ("tcp://127.0.0.1:0?keepalive=-1", "`keepalive`"),
        ("tcp://127.0.0.1:0?keepalive-count=0", "from 1 to 127"),
        ("tcp://127.0.0.1:0?backlog=0", "`backlog`"),
        ("tcp://127.0.0.1:0?send-buffer=lots", "`send-buffer`"),
        (
            "tcp://127.0.0.1:0?no-delay=1",
            "no option `no-delay`; write one of: nodelay",
        ),
        ("tcp://127.0.0.1:0?port=7", "no option `port`"),
    ] {
        let error = client().connect_at(&at(text), 7, Some(LIMIT)).unwrap_err();
        let bad = matches!(
            &error,
            ConnectError::Dial {
                error: DialError::Unsupported(_) | DialError::Endpoint(_),
                ..
            }
        );
        assert!(bad && error.to_string().contains(says), "{error}");
        let server = domain().broker("server").unwrap();
        let error = server.listen(&at(text)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let error = client().connect_at(&at("tcp://:7000"), 7, Some(LIMIT));
    assert!(error.unwrap_err().to_string().contains("names no host"));
}

#[test]
fn good_options() {
    meets_at(
        "tcp://127.0.0.1:0/server?nodelay=0&keepalive=5&keepalive-interval=1&keepalive-count=2\
         &connect-timeout=5000&send-buffer=32768&receive-buffer=32768&backlog=5&per-peer=3",
    );
    meets_at("tcp://127.0.0.1:0/server?keepalive=0&per-peer=0");
    #[cfg(target_os = "linux")]
    meets_at("tcp://127.0.0.1:0/server?user-timeout=5000");
}

// shows T3: connections per peer are limited, and a place is given back.
#[test]
fn per_peer() {
    let (server, at) = listen("tcp://127.0.0.1:0/server?per-peer=2");
    let one = meet(&server, &at, 7);
    let two = meet(&server, &at, 7);
    let error = client().connect_at(&at, 7, Some(LIMIT)).unwrap_err();
    assert!(matches!(error, ConnectError::Lost { .. }), "{error}");
    drop(one);
    support::eventually("the place is free", || {
        let connecting = std::thread::spawn({
            let at = at.clone();
            move || client().connect_at(&at, 7, Some(LIMIT))
        });
        support::eventually("the connect is through, or waits", || {
            connecting.is_finished() || server.waiting(7).connectors == 1
        });
        if connecting.is_finished() {
            return false;
        }
        server.accept_timeout(7, LIMIT).unwrap();
        connecting.join().unwrap().is_ok()
    });
    drop(two);
}
