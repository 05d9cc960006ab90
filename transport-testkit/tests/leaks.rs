//! What stays behind is found and named. One test: the figures are the whole process's.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use transport_testkit::Leaks;

const LONG: Duration = Duration::from_secs(60);

static LIVE: AtomicUsize = AtomicUsize::new(1000);

#[test]
fn what_stays_is_named() {
    let before = Leaks::snapshot();
    let (go, goes) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("straggler".into())
        .spawn(move || {
            let _file = std::fs::File::open("/proc/self/maps").unwrap();
            tell.send(()).unwrap();
            let _ = goes.recv();
        })
        .unwrap();
    told.recv().unwrap();
    let left = before.check_within(Duration::ZERO).unwrap_err();
    assert!(
        left.contains("1 threads") && left.contains("straggler"),
        "{left}"
    );
    assert!(
        left.contains("1 descriptors") && left.contains("/maps"),
        "{left}"
    );
    // It is waited for, and the join comes after.
    drop(go);
    before.check_within(LONG).unwrap();
    thread.join().unwrap();

    // Memory beyond its slack.
    let before = Leaks::with_memory(|| LIVE.load(Relaxed), 100);
    LIVE.store(1100, Relaxed);
    before.check_within(LONG).unwrap();
    LIVE.store(1101, Relaxed);
    let left = before.check_within(Duration::ZERO).unwrap_err();
    assert!(left.contains("101 bytes"), "{left}");
    LIVE.store(900, Relaxed);
    before.check_within(Duration::ZERO).unwrap();
}
