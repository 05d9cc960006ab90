//! C8: a disconnect with unread inbound bytes, from any thread, by dropping, or just before the process exits,
//! costs the peer no byte that was written before; and it takes bounded time, on nobody's thread.

mod support;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Endpoint, Options, Reader, Receipt, WriteError};
use support::{LIMIT, at, client, domain, eventually, foreign, listen, meet, pattern};
use transport_testkit::process::{given, start, tell};

/// So much the peer reads at once.
const LENGTH: usize = 10 << 20;
/// More than the buffers between the two hold.
const MORE: usize = 24 << 20;

/// A time limit that is meant to pass.
const A_MOMENT: Duration = Duration::from_millis(20);

const RECORDS: &str = "tcp://127.0.0.1:0/server";
const PLAIN: &str = "tcp+plain://127.0.0.1:0?port=7";

/// What is written.
fn data() -> &'static [u8] {
    static DATA: OnceLock<Vec<u8>> = OnceLock::new();
    DATA.get_or_init(|| pattern(1_000_003).repeat((LENGTH + MORE) / 1_000_003))
}

/// Writes what the peer reads at once, and then as much as the buffers hold; returns how much that was.
fn write_to_the_brim(channel: &mut Channel) -> usize {
    channel.write_all_timeout(&data()[..LENGTH], LIMIT).unwrap();
    let mut written = LENGTH;
    while let Ok(n) = channel.write_timeout(&data()[written..], A_MOMENT) {
        assert!(n > 0, "buffers of {MORE} bytes");
        written += n;
    }
    written
}

/// The other side, which writes all the while: bytes that nobody reads.
struct Peer {
    reader: Reader,
    through: Arc<AtomicBool>,
    writing: thread::JoinHandle<()>,
}

impl Peer {
    fn new(channel: Channel) -> Peer {
        let (reader, mut writer) = channel.split();
        let through = Arc::new(AtomicBool::new(false));
        let writing = thread::spawn({
            let through = through.clone();
            move || {
                // Over records it hears that nobody reads; a plain connection just takes it.
                while !through.load(Ordering::Relaxed) {
                    match writer.write_timeout(&[7; 10_000], A_MOMENT) {
                        Ok(_) | Err(WriteError::TimedOut) => {}
                        Err(_) => break,
                    }
                }
            }
        });
        Peer {
            reader,
            through,
            writing,
        }
    }

    /// Reads all; what `write_to_the_brim` has written after `LENGTH`, slowly and only when `left` tells how
    /// much that was, and that it has left. Then comes the orderly end.
    fn read_all(mut self, left: impl FnOnce() -> usize) {
        let mut all = vec![0; LENGTH];
        self.reader.read_exact_timeout(&mut all, LIMIT).unwrap();
        let written = left();
        let mut piece = [0; 5000];
        for count in 0.. {
            // No more than the pace: whoever has left is through, or dead, long before the last byte.
            if count < 50 {
                thread::sleep(Duration::from_millis(1));
            }
            match self.reader.read_timeout(&mut piece, LIMIT).unwrap() {
                0 => break,
                n => all.extend_from_slice(&piece[..n]),
            }
        }
        assert_eq!(all.len(), written);
        assert!(all == data()[..written]);
        self.through.store(true, Ordering::Relaxed);
        self.writing.join().unwrap();
    }
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
            let peer = Peer::new(theirs);
            let (leaves, left) = mpsc::channel();
            let reading = thread::spawn(move || peer.read_all(|| left.recv().unwrap()));
            let written = write_to_the_brim(&mut ours);
            leave(ours);
            leaves.send(written).unwrap();
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
    // Others are here then, too, and stay unread.
    channel.read_exact_timeout(&mut [0], LIMIT).unwrap();
    let written = write_to_the_brim(&mut channel);
    match way {
        "close" => {
            tell(&written.to_string());
            assert_eq!(channel.close_timeout(LIMIT), Receipt::Complete);
        }
        "disconnect" => {
            channel.disconnect();
            tell(&written.to_string());
            channel::linger(LIMIT).unwrap();
        }
        "drop" => {
            drop(channel);
            tell(&written.to_string());
            channel::linger(LIMIT).unwrap();
        }
        _ => {
            drop(channel);
            let late = channel::linger(A_MOMENT).unwrap_err();
            assert_eq!(late.count, 1);
            tell(&written.to_string());
            channel::linger(LIMIT).unwrap();
        }
    }
    std::process::exit(0);
}

/// A process writes, leaves that way, and exits; all arrives.
fn loses_nothing(place: &str, way: &str) {
    println!("{place}: {way}");
    let (server, at) = listen(place);
    let mut process = start("a_leaving_process", &format!("{at} {way}"));
    let peer = Peer::new(server.accept_timeout(7, LIMIT).unwrap());
    peer.read_all(|| process.hear().parse().unwrap());
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
        loses_nothing(place, "linger twice");
    }
}
