//! Connects that do not wait to be accepted: their first bytes follow the hello at once.
mod support;

use std::io::{ErrorKind, Write};

use channel::wire::hello::{EAGER, Hello, Message};
use channel::{Broker, Domain, Endpoint, Options, ReadError, WriteError};
use support::LIMIT;
use transport_tcp::Tcp;

struct Both {
    server: Broker,
    client: Broker,
    at: Endpoint,
    _bound: channel::Bound,
}

fn both() -> Both {
    let domain = Domain::new();
    domain.add(Tcp::new());
    let server = domain.broker("server").unwrap();
    let options = Options::new().with_eager(true);
    let client = domain.broker_with("client", options).unwrap();
    let bound = server
        .listen(&"tcp://127.0.0.1:0/server".parse().unwrap())
        .unwrap();
    Both {
        server,
        client,
        at: bound.endpoint().clone(),
        _bound: bound,
    }
}

// shows B2, C1: nobody accepts yet, and the bytes are there when somebody does; the answer too.
#[test]
fn bytes_are_written_before_anybody_accepts() {
    let both = both();
    let mut channel = both.client.connect_at(&both.at, 7, Some(LIMIT)).unwrap();
    channel.write_all(b"question").unwrap();
    let mut accepted = both.server.accept_timeout(7, LIMIT).unwrap();
    assert_eq!(accepted.handle().peer_name(), "client");
    let mut buf = [0; 8];
    accepted.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"question");
    accepted.write_all(b"answered").unwrap();
    channel.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"answered");
    // An acceptor that only reads has said welcome, too.
    let mut silent = both.client.connect_at(&both.at, 8, Some(LIMIT)).unwrap();
    let mut accepted = both.server.accept_timeout(8, LIMIT).unwrap();
    silent.write_all(b"x").unwrap();
    accepted.read_exact(&mut buf[..1]).unwrap();
    drop(accepted);
    assert_eq!(silent.read(&mut buf).unwrap(), 0);
}

// shows C4, C8: who has left by the time somebody accepts has left in an orderly way.
#[test]
fn a_connector_that_wrote_and_left_is_read_to_its_end() {
    let both = both();
    let mut channel = both.client.connect_at(&both.at, 7, Some(LIMIT)).unwrap();
    channel.write_all(b"all of it").unwrap();
    drop(channel);
    let mut accepted = both.server.accept_timeout(7, LIMIT).unwrap();
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut accepted, &mut all).unwrap();
    assert_eq!(all, b"all of it");
}

// shows B3: a refusal is the first error, and says what it was.
#[test]
fn an_unknown_broker_is_told_by_the_first_call_that_fails() {
    let both = both();
    let nobody = both.at.to_string().replace("/server", "/nobody");
    let mut channel = both
        .client
        .connect_at(&nobody.parse().unwrap(), 7, Some(LIMIT))
        .unwrap();
    let refused = channel.reader_mut().read_timeout(&mut [0; 8], LIMIT);
    let Err(ReadError::Broken(why)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(why.kind(), ErrorKind::ConnectionRefused);
    assert!(why.to_string().contains("nobody"), "{why}");
    // Once it is known, of a write too.
    let refused = channel.write(b"x");
    let Err(WriteError::Broken(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(why.to_string().contains("nobody"), "{why}");
}

// shows B4
#[test]
fn a_broker_that_closes_refuses_those_who_wait() {
    let both = both();
    let mut channel = both.client.connect_at(&both.at, 7, Some(LIMIT)).unwrap();
    channel.write_all(b"never read").unwrap();
    support::eventually("it waits", || both.server.waiting(7).connectors == 1);
    both.server.close();
    let refused = channel.reader_mut().read_timeout(&mut [0; 8], LIMIT);
    let Err(ReadError::Broken(why)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(why.kind(), ErrorKind::ConnectionRefused);
}

// shows B3, T3: one that was lost while it waited is not accepted, and leaves the line; also if it had
// written something that nobody has read.
#[test]
fn a_connector_that_is_gone_is_not_accepted() {
    for wrote in [&b""[..], b"\x44\0\0\x05hello"] {
        let both = both();
        let mut socket = std::net::TcpStream::connect(both.at.authority()).unwrap();
        let mut hello = Hello::new("server", 7);
        hello.flags = EAGER;
        let mut bytes = Vec::new();
        Message::Hello(hello).encode(&mut bytes).unwrap();
        Message::Go.encode(&mut bytes).unwrap();
        bytes.extend_from_slice(wrote);
        socket.write_all(&bytes).unwrap();
        support::eventually("it waits", || both.server.waiting(7).connectors == 1);
        match wrote {
            [] => drop(socket),
            _ => support::foreign::reset(socket),
        }
        support::eventually("it is gone", || both.server.waiting(7).connectors == 0);
    }
}
