//! Blocking reads when no descriptor is left for what they sleep with. In a process of its own, as the limit
//! is the process's.
#![cfg(unix)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use channel::ReadError;
use rustix::process::{Resource, getrlimit, setrlimit};
use support::{LIMIT, listen, meet};

// shows C2, C3, C4
#[test]
fn a_read_blocks_and_is_woken_all_the_same() {
    let (server, at) = listen("tcp://127.0.0.1:0/server");
    let pairs: Vec<_> = (0..3).map(|_| meet(&server, &at, 7)).collect();
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = Some(64);
    setrlimit(Resource::Nofile, limits).unwrap();
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    let mut pairs = pairs.into_iter();

    // By bytes.
    let (mut ours, mut theirs) = pairs.next().unwrap();
    let reading = thread::spawn(move || {
        let mut all = [0; 10];
        ours.read_exact_timeout(&mut all, LIMIT).unwrap();
        all
    });
    for piece in [b"hello", b"world"] {
        thread::park_timeout(Duration::from_millis(20));
        theirs.write_all(piece).unwrap();
    }
    assert_eq!(&reading.join().unwrap(), b"helloworld");

    // By the time limit, not before it.
    let (mut ours, _theirs) = pairs.next().unwrap();
    let reading = thread::spawn(move || {
        let limit = Duration::from_millis(20);
        let start = Instant::now();
        let late = ours.read_timeout(&mut [0; 8], limit);
        assert!(matches!(late, Err(ReadError::TimedOut)), "{late:?}");
        assert!(start.elapsed() >= limit);
    });
    reading.join().unwrap();

    // By this side's disconnect.
    let (mut ours, _theirs) = pairs.next().unwrap();
    let handle = ours.handle();
    let reading = thread::spawn(move || ours.read_timeout(&mut [0; 8], LIMIT));
    thread::park_timeout(Duration::from_millis(20));
    let start = Instant::now();
    handle.disconnect();
    let ended = reading.join().unwrap();
    assert!(matches!(ended, Err(ReadError::Disconnected)), "{ended:?}");
    assert!(start.elapsed() < LIMIT / 2, "only the time limit woke it");
}
