//! Whoever gives up, at whatever stage, leaves nothing behind.

use std::future::Future;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use channel::wire::hello::Message;
use channel::{AcceptError, ConnectError, Options, WriteError};

use crate::stage::{DEADLINE, LONG, Place, eventually};

/// Somebody connects, is accepted, and is the one that was meant.
fn next_is_honest(place: &Place, server: &channel::Broker) {
    let (client, at) = (place.client(), place.endpoint());
    let connecting = thread::spawn(move || client.connect_at(&at, 7, Some(LONG)).unwrap());
    let channel = server.accept_timeout(7, LONG).unwrap();
    assert_eq!(channel.handle().peer_name(), "client");
    connecting.join().unwrap();
}

// shows B3: gone before its hello was complete.
#[test]
fn a_connector_that_leaves_in_its_hello() {
    let place = Place::new();
    let server = place.server(Options::new());
    let mut raw = place.raw();
    std::io::Write::write_all(&mut raw.stream, &channel::wire::hello::MAGIC).unwrap();
    drop(raw);
    next_is_honest(&place, &server);
}

// shows B3: gone while it waits for an acceptor.
#[test]
fn a_connector_that_leaves_in_the_line() {
    let place = Place::new();
    let server = place.server(Options::new());
    let client = place.client();
    let error = client.connect_at(&place.endpoint(), 7, Some(Duration::from_millis(50)));
    assert!(
        matches!(error, Err(ConnectError::TimedOut { .. })),
        "{error:?}"
    );
    eventually("its place is free", || server.waiting(7).connectors == 0);
    // The same by dropping a future that has come that far.
    let mut future = Box::pin(client.connect_at_async(&place.endpoint(), 7));
    eventually("it waits", || {
        let _ = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        server.waiting(7).connectors == 1
    });
    drop(future);
    eventually("its place is free", || server.waiting(7).connectors == 0);
    let nobody = server.accept_timeout(7, Duration::from_millis(20));
    assert!(
        matches!(nobody, Err(AcceptError::TimedOut { .. })),
        "{nobody:?}"
    );
    next_is_honest(&place, &server);
}

// shows B3: gone after WELCOME, before GO. It costs the acceptor nothing: it goes on waiting.
#[test]
fn a_connector_that_leaves_after_its_welcome() {
    let place = Place::new();
    let server = place.server(Options::new());
    let accepting = {
        let server = server.clone();
        thread::spawn(move || server.accept_timeout(7, LONG).unwrap())
    };
    for _ in 0..3 {
        let mut raw = place.raw();
        raw.hello(7);
        raw.welcome();
    }
    let client = place.client();
    let _theirs = client.connect_at(&place.endpoint(), 7, Some(LONG)).unwrap();
    assert_eq!(accepting.join().unwrap().handle().peer_name(), "client");
}

// shows B3: gone after GO, before anybody took the channel. It is not handed out.
#[test]
fn a_connector_that_is_lost_after_its_go() {
    let place = Place::new();
    let server = place.server(Options::new());
    let mut acceptor = server.acceptor(7);
    assert!(acceptor.try_accept().is_err());
    let mut raw = place.raw();
    raw.hello(7);
    raw.welcome();
    raw.send(Message::Go);
    eventually("it is matched", || server.waiting(7).matched == 1);
    raw.stream.shutdown(std::net::Shutdown::Both).unwrap();
    let lost = acceptor.try_accept();
    assert!(
        matches!(lost, Err(AcceptError::WouldBlock { .. })),
        "{lost:?}"
    );
    drop(acceptor);
    next_is_honest(&place, &server);
}

// shows B3: the acceptor gives up after WELCOME: the connector keeps its place for the next accept.
#[test]
fn an_acceptor_that_leaves_after_the_welcome() {
    let place = Place::new();
    let server = place.server(Options::new());
    let mut acceptor = server.acceptor(7);
    assert!(acceptor.try_accept().is_err());
    let mut raw = place.raw();
    raw.hello(7);
    raw.welcome();
    drop(acceptor);
    raw.send(Message::Go);
    std::io::Write::write_all(&mut raw.stream, &channel::wire::record::encode_data(1)).unwrap();
    std::io::Write::write_all(&mut raw.stream, b"x").unwrap();
    let mut channel = server.accept_timeout(7, LONG).unwrap();
    let mut buf = [0];
    channel.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"x");
}

// shows B3: the acceptor gives up after GO, without taking: the connector keeps its place too.
#[test]
fn an_acceptor_that_leaves_after_the_go() {
    let place = Place::new();
    let (server, client) = (place.server(Options::new()), place.client());
    let mut acceptor = server.acceptor(7);
    assert!(acceptor.try_accept().is_err());
    let mut theirs = client.connect_at(&place.endpoint(), 7, Some(LONG)).unwrap();
    eventually("it is matched", || server.waiting(7).matched == 1);
    drop(acceptor);
    theirs.write_all(b"still here").unwrap();
    let mut ours = server.accept_timeout(7, LONG).unwrap();
    let mut buf = [0; 10];
    ours.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"still here");
}

// shows B3: a welcome that is never answered is given up after the hello's deadline.
#[test]
fn a_connector_that_never_answers_its_welcome() {
    let place = Place::new();
    let server = place.server(Options::new().with_hello_deadline(DEADLINE));
    let accepting = {
        let server = server.clone();
        thread::spawn(move || server.accept_timeout(7, LONG).unwrap())
    };
    let mut raw = place.raw();
    raw.hello(7);
    raw.welcome();
    raw.end();
    let client = place.client();
    let _theirs = client.connect_at(&place.endpoint(), 7, Some(LONG)).unwrap();
    accepting.join().unwrap();
}

// shows B4: closing the connecting broker ends its connects, wherever they are.
#[test]
fn a_connecting_broker_that_is_closed() {
    let place = Place::new();
    let (server, client) = (place.server(Options::new()), place.client());
    let connecting = {
        let (client, at) = (client.clone(), place.endpoint());
        thread::spawn(move || client.connect_at(&at, 7, Some(LONG)).unwrap_err())
    };
    eventually("it waits", || server.waiting(7).connectors == 1);
    client.close();
    let error = connecting.join().unwrap();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error}");
    eventually("its place is free", || server.waiting(7).connectors == 0);
}

// shows C5, C7: half-close, and a dropped reader, over a bare byte stream.
#[test]
fn half_close_and_a_dropped_reader() {
    let place = Place::new();
    let (server, client) = (place.server(Options::new()), place.client());
    let accepting = thread::spawn(move || server.accept_timeout(7, LONG).unwrap());
    let mut theirs = client.connect_at(&place.endpoint(), 7, Some(LONG)).unwrap();
    let mut ours = accepting.join().unwrap();
    theirs.write_all(b"question").unwrap();
    theirs.finish().unwrap();
    let mut question = Vec::new();
    std::io::Read::read_to_end(&mut ours, &mut question).unwrap();
    assert_eq!(question, b"question");
    ours.write_all(b"answer").unwrap();
    let mut answer = [0; 6];
    theirs.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop(theirs);
    // Nobody reads any more: writing ends with an error, not with a wait for ever.
    let error = loop {
        if let Err(error) = ours.write_timeout(&[0; 4096], LONG) {
            break error;
        }
    };
    assert!(matches!(error, WriteError::PeerClosed), "{error}");
    assert_eq!(ours.read_timeout(&mut [0], LONG).unwrap(), 0);
}

// shows B4: once `close` returned, the place where a broker listened can be taken again.
#[test]
fn a_closed_place_can_be_taken_again() {
    let place = Place::new();
    let domain = place.domain();
    for _ in 0..500 {
        let server = domain.broker("server").unwrap();
        server.listen(&place.endpoint()).unwrap().close();
        server.listen(&place.endpoint()).unwrap();
        server.close();
    }
}
