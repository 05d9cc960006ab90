//! Links that are given in code: pairs of anything that can be read and written, descriptors, and devices that are
//! opened again and again.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use channel::{Broker, Channel, ReadError};
use support::{LIMIT, broker_over};
use transport_serial::transport_link::{Descriptor, Link};
use transport_serial::{Pipe, Serial};

fn meet(server: &Broker, client: &Broker, at: &str) -> (Channel, Channel) {
    thread::scope(|scope| {
        let to = at.parse().unwrap();
        let theirs = scope.spawn(move || client.connect_at(&to, 7, Some(LIMIT)));
        let ours = server.accept_timeout(7, LIMIT).unwrap();
        (ours, theirs.join().unwrap().unwrap())
    })
}

#[track_caller]
fn talk(from: &mut Channel, to: &mut Channel) {
    from.write_all(b"hello").unwrap();
    let mut got = [0; 5];
    to.read_exact_timeout(&mut got, LIMIT).unwrap();
    assert_eq!(&got, b"hello");
}

/// The two meet at the endpoint, talk, and part; then the client is gone, and with it its end of the link.
fn serves(server: &Broker, client: Broker, at: &str) {
    server.listen(&at.parse().unwrap()).unwrap();
    let (mut ours, mut theirs) = meet(server, &client, at);
    talk(&mut ours, &mut theirs);
    talk(&mut theirs, &mut ours);
    drop(theirs);
    assert_eq!(ours.read_timeout(&mut [0], LIMIT).unwrap(), 0);
}

fn halves() -> [(UnixStream, UnixStream); 2] {
    let (here, there) = UnixStream::pair().unwrap();
    [here, there].map(|end| (end.try_clone().unwrap(), end))
}

// shows T5
#[test]
fn a_pair_that_keeps_every_byte() {
    let [here, there] = halves().map(|(read, write)| Pipe::new().with_pair("board", read, write));
    let server = broker_over("server", Serial::new(), here);
    serves(
        &server,
        broker_over("client", Serial::new(), there),
        "pipe://board",
    );
}

// shows T5: with the layer against noise.
#[test]
fn a_pair_that_may_lose_bytes() {
    let [here, there] =
        halves().map(|(read, write)| Serial::new().with_pair("board", 1_000_000, read, write));
    let server = broker_over("server", here, Pipe::new());
    serves(
        &server,
        broker_over("client", there, Pipe::new()),
        "serial://board",
    );
}

// shows T5: what was given is not opened a second time, and the error says so.
#[test]
fn a_pair_that_has_ended_is_told() {
    let [here, (there, _)] = halves();
    let client = broker_over(
        "client",
        Serial::new(),
        Pipe::new().with_pair("one", here.0, here.1),
    );
    there.shutdown(std::net::Shutdown::Both).unwrap();
    let error = client
        .connect_at(&"pipe://one".parse().unwrap(), 7, Some(LIMIT))
        .unwrap_err();
    assert!(error.to_string().contains("give another one"), "{error}");
    let error = client
        .connect_at(&"pipe://two".parse().unwrap(), 7, Some(LIMIT))
        .unwrap_err();
    assert!(error.to_string().contains("no pipe named `two`"), "{error}");
}

// shows T5: it comes back, and serves on.
#[test]
fn a_device_is_opened_again() {
    let at = "serial://node";
    let (give, take) = mpsc::channel::<UnixStream>();
    let take = Mutex::new(take);
    let node = move || -> io::Result<Box<dyn Link>> {
        let stream = take.lock().unwrap().try_recv();
        let stream = stream.map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(Descriptor::new(stream)?))
    };
    let serial = Serial::new().with_device("node", 1_000_000, node);
    let server = broker_over("server", serial, Pipe::new());
    server.listen(&at.parse().unwrap()).unwrap();
    for _ in 0..3 {
        let (here, there) = UnixStream::pair().unwrap();
        give.send(here).unwrap();
        let far = there.try_clone().unwrap();
        let there = Serial::new().with_pair("node", 1_000_000, far, there.try_clone().unwrap());
        let client = broker_over("client", there, Pipe::new());
        let (mut ours, mut theirs) = meet(&server, &client, at);
        talk(&mut theirs, &mut ours);
        // The far end goes, and nothing else.
        drop((theirs, client));
        let end = ours.read_timeout(&mut [0], Duration::from_secs(60));
        assert!(
            matches!(end, Ok(0) | Err(ReadError::PeerLost(_))),
            "{end:?}"
        );
    }
}
