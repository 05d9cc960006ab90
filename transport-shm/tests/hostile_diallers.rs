//! What our listener bears from those who dial: nonsense, silence, and leaving at every step. Each time an
//! honest one is served afterwards, and nothing is left.

mod support;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use channel::{Broker, Options, ReadError};
use rustix::net::SocketType;
use support::raw::{self, Raw, packet, request};
use support::thread::go;
use support::{LIMIT, at, broker, eventually, listen, mappings, runtime_directory, shm_domain};
use transport_testkit::Leaks;

const PORT: u16 = 7;

fn talk(server: &Broker, directory: &Path) {
    let to = at(directory, "server");
    let connecting = go(move || broker("honest").connect_at(&to, PORT, Some(LIMIT)));
    let mut ours = server.accept_timeout(PORT, LIMIT).unwrap();
    let mut theirs = connecting.join("an honest connect").unwrap();
    ours.write_all(b"hello").unwrap();
    theirs.read_exact_timeout(&mut [0; 5], LIMIT).unwrap();
}

/// A dialler that says one packet, with descriptors, and waits for the answer.
fn answer(directory: &Path, packet: &[u8], fds: usize) -> Vec<u8> {
    let socket = raw::dial(directory, "server");
    let bells: Vec<OwnedFd> = std::iter::repeat_with(raw::bell).take(fds).collect();
    let fds: Vec<_> = bells.iter().map(AsFd::as_fd).collect();
    raw::send(&socket, packet, &fds);
    raw::receive(&socket).0
}

#[track_caller]
fn expect_refusal(answer: &[u8], part: &str) {
    assert_eq!(answer[..7], packet(3, &[])[..]);
    let why = String::from_utf8_lossy(&answer[7..]);
    assert!(why.contains(part), "{why}");
}

fn version(mut packet: Vec<u8>, version: u8) -> Vec<u8> {
    packet[4] = version;
    packet
}

// shows T2, B3: whatever it says, or however soon it leaves.
#[test]
fn each_is_told_why_and_costs_nothing() {
    let directory = runtime_directory();
    let directory = directory.path();
    let server = listen(&at(directory, "server"));
    talk(&server, directory);
    let before = Leaks::snapshot();

    let nothing: &[u8] = &[];
    // What makes no sense.
    let language = "speaks another language";
    expect_refusal(&answer(directory, b"GET / HTTP/1.1\r\n\r\n", 0), language);
    expect_refusal(&answer(directory, &[0; 600], 0), language);
    expect_refusal(&answer(directory, &raw::offer(64, 64), 0), language);
    expect_refusal(&answer(directory, &version(request(64), 9), 0), "version 9");
    for capacity in [0, 3, 1 << 31, u32::MAX] {
        let why = format!("a buffer of {capacity} bytes");
        expect_refusal(&answer(directory, &request(capacity), 0), &why);
    }
    // An empty packet is as good as none.
    assert_eq!(answer(directory, nothing, 0), nothing);
    // Descriptors that nobody asked for do no harm.
    for fds in [1, 5, 30] {
        assert_eq!(answer(directory, &request(64), fds)[..7], packet(2, &[]));
    }

    // Those who leave: before the request, before the offer is read, with the offer, in the hello, before
    // they are accepted, and before they say so.
    drop(raw::dial(directory, "server"));
    raw::send(&raw::dial(directory, "server"), &request(64), &[]);
    drop(Raw::dial(directory, "server"));
    let raw = Raw::dial(directory, "server");
    raw.say_hello("server", PORT, 5);
    drop(raw);
    let raw = Raw::dial(directory, "server");
    raw.say_hello("server", PORT, usize::MAX);
    eventually("it is in the line", || server.waiting(PORT).connectors == 1);
    drop(raw);
    eventually("it has left the line", || {
        server.waiting(PORT).connectors == 0
    });
    let raw = Raw::dial(directory, "server");
    raw.say_hello("server", PORT, usize::MAX);
    let waiting = server.clone();
    let accepting = go(move || waiting.accept_timeout(PORT, LIMIT));
    raw.wait_for_bytes();
    drop(raw);
    let to = at(directory, "server");
    let honest = broker("honest").connect_at(&to, PORT, Some(LIMIT)).unwrap();
    let accepted = accepting.join("an accept whose connector left").unwrap();
    assert_eq!(accepted.handle().peer_name(), "honest");
    drop((honest, accepted));

    // A hello that is none ends it; one for a broker that is none is told so.
    let raw = Raw::dial(directory, "server");
    raw.write(&[0; 64]);
    assert_eq!(raw::receive(&raw.socket).0, nothing);
    drop(raw);
    let raw = Raw::dial(directory, "server");
    raw.say_hello("nobody", PORT, usize::MAX);
    raw.wait_for_bytes();
    drop(raw);

    talk(&server, directory);
    before.check_within(LIMIT).unwrap();
    eventually("no memory is mapped", || mappings() == 0);
    assert!(server.channels().is_empty());
}

// shows T2: the silent are sent away after the time of a hello, at each step.
#[test]
fn the_silent_are_sent_away() {
    let directory = runtime_directory();
    let directory = directory.path();
    let options = Options::new().with_hello_deadline(Duration::from_millis(200));
    let server = shm_domain().broker_with("server", options).unwrap();
    server.listen(&at(directory, "server")).unwrap();
    let wordless = raw::dial(directory, "server");
    let without_hello = Raw::dial(directory, "server");
    let half_a_hello = Raw::dial(directory, "server");
    half_a_hello.say_hello("server", PORT, 5);
    // They are served while those wait.
    talk(&server, directory);
    for socket in [&wordless, &without_hello.socket, &half_a_hello.socket] {
        // The end, not more than a refusal before it.
        while !raw::receive(socket).0.is_empty() {}
    }
}

// shows T2: once the memory is shared, the socket says nothing but that somebody is there.
#[test]
fn packets_after_the_set_up_are_not_heard() {
    let directory = runtime_directory();
    let directory = directory.path();
    let server = listen(&at(directory, "server"));
    talk(&server, directory);
    let before = Leaks::snapshot();
    let accepting = {
        let server = server.clone();
        go(move || server.accept_timeout(PORT, LIMIT))
    };
    let raw = Raw::connect(directory, "server", PORT);
    let mut channel = accepting.join("an accept").unwrap();
    // In a read that waits in the kernel itself, and in one that waits at the background thread.
    for asynchronous in [false, true] {
        let reading = go(move || {
            let mut buf = [0; 5];
            match asynchronous {
                false => channel.read_exact(&mut buf).unwrap(),
                true => futures_lite::future::block_on(channel.read_exact_async(&mut buf)).unwrap(),
            }
            assert_eq!(&buf, b"hello");
            channel
        });
        reading.wait_asleep();
        for _ in 0..5 {
            let bells = [raw::bell(), raw::bell()];
            raw::send(&raw.socket, b"nonsense", &bells.each_ref().map(AsFd::as_fd));
        }
        reading.wait_asleep();
        assert!(!reading.is_over());
        raw.write(b"hello");
        channel = reading.join("a read");
    }
    drop(raw);
    let error = channel.read_timeout(&mut [0], LIMIT).unwrap_err();
    assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    drop(channel);
    before.check_within(LIMIT).unwrap();
}

// shows T2: a socket of another type is no way in.
#[test]
fn other_types_of_sockets_are_refused() {
    let directory = runtime_directory();
    let server = listen(&at(directory.path(), "server"));
    for kind in [SocketType::STREAM, SocketType::DGRAM] {
        assert!(raw::try_dial(directory.path(), "server", kind).is_err());
    }
    talk(&server, directory.path());
}
