//! One reactor a process. In a program of its own, as threads are counted.
#![cfg(target_os = "linux")]

mod support;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use support::{LIMIT, until_readable};
use transport_reactor::{Registration, after, within};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

// shows T3: threads do not depend on the number of connections.
#[test]
fn all_wait_in_the_one_background_thread() {
    let before = threads();
    transport_reactor::start().unwrap();
    transport_reactor::start().unwrap();
    let started = threads();
    assert_eq!(started, before + 1);
    let mut pairs: Vec<_> = (0..100)
        .map(|_| {
            let (near, far) = UnixStream::pair().unwrap();
            (Registration::new(&near).unwrap(), near, far)
        })
        .collect();
    for (registration, _, far) in &mut pairs {
        far.write_all(b"x").unwrap();
        until_readable("a byte", registration);
    }
    assert_eq!(threads(), started);

    // The same thread keeps the time: no sleep is too short, none is for ever, also while nothing else happens.
    for micros in [0, 50, 900, 5_000, 30_000] {
        let limit = Duration::from_micros(micros);
        let start = Instant::now();
        block_on(after(limit));
        assert!(start.elapsed() >= limit, "after {:?}", start.elapsed());
        let late = block_on(within(limit, |_| std::task::Poll::<()>::Pending));
        assert_eq!(late, None);
    }
    let prompt = block_on(within(LIMIT, |_| std::task::Poll::Ready(7)));
    assert_eq!(prompt, Some(7));
    assert_eq!(threads(), started);
}
