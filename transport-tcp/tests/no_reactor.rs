//! A process that only connects and blocks, and runs out of descriptors: what it needs for waiting it has had
//! since it connected. In a process of its own, as the limit is the process's.
#![cfg(unix)]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use channel::ReadError;
use rustix::process::{Resource, getrlimit, setrlimit};
use support::{LIMIT, at, client};

// shows C1, C3: a channel that is open does not break for want of descriptors.
#[test]
fn an_open_channel_needs_no_further_descriptor() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = at(&format!("tcp+plain://{}", service.local_addr().unwrap()));
    let mut channel = client().connect_at(&to, 1, Some(LIMIT)).unwrap();
    let (mut peer, _) = service.accept().unwrap();
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = Some(64);
    setrlimit(Resource::Nofile, limits).unwrap();
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    let mut buf = [0; 5];
    let late = channel.read_timeout(&mut buf, Duration::from_millis(20));
    assert!(matches!(late, Err(ReadError::TimedOut)), "{late:?}");
    peer.write_all(b"hello").unwrap();
    channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"hello");
}
