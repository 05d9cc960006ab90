//! The host's end on whatever machine this is: with USB or without, no device of these tests is there.
#![cfg(all(unix, feature = "host"))]

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use channel::{ConnectError, DialError, Domain, Endpoint};
use transport_usb::{Usb, UsbError, Watch, devices, devices_of};

/// No vendor has this number.
const NOBODY: &str = "usb://ffff:ffff/echo";
const PATIENCE: Duration = Duration::from_secs(60);

/// They count threads, so they run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(endpoint: &str, limit: Duration) -> ConnectError {
    let domain = Domain::new();
    domain.add(Usb::new());
    let broker = domain.broker("host").unwrap();
    let endpoint: Endpoint = endpoint.parse().unwrap();
    broker.connect_at(&endpoint, 1, Some(limit)).unwrap_err()
}

/// Why a dial failed.
fn dial_error(error: ConnectError) -> DialError {
    match error {
        ConnectError::Dial { error, .. } => error,
        other => panic!("{other}"),
    }
}

fn is_unsupported(error: &DialError) -> bool {
    let text = error.to_string();
    let told = text.contains("no USB") && text.contains("/dev/bus/usb");
    match error {
        DialError::Unsupported(_) => told,
        DialError::Io(error) => told && error.kind() == io::ErrorKind::Unsupported,
        _ => false,
    }
}

/// The threads of this process that are not for good: the driver of a device, and libusb's own.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

// shows T4, B3: an absent device is waited for, and a machine without USB says so.
#[test]
fn a_device_that_is_not_there_is_waited_for_and_no_thread_is_left() {
    let _alone = alone();
    let limit = Duration::from_millis(600);
    let begun = Instant::now();
    // The first one starts threads that stay.
    let first = connect(NOBODY, limit);
    #[cfg(target_os = "linux")]
    let before = threads();
    let second = connect(NOBODY, limit);
    for error in [first, second] {
        match error {
            ConnectError::TimedOut { .. } => assert!(begun.elapsed() >= limit),
            other => assert!(is_unsupported(&dial_error(other))),
        }
    }
    connect(&format!("{NOBODY}?absent=fail"), PATIENCE);
    #[cfg(target_os = "linux")]
    while threads() > before {
        assert!(
            begun.elapsed() < PATIENCE,
            "{} threads, {before} before",
            threads()
        );
        std::thread::yield_now();
    }
}

// shows T4: or whoever dials is told at once.
#[test]
fn a_device_that_is_not_there_can_be_an_error() {
    let _alone = alone();
    let error = dial_error(connect(&format!("{NOBODY}?serial=7&absent=fail"), PATIENCE));
    if is_unsupported(&error) {
        return;
    }
    let DialError::Io(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let text = error.to_string();
    for part in ["ffff:ffff", "`7`", "connect waits"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_mistake_is_told_to_all_who_use_an_endpoint() {
    let _alone = alone();
    let error = dial_error(connect("usb://camera/echo", PATIENCE));
    assert!(error.to_string().contains("VID:PID"), "{error}");
    let usb = Usb::new();
    let error = usb
        .hold(&"usb:///echo?path=1".parse().unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("path=1-1.2"), "{error}");
    // The path is the broker's name, always.
    let error = dial_error(connect("usb:///?broker=echo", PATIENCE));
    assert!(error.to_string().contains("`broker`"), "{error}");
    let domain = Domain::new();
    domain.add(usb);
    let broker = domain.broker("host").unwrap();
    let error = broker
        .listen(&"usb://1d6b:0104?in=0x81".parse().unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("`in`"), "{error}");
}

#[test]
fn devices_are_listed_and_watched_or_it_is_said_why_not() {
    let _alone = alone();
    match devices_of(0xffff, 0xffff) {
        Ok(none) => assert!(none.is_empty()),
        Err(UsbError::Unsupported(why)) => assert!(why.contains("/dev/bus/usb"), "{why}"),
        Err(other) => panic!("{other}"),
    }
    match (devices(), Watch::new()) {
        (Ok(mut there), Ok(mut watch)) => {
            // Those that are there come first, and then nothing happens.
            let limit = Some(Duration::from_millis(50));
            while watch.next(limit).unwrap().is_some() {
                there.pop();
            }
            assert!(there.is_empty());
        }
        (Err(UsbError::Unsupported(_)), Err(UsbError::Unsupported(_))) => {}
        other => panic!("{other:?}"),
    }
}
