//! T6: any program is the other end of `serial+plain:`. Here it is a file.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::fs::OpenOptions;
use std::io::{Read, Write};

use support::{LIMIT, at, broker, pattern};
use transport_serial::line::{End, Line, LineConfig};

// shows T6
#[test]
fn a_bare_line_is_a_channel() {
    let line = Line::open(LineConfig::default()).unwrap();
    let device = line.path(End::B);
    let mut raw = OpenOptions::new()
        .read(true)
        .write(true)
        .open(device)
        .unwrap();
    let to = at(&line, End::A, "baud=9600&flow=software&data=7").plain();
    let mut channel = broker("client").connect_at(&to, 7, Some(LIMIT)).unwrap();
    channel.write_all(b"AT\r\n").unwrap();
    let mut got = [0; 4];
    raw.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"AT\r\n");
    // (Without XON and XOFF, which software flow control keeps to itself.)
    let answer: Vec<u8> = pattern(3000)
        .into_iter()
        .filter(|byte| ![17, 19].contains(byte))
        .collect();
    raw.write_all(&answer).unwrap();
    let mut read = vec![0; answer.len()];
    channel.read_exact_timeout(&mut read, LIMIT).unwrap();
    assert!(read == answer);
}

// shows T6
#[test]
fn a_bare_line_is_accepted() {
    let line = Line::open(LineConfig::default()).unwrap();
    let server = broker("server");
    server.listen(&at(&line, End::A, "port=3").plain()).unwrap();
    let device = line.path(End::B);
    let mut raw = OpenOptions::new()
        .read(true)
        .write(true)
        .open(device)
        .unwrap();
    raw.write_all(b"hello").unwrap();
    let mut channel = server.accept_timeout(3, LIMIT).unwrap();
    let mut got = [0; 5];
    channel.read_exact_timeout(&mut got, LIMIT).unwrap();
    assert_eq!(&got, b"hello");
    channel.write_all(b"world").unwrap();
    raw.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"world");
}
