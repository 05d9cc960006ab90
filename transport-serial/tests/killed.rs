//! A peer over a line that is killed in the middle of its stream, and started again: nothing of the first life comes
//! up in the second.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use channel::{Channel, ReadError};
use support::{LIMIT, at, broker};
use transport_serial::line::{End, Line, LineConfig};
use transport_testkit::process;

const OPTIONS: &str = "baud=12000000";

// Not a test: writes one byte over and over.
#[test]
fn a_flood() {
    let Some(given) = process::given() else {
        return;
    };
    let (byte, to) = given.split_once(' ').unwrap();
    let client = broker("client");
    let mut channel = client
        .connect_at(&to.parse().unwrap(), 7, Some(LIMIT))
        .unwrap();
    let piece = vec![byte.parse::<u8>().unwrap(); 3000];
    while channel.write_all(&piece).is_ok() {}
}

/// Reads this many bytes, which are all the same.
fn flooded(channel: &mut Channel, byte: u8, n: usize) {
    let mut read = vec![0; n];
    channel.read_exact_timeout(&mut read, LIMIT).unwrap();
    assert!(read.iter().all(|got| *got == byte), "bytes of another life");
}

// shows T5, C6
#[test]
fn a_killed_peer_starts_anew_without_a_stale_byte() {
    let line = Line::open(LineConfig::default()).unwrap();
    let server = broker("server");
    server.listen(&at(&line, End::A, OPTIONS)).unwrap();
    let to = at(&line, End::B, OPTIONS);
    let mut before: Option<Channel> = None;
    for life in 1..=4_u8 {
        let mut child = process::start("a_flood", &format!("{life} {to}"));
        let mut channel = server.accept_timeout(7, LIMIT).unwrap();
        flooded(&mut channel, life, 20_000);
        if let Some(mut before) = before.take() {
            let mut buf = vec![0; 4096];
            let end = loop {
                match before.read_timeout(&mut buf, LIMIT) {
                    Ok(n) if n > 0 => assert!(buf[..n].iter().all(|got| *got == life - 1)),
                    end => break end,
                }
            };
            assert!(matches!(end, Err(ReadError::PeerLost(_))), "{end:?}");
        }
        child.kill();
        before = Some(channel);
    }
}
