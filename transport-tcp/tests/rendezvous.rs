//! B2, B3, B4 over the network: who waits at a remote broker's port, and who does not any more.

mod support;

use std::future::Future;
use std::net::TcpStream;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use channel::{AcceptError, Broker, Channel, ConnectError, Endpoint};
use support::{LIMIT, at, client, eventually, foreign, listen, meet, talk};
use transport_testkit::process::{given, start, wait_for_word};

const HERE: &str = "tcp://127.0.0.1:0/server";
/// A time limit that is meant to pass.
const SHORT: Duration = Duration::from_millis(50);

fn connect(at: &Endpoint, limit: Duration) -> thread::JoinHandle<Result<Channel, ConnectError>> {
    let at = at.clone();
    thread::spawn(move || client().connect_at(&at, 7, Some(limit)))
}

fn one_connector_waits(server: &Broker) {
    eventually("one connector waits", || server.waiting(7).connectors == 1);
}

fn nobody_waits(server: &Broker) {
    eventually("nobody waits", || {
        let waiting = server.waiting(7);
        (waiting.connectors, waiting.acceptors) == (0, 0)
    });
}

/// The next acceptor meets the next connector, and no other.
fn the_next_two_meet(server: &Broker, at: &Endpoint) {
    let (mut ours, mut theirs) = meet(server, at, 7);
    talk(&mut ours, &mut theirs);
    assert_eq!(ours.handle().peer_name(), "client");
    nobody_waits(server);
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

// shows B2: whichever comes first waits for the other.
#[test]
fn whoever_comes_first_waits() {
    let (server, at) = listen(HERE);
    let connecting = connect(&at, LIMIT);
    one_connector_waits(&server);
    let mut ours = server.accept(7).unwrap();
    talk(&mut ours, &mut connecting.join().unwrap().unwrap());

    let accepting = thread::spawn({
        let server = server.clone();
        move || server.accept_timeout(7, LIMIT)
    });
    eventually("one acceptor waits", || server.waiting(7).acceptors == 1);
    let mut theirs = connect(&at, LIMIT).join().unwrap().unwrap();
    talk(&mut accepting.join().unwrap().unwrap(), &mut theirs);
    nobody_waits(&server);
}

// shows B3: the far broker hears of a connector that gives up, however it does.
#[test]
fn connectors_that_give_up() {
    let (server, at) = listen(HERE);
    let late = connect(&at, SHORT).join().unwrap().unwrap_err();
    assert!(matches!(late, ConnectError::TimedOut { .. }), "{late}");
    assert!(late.to_string().contains(at.authority()), "{late}");
    nobody_waits(&server);
    the_next_two_meet(&server, &at);

    {
        let mut future = Box::pin(client().connect_at_async(&at, 7));
        eventually("one connector waits", || {
            assert!(poll_once(future.as_mut()).is_pending());
            server.waiting(7).connectors == 1
        });
    }
    nobody_waits(&server);
    the_next_two_meet(&server, &at);

    let impatient = client();
    let connecting = thread::spawn({
        let (impatient, at) = (impatient.clone(), at.clone());
        move || impatient.connect_at(&at, 7, None)
    });
    one_connector_waits(&server);
    impatient.close();
    let error = connecting.join().unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error}");
    nobody_waits(&server);
    the_next_two_meet(&server, &at);
}

// shows B3: no later connector meets an acceptor that has given up.
#[test]
fn acceptors_that_give_up() {
    let (server, at) = listen(HERE);
    let late = server.accept_timeout(7, SHORT).unwrap_err();
    assert!(matches!(late, AcceptError::TimedOut { .. }), "{late}");
    {
        let mut future = pin!(server.accept_async(7));
        assert!(poll_once(future.as_mut()).is_pending());
        assert_eq!(server.waiting(7).acceptors, 1);
    }
    let connecting = connect(&at, LIMIT);
    one_connector_waits(&server);
    assert!(!connecting.is_finished());
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    talk(&mut ours, &mut connecting.join().unwrap().unwrap());
}

// shows B3: an acceptor gives up when its connector is welcomed already, which then keeps its place.
#[test]
fn an_acceptor_that_gives_up_late() {
    let (server, at) = listen(HERE);
    let mut first = foreign::wait_at(&at, 7);
    {
        let mut future = pin!(server.accept_async(7));
        assert!(poll_once(future.as_mut()).is_pending());
        foreign::expect_welcome(&mut first);
    }
    foreign::say(&mut first, &channel::wire::hello::Message::Go);
    // Another one comes after it.
    let connecting = connect(&at, LIMIT);
    eventually("both wait", || server.waiting(7).connectors == 2);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    foreign::send(&mut first, b"first");
    let mut buf = [0; 5];
    ours.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"first");
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    talk(&mut ours, &mut connecting.join().unwrap().unwrap());
}

/// The life of a process that connects, waits, and is killed.
#[test]
fn a_waiting_process() {
    if let Some(to) = given() {
        let _ = client().connect_at(&at(&to), 7, None);
        wait_for_word();
    }
}

// shows B3: a connector that died while it waited is handed to nobody.
#[test]
fn the_dead_are_not_handed_out() {
    let (server, at) = listen(HERE);
    let killed = || {
        let mut process = start("a_waiting_process", &at.to_string());
        one_connector_waits(&server);
        process.kill();
    };
    let by_hand = |end: fn(TcpStream)| {
        let stream = foreign::wait_at(&at, 7);
        one_connector_waits(&server);
        end(stream);
    };
    // It is known before somebody accepts.
    killed();
    nobody_waits(&server);
    the_next_two_meet(&server, &at);
    for end in [foreign::reset, drop] {
        by_hand(end);
        nobody_waits(&server);
        the_next_two_meet(&server, &at);
    }
    // Or perhaps not yet.
    killed();
    the_next_two_meet(&server, &at);
    for round in 0..100 {
        by_hand([foreign::reset, drop][round % 2]);
        the_next_two_meet(&server, &at);
    }
}

// shows B3: nor one that dies between the welcome and its answer, or says something else.
#[test]
fn the_dying_are_not_handed_out() {
    let (server, at) = listen(HERE);
    let garbage = |mut stream: TcpStream| {
        std::io::Write::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    };
    for end in [foreign::reset, drop, garbage] {
        let accepting = thread::spawn({
            let server = server.clone();
            move || server.accept_timeout(7, LIMIT)
        });
        let mut stream = foreign::wait_at(&at, 7);
        foreign::expect_welcome(&mut stream);
        end(stream);
        let mut theirs = connect(&at, LIMIT).join().unwrap().unwrap();
        talk(&mut accepting.join().unwrap().unwrap(), &mut theirs);
        nobody_waits(&server);
    }
}

// shows B3: the same where there is no hello.
#[test]
fn a_plain_connector_that_was_reset_while_it_waited() {
    let (server, at) = listen("tcp+plain://127.0.0.1:0?port=7");
    let dead = foreign::dial(&at);
    one_connector_waits(&server);
    let mut alive = foreign::dial(&at);
    eventually("both wait", || server.waiting(7).connectors == 2);
    foreign::reset(dead);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    std::io::Write::write_all(&mut alive, b"alive").unwrap();
    let mut buf = [0; 5];
    ours.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"alive");
}

// shows B4: with the far broker closed, whoever waits there is told, and established channels live on.
#[test]
fn the_far_broker_closes() {
    for drop_it in [false, true] {
        let (server, at) = listen(HERE);
        let (mut ours, mut theirs) = meet(&server, &at, 8);
        let connecting: Vec<_> = (0..3).map(|_| connect(&at, LIMIT)).collect();
        eventually("all wait", || server.waiting(7).connectors == 3);
        if drop_it {
            drop(server);
        } else {
            server.close();
        }
        for connecting in connecting {
            let error = connecting.join().unwrap().unwrap_err();
            assert!(matches!(error, ConnectError::Closed { .. }), "{error}");
            assert!(error.to_string().contains(at.authority()), "{error}");
        }
        talk(&mut ours, &mut theirs);
        // Nothing listens there any more.
        let error = connect(&at, LIMIT).join().unwrap().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}

// shows B6: who has a place in the line keeps it when its endpoint is closed.
#[test]
fn an_endpoint_closes() {
    let server = support::domain().broker("server").unwrap();
    let bound = server.listen(&at(HERE)).unwrap();
    let connecting = connect(bound.endpoint(), LIMIT);
    one_connector_waits(&server);
    bound.close();
    let error = connect(bound.endpoint(), LIMIT)
        .join()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    let mut ours = server.accept_timeout(7, LIMIT).unwrap();
    talk(&mut ours, &mut connecting.join().unwrap().unwrap());
}
