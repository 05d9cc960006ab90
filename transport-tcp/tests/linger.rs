//! C8: a disconnect with unread inbound bytes, from any thread, by dropping, or just before the process exits,
//! costs the peer no byte that was written before; and it takes bounded time, on nobody's thread.

mod support;

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Endpoint, Options, Reader, Receipt, Writer};
use support::process::{Process, given, start, tell};
use support::{LIMIT, at, client, domain, eventually, foreign, listen, meet, pattern};

const LENGTH: usize = 10 << 20;
/// So much of it is not read before the writer has left. The socket's buffers hold that much.
const TAIL: usize = 96 * 1024;

/// A time limit that is meant to pass.
const A_MOMENT: Duration = Duration::from_millis(20);

const RECORDS: &str = "tcp://127.0.0.1:0/server";
const PLAIN: &str = "tcp+plain://127.0.0.1:0?port=7";

/// Reads all, the last part in small pieces and only after `left`; then comes the orderly end.
fn read_slowly(reader: &mut Reader, left: impl FnOnce()) {
    let expected = pattern(LENGTH);
    let mut all = vec![0; LENGTH];
    let (most, tail) = all.split_at_mut(LENGTH - TAIL);
    reader.read_exact_timeout(most, LIMIT).unwrap();
    left();
    for piece in tail.chunks_mut(1000) {
        reader.read_exact_timeout(piece, LIMIT).unwrap();
        thread::yield_now();
    }
    assert!(all == expected);
    assert_eq!(reader.read_timeout(&mut [0], LIMIT).unwrap(), 0);
}

type Way = (&'static str, fn(Channel));

const WAYS: [Way; 5] = [
    ("disconnected", |channel| channel.disconnect()),
    ("disconnected by another thread", |channel| {
        let handle = channel.handle();
        let other = thread::spawn(move || handle.disconnect());
        other.join().unwrap();
        drop(channel);
    }),
    ("dropped", drop),
    ("dropped in halves", |channel| {
        let (reader, writer) = channel.split();
        let other = thread::spawn(move || drop(writer));
        drop(reader);
        other.join().unwrap();
    }),
    ("finished, then dropped", |mut channel| {
        channel.finish().unwrap();
        drop(channel);
    }),
];

// shows C8
#[test]
fn leaving_with_unread_bytes() {
    for place in [RECORDS, PLAIN] {
        let (server, at) = listen(place);
        for (way, leave) in WAYS {
            println!("{place}: {way}");
            let (mut ours, theirs) = meet(&server, &at, 7);
            let (mut reader, mut writer) = theirs.split();
            writer.write_all(&[7; 50_000]).unwrap();
            let (leaves, left) = mpsc::channel::<()>();
            let reading = thread::spawn(move || {
                read_slowly(&mut reader, || {
                    let _ = left.recv();
                    // More that nobody reads; the connection may be gone in the middle of it.
                    let _ = writer.write_all_timeout(&[7; 500_000], LIMIT);
                });
            });
            ours.write_all(&pattern(LENGTH)).unwrap();
            leave(ours);
            drop(leaves);
            reading.join().unwrap();
        }
    }
}

/// A broker whose channels linger for so long.
fn lingering(place: &str, limit: Duration) -> (Broker, Endpoint) {
    let options = Options::new().with_linger(limit);
    let server = domain().broker_with("server", options).unwrap();
    let bound = server.listen(&at(place)).unwrap();
    (server, bound.endpoint().clone())
}

/// A channel whose peer reads nothing, full to the brim, and that peer.
fn full(server: &Broker, at: &Endpoint) -> (Channel, std::net::TcpStream) {
    let mut stream = match at.is_plain() {
        true => foreign::dial(at),
        false => foreign::wait_at(at, 7),
    };
    let plain = at.is_plain();
    let going = thread::spawn(move || {
        if !plain {
            foreign::go(&mut stream);
        }
        stream
    });
    let mut channel = server.accept_timeout(7, LIMIT).unwrap();
    let stream = going.join().unwrap();
    while channel
        .write_timeout(&[7; 65536], Duration::from_millis(20))
        .is_ok()
    {}
    (channel, stream)
}

// shows C8: a peer that never takes what was written costs the time to linger, and not the caller's.
#[test]
fn lingering_is_bounded() {
    const SHORT: Duration = Duration::from_millis(100);
    for place in [RECORDS, PLAIN] {
        for (way, leave) in WAYS {
            println!("{place}: {way}");
            let (server, at) = lingering(place, SHORT);
            let (channel, mut stream) = full(&server, &at);
            let since = Instant::now();
            leave(channel);
            // Taken and thrown away until the time is over; then nobody is there.
            eventually("the connection is gone", || {
                stream.write(&[7; 100]).is_err()
            });
            assert!(since.elapsed() >= SHORT, "gone after {:?}", since.elapsed());
        }
    }
    for place in [RECORDS, PLAIN] {
        for (way, leave) in WAYS {
            println!("{place}: {way}");
            let (server, at) = lingering(place, 10 * LIMIT);
            let (channel, stream) = full(&server, &at);
            let since = Instant::now();
            leave(channel);
            assert!(since.elapsed() < LIMIT, "left after {:?}", since.elapsed());
            drop(stream);
        }
    }
}

/// The life of a process that writes, and exits with unread inbound bytes.
#[test]
fn a_leaving_process() {
    let Some(given) = given() else { return };
    let (to, way) = given.split_once(' ').unwrap();
    let mut channel = client().connect_at(&at(to), 7, Some(LIMIT)).unwrap();
    // The others are here then, too, and stay unread.
    channel.read_exact_timeout(&mut [0], LIMIT).unwrap();
    if way != "late" {
        channel.write_all(&pattern(LENGTH)).unwrap();
    }
    match way {
        "close" => assert_eq!(channel.close_timeout(LIMIT), Receipt::Complete),
        "disconnect" => {
            channel.disconnect();
            channel::linger(LIMIT).unwrap();
        }
        "drop" => {
            drop(channel);
            channel::linger(LIMIT).unwrap();
        }
        _ => {
            while channel.write_timeout(&[7; 65536], A_MOMENT).is_ok() {}
            let written = channel.totals().written;
            drop(channel);
            let late = channel::linger(A_MOMENT).unwrap_err();
            assert_eq!(late.count, 1);
            tell(&written.to_string());
            channel::linger(LIMIT).unwrap();
        }
    }
    std::process::exit(0);
}

/// A process that leaves, and the channel to it with some bytes that it will not read.
fn leaving(place: &str, way: &str) -> (Process, Reader, Writer) {
    println!("{place}: {way}");
    let (server, at) = listen(place);
    let process = start("a_leaving_process", &format!("{at} {way}"));
    let channel = server.accept_timeout(7, LIMIT).unwrap();
    let (reader, mut writer) = channel.split();
    writer.write_all(&[7; 50_000]).unwrap();
    (process, reader, writer)
}

fn loses_nothing(place: &str, way: &str) {
    let (mut process, mut reader, mut writer) = leaving(place, way);
    read_slowly(&mut reader, || {
        let _ = writer.write_all_timeout(&[7; 500_000], LIMIT);
    });
    drop((reader, writer));
    assert!(process.ended().success());
}

// shows C8, C9
#[test]
fn a_process_that_closes_and_exits() {
    loses_nothing(RECORDS, "close");
}

// shows C8
#[test]
fn a_process_that_lingers_and_exits() {
    for place in [RECORDS, PLAIN] {
        for way in ["disconnect", "drop"] {
            loses_nothing(place, way);
        }
    }
}

// shows C8: a time limit that is too short is told, and costs nothing by itself.
#[test]
fn a_process_that_lingers_too_short_at_first() {
    for place in [RECORDS, PLAIN] {
        let (mut process, mut reader, writer) = leaving(place, "late");
        let written: u64 = process.hear().parse().unwrap();
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut all).unwrap();
        assert_eq!(all.len() as u64, written);
        drop((reader, writer));
        assert!(process.ended().success());
    }
}
