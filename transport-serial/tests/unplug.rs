//! Devices that are pulled out, come back, and were never there; lines that are cut, and lines with rubbish on them.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::fs::OpenOptions;
use std::io::Write;
use std::thread;
use std::time::Duration;

use channel::{Broker, Channel, ReadError, State};
use rustix::time::{ClockId, clock_gettime};
use support::{LIMIT, at, broker, eventually, pattern};
use transport_serial::line::{End, Line, LineConfig};
use transport_testkit::process;

/// A line that is missed after five seconds: sooner than usual, and later than a busy machine makes anybody wait.
const OPTIONS: &str = "baud=12000000&keep-alive=1000";

fn line() -> Line {
    Line::open(LineConfig::default()).unwrap()
}

/// A broker that listens at end A, and one that does not at end B.
fn ends(line: &Line) -> (Broker, Broker) {
    let server = broker("server");
    server.listen(&at(line, End::A, OPTIONS)).unwrap();
    (server, broker("client"))
}

fn meet(line: &Line, server: &Broker, client: &Broker) -> (Channel, Channel) {
    thread::scope(|scope| {
        let theirs = scope.spawn(|| client.connect_at(&at(line, End::B, OPTIONS), 7, Some(LIMIT)));
        let ours = server.accept_timeout(7, LIMIT).unwrap();
        (ours, theirs.join().unwrap().unwrap())
    })
}

#[track_caller]
fn talk(from: &mut Channel, to: &mut Channel) {
    from.write_all(b"hello").unwrap();
    let mut got = [0; 5];
    to.read_exact_timeout(&mut got, LIMIT).unwrap();
    assert_eq!(&got, b"hello");
}

/// Reads up to the loss; what comes is what was sent.
#[track_caller]
fn until_lost(channel: &mut Channel, sent: &[u8]) -> usize {
    let (mut read, mut buf) = (0, vec![0; 4096]);
    loop {
        match channel.read_timeout(&mut buf, LIMIT) {
            Ok(0) => panic!("an orderly end after {read} bytes"),
            Ok(n) => {
                let expected = sent.iter().cycle().skip(read % sent.len());
                assert!(
                    buf[..n].iter().eq(expected.take(n)),
                    "not what was sent, at {read}"
                );
                read += n;
            }
            Err(ReadError::PeerLost(_)) => return read,
            Err(error) => panic!("after {read} bytes: {error:?}"),
        }
    }
}

/// Something happens in the middle of a stream: both ends are told of a loss. Then it is undone: the same endpoints
/// serve on.
fn interrupted(interrupt: fn(&Line), mend: fn(&Line)) {
    let line = line();
    let (server, client) = ends(&line);
    let (mut ours, mut theirs) = meet(&line, &server, &client);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let piece = pattern(10_000);
            while theirs.write_all(&piece).is_ok() {}
            theirs
        });
        let mut first = vec![0; 50_000];
        ours.read_exact_timeout(&mut first, LIMIT).unwrap();
        assert!(first == pattern(10_000).repeat(5));
        interrupt(&line);
        until_lost(&mut ours, &pattern(10_000));
        let theirs = writing.join().unwrap();
        eventually("its writer is told", || {
            theirs.info().state == State::PeerLost
        });
    });
    mend(&line);
    let (mut ours, mut theirs) = meet(&line, &server, &client);
    talk(&mut theirs, &mut ours);
    talk(&mut ours, &mut theirs);
}

// shows T5, C6
#[test]
fn the_dialled_end_is_unplugged_and_comes_back() {
    interrupted(
        |line| line.unplug(End::B).unwrap(),
        |line| line.plug(End::B).unwrap(),
    );
}

// shows T5, C6
#[test]
fn the_end_that_is_listened_at_is_unplugged_and_comes_back() {
    interrupted(
        |line| line.unplug(End::A).unwrap(),
        |line| line.plug(End::A).unwrap(),
    );
}

// shows T5, C6: nothing is there but silence.
#[test]
fn the_cable_is_cut_and_mended() {
    interrupted(|line| line.sever(true), |line| line.sever(false));
}

// shows T5: who comes before the device waits for it.
#[test]
fn absent_devices_are_waited_for() {
    let line = line();
    line.unplug(End::A).unwrap();
    line.unplug(End::B).unwrap();
    let (server, client) = ends(&line);
    let to = at(&line, End::B, OPTIONS);
    let early = client.connect_at(&to, 7, Some(Duration::from_millis(100)));
    let error = early.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error:?}");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.connect_at(&to, 7, Some(LIMIT)));
        line.plug(End::B).unwrap();
        line.plug(End::A).unwrap();
        let mut ours = server.accept_timeout(7, LIMIT).unwrap();
        let mut theirs = waiting.join().unwrap().unwrap();
        talk(&mut theirs, &mut ours);
    });
}

// shows T5: rubbish that waits at both ends, and what a boot loader says.
#[test]
fn what_was_on_the_line_before_is_dropped() {
    let line = line();
    for end in [End::A, End::B] {
        let mut raw = OpenOptions::new().write(true).open(line.path(end)).unwrap();
        raw.write_all(b"U-Boot 2024.01\r\nHit any key to stop autoboot\r\n\0\0")
            .unwrap();
        raw.write_all(&pattern(2_000)).unwrap();
    }
    let (server, client) = ends(&line);
    let (mut ours, mut theirs) = meet(&line, &server, &client);
    talk(&mut theirs, &mut ours);
    talk(&mut ours, &mut theirs);
}

/// CPU time of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

// Prints what waiting costs. In a process of its own, as the figure is the process's.
#[test]
fn an_absent_device_costs_next_to_nothing() {
    if process::given().is_some() {
        let server = broker("server");
        let client = broker("client");
        let absent = |n| format!("serial:///dev/no-such-tty{n}").parse().unwrap();
        server.listen(&absent(1)).unwrap();
        let before = cpu();
        let limit = Duration::from_secs(10);
        let error = client.connect_at(&absent(2), 7, Some(limit)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error:?}");
        process::tell(&format!("{:?}", cpu() - before));
        return;
    }
    let mut child = process::start("an_absent_device_costs_next_to_nothing", "it");
    println!("CPU time of two absent devices over 10 s: {}", child.hear());
    assert!(child.ended().success());
}
