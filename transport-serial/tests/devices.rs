//! Devices that cannot be used: the error says why, and what to do.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use channel::{Endpoint, ListenError};
use support::{LIMIT, at, broker};
use transport_serial::line::{End, Line, LineConfig};
use transport_testkit::process;

fn line() -> Line {
    Line::open(LineConfig::default()).unwrap()
}

fn listening(at: &Endpoint) -> Result<(), String> {
    let refused = |error: ListenError| error.to_string();
    broker("server").listen(at).map(drop).map_err(refused)
}

// shows T5: an endpoint that makes no sense is refused, by both calls, before anything is opened.
#[test]
fn a_bad_option_is_told() {
    let at: Endpoint = "serial:///dev/ttyS9?parity=mark".parse().unwrap();
    let told = listening(&at).unwrap_err();
    assert!(
        told.contains("`parity` is `mark`") && told.contains("none, even, odd"),
        "{told}"
    );
    let error = broker("client")
        .connect_at(&at, 7, Some(LIMIT))
        .unwrap_err();
    assert!(error.to_string().contains("none, even, odd"), "{error}");
}

// Not a test: has a device to itself, until it is told to end.
#[test]
fn a_process_with_a_device() {
    let Some(at) = process::given() else { return };
    let server = broker("elsewhere");
    let _bound = server.listen(&at.parse().unwrap()).unwrap();
    process::tell("listening");
    process::wait_for_word();
}

// shows T5: one process at a time, and the other one is named.
#[test]
fn a_device_in_use_is_told_with_its_user() {
    let line = line();
    let at = at(&line, End::A, "baud=115200");
    let mut other = process::start("a_process_with_a_device", &at.to_string());
    assert_eq!(other.hear(), "listening");
    let told = listening(&at).unwrap_err();
    let device = line.path(End::A).to_str().unwrap();
    assert!(told.contains(device) && told.contains("in use"), "{told}");
    assert!(told.contains(&format!("process {}", other.id())), "{told}");
    let error = broker("client")
        .connect_at(&at, 7, Some(LIMIT))
        .unwrap_err();
    assert!(
        error.to_string().contains(&other.id().to_string()),
        "{error}"
    );
    // A process that was killed holds it no longer.
    other.kill();
    support::eventually("the device is free", || listening(&at).is_ok());
}

// shows T5
#[test]
fn the_same_device_with_other_settings_is_refused() {
    let line = line();
    let serial = transport_serial::Serial::new();
    let brokers = ["one", "two"]
        .map(|name| support::broker_over(name, serial.clone(), transport_serial::Pipe::new()));
    let _bound = brokers[0].listen(&at(&line, End::A, "baud=9600")).unwrap();
    let error = brokers[1]
        .connect_at(&at(&line, End::A, "baud=19200"), 7, Some(LIMIT))
        .unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("9600 8N1") && told.contains("19200 8N1"),
        "{told}"
    );
}

#[test]
fn what_is_no_serial_device_is_told() {
    let told = listening(&"serial:///dev/null".parse().unwrap()).unwrap_err();
    assert!(
        told.contains("/dev/null is not a serial device") && told.contains("with_pair"),
        "{told}"
    );
}

// Not a test: another user, who has no right to the device.
#[test]
fn a_user_without_the_right() {
    let Some(at) = process::given() else { return };
    rustix::thread::set_thread_groups(&[]).unwrap();
    rustix::thread::set_thread_gid(rustix::process::Gid::from_raw(65_534)).unwrap();
    rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
    process::tell(&listening(&at.parse().unwrap()).unwrap_err());
}

/// The number of a group that is not this user's; by that name on many systems.
const DIALOUT: u32 = 20;

// shows T5
#[test]
fn a_missing_right_is_told_with_the_group_to_join() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not shown: only root can become another user");
        return;
    }
    // Where that other user may look.
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    let line = Line::open(LineConfig {
        directory: Some(directory.path().to_owned()),
        ..LineConfig::default()
    })
    .unwrap();
    let device = fs::canonicalize(line.path(End::A)).unwrap();
    fs::set_permissions(&device, Permissions::from_mode(0o660)).unwrap();
    std::os::unix::fs::chown(device, None, Some(DIALOUT)).unwrap();
    let at = at(&line, End::A, "").to_string();
    let mut other = process::start("a_user_without_the_right", &at);
    let told = other.hear();
    assert!(
        told.contains("no permission for") && told.contains("usermod -aG"),
        "{told}"
    );
    drop(line);
}
