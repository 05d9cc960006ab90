//! What the tests on the bus share.

pub mod cable;
pub mod lab;
pub mod process;
pub mod raw;
pub mod subject;
pub mod table;

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, ConnectError, Domain, Endpoint, ReadError};
use transport_usb::{Usb, UsbGadget};

/// Longer than anything takes on an emulated processor beside another one.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits until it is so.
#[track_caller]
pub fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !is() {
        assert!(Instant::now() < limit, "it never came: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A broker in a domain of its own, to which only a cable's two ends lead.
pub fn broker(name: &str) -> Broker {
    let domain = Domain::new();
    domain.add(Usb::new());
    domain.add(UsbGadget::new());
    domain.broker(name).unwrap()
}

/// A channel to a port of whoever serves there.
#[track_caller]
pub fn dial(client: &Broker, at: &Endpoint, port: u16) -> Channel {
    let channel = client.connect_at(at, port, Some(LIMIT));
    channel.unwrap_or_else(|error| panic!("port {port} at {at}: {error}"))
}

/// What a dial is told that is not served.
#[track_caller]
pub fn refused(client: &Broker, at: &str) -> ConnectError {
    let at: Endpoint = at.parse().unwrap();
    let refused = client.connect_at(&at, 1, Some(LIMIT));
    refused
        .map(|_| ())
        .expect_err("nobody is there that could be dialled")
}

/// Bytes that tell where they are in the stream of this number.
pub fn pattern(stream: usize, at: usize, len: usize) -> Vec<u8> {
    // Copied from a table: the figures are to be those of the bus.
    static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (0..1usize << 16)
            .map(|i| (i * 31 + i / 256 * 7) as u8)
            .collect()
    });
    let from = (at + stream * 7919) % TABLE.len();
    let mut bytes = TABLE[from..TABLE.len().min(from + len)].to_vec();
    while bytes.len() < len {
        let more = TABLE.len().min(len - bytes.len());
        bytes.extend_from_slice(&TABLE[..more]);
    }
    bytes
}

/// Sends some bytes to one who echoes, and has them back as they were, and nothing else.
#[track_caller]
pub fn exchange(channel: &mut Channel, stream: usize, len: usize) {
    let (reader, writer) = channel.halves_mut();
    thread::scope(|scope| {
        scope.spawn(move || {
            writer
                .write_all_timeout(&pattern(stream, 0, len), LIMIT)
                .unwrap();
        });
        let mut got = vec![0; len];
        reader.read_exact_timeout(&mut got, LIMIT).unwrap();
        assert!(got == pattern(stream, 0, len), "other bytes came back");
    });
}

/// Reads a stream on from `at` up to the loss: how many bytes there were in all.
#[track_caller]
pub fn until_lost(channel: &mut Channel, stream: usize, mut at: usize) -> usize {
    let mut buf = vec![0; 16 * 1024];
    loop {
        match channel.read_timeout(&mut buf, LIMIT) {
            Ok(0) => panic!("an orderly end after {at} bytes"),
            Ok(n) => {
                let same = buf[..n] == pattern(stream, at, n);
                assert!(same, "not what was sent, within {n} bytes at {at}");
                at += n;
            }
            Err(ReadError::PeerLost(_)) => return at,
            Err(error) => panic!("after {at} bytes: {error:?}"),
        }
    }
}
