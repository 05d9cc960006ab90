//! What several test programs share.
#![allow(dead_code)]

pub mod cable;
pub mod foreign;
pub mod kernel;

use std::io::Write;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Domain, Endpoint};
use transport_tcp::Tcp;

/// Far more than anything here takes; a test that hangs fails instead.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A fresh place where `broker` is to listen. The suite asks for a full connection to stay full: buffers of
/// a fixed size, as the kernel lets its own grow even while nobody reads.
pub fn place(broker: &str) -> Endpoint {
    let any = Endpoint::new("tcp", "127.0.0.1:0").unwrap();
    let small = any.with_option("send-buffer", "65536").unwrap();
    let small = small.with_option("receive-buffer", "65536").unwrap();
    small.with_broker(broker).unwrap()
}

/// A domain that knows `tcp:`.
pub fn domain() -> Domain {
    let domain = Domain::new();
    domain.add(Tcp::new());
    domain
}

pub fn at(text: &str) -> Endpoint {
    text.parse().unwrap()
}

/// Makes a broker "server" listen; where it is reached.
pub fn listen(text: &str) -> (Broker, Endpoint) {
    let server = domain().broker("server").unwrap();
    let bound = server.listen(&at(text)).unwrap();
    (server, bound.endpoint().clone())
}

pub fn client() -> Broker {
    domain().broker("client").unwrap()
}

/// Two ends of a rendezvous: the acceptor's and the connector's.
pub fn meet(server: &Broker, at: &Endpoint, port: u16) -> (Channel, Channel) {
    let at = at.clone();
    let connecting = std::thread::spawn(move || client().connect_at(&at, port, Some(LIMIT)));
    let ours = server.accept_timeout(port, LIMIT).unwrap();
    (ours, connecting.join().unwrap().unwrap())
}

/// Bytes from one end to the other and back.
pub fn talk(ours: &mut Channel, theirs: &mut Channel) {
    let mut buf = [0; 5];
    ours.write_all(b"hello").unwrap();
    theirs.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"hello");
    theirs.write_all(b"world").unwrap();
    ours.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"world");
}

/// Waits for something that nothing tells of.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < until, "never came true: {what}");
        std::thread::yield_now();
    }
}

/// Tells whoever runs the tests, past the harness, which keeps what a passing test prints.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
