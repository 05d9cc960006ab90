//! Ways to end other than a plain kill, and one that is none: a process that leaves a child with its socket,
//! that exits or calls `exec` with everything open, that says goodbye and exits at once, that is stopped.

mod support;

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use channel::{Channel, ReadError, State, WriteError};
use futures_lite::future::block_on;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use support::raw::Raw;
use support::thread::go;
use support::{LIMIT, at, broker, check, eventually, files, fill, listen, runtime_directory};
use transport_shm::list_in;
use transport_testkit::process::{Process, given, start, tell, wait_for_word};

const PORT: u16 = 7;

fn signal(process: &Process, signal: Signal) {
    let id = Pid::from_raw(process.id() as i32).unwrap();
    kill_process(id, signal).unwrap();
}

fn stream(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fill(1, 0, &mut bytes);
    bytes
}

// Not a test: what the other process runs. Each connects, writes, says so, and ends in its own way at a word.
#[test]
fn the_other_process() {
    let Some(given) = given() else { return };
    let [how, to] = given.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{given}");
    };
    if how == "heir" {
        return leave_an_heir(to);
    }
    let client = broker("client");
    let to = to.parse().unwrap();
    let mut channel = client.connect_at(&to, PORT, Some(LIMIT)).unwrap();
    match how {
        "exit" => {
            channel.write_all(&stream(5000)).unwrap();
            tell("ready");
            wait_for_word();
            std::process::exit(0);
        }
        "exec" => {
            channel.write_all(&stream(5000)).unwrap();
            tell("ready");
            wait_for_word();
            // It reads what is left of the standard input, and ends with that.
            let error = Command::new("cat").stdout(Stdio::null()).exec();
            panic!("{error}");
        }
        "farewell" => {
            channel.write_all(&stream(50_000)).unwrap();
            drop(channel);
            std::process::exit(0);
        }
        "echo" => {
            let mut buf = [0; 1 << 12];
            while let Ok(n @ 1..) = channel.read(&mut buf) {
                if channel.write_all(&buf[..n]).is_err() {
                    return;
                }
            }
        }
        _ => panic!("{how}"),
    }
}

/// Speaks by hand, to have the socket in its hands.
fn leave_an_heir(directory: &str) {
    let raw = Raw::connect(directory.as_ref(), "survivor", PORT);
    fcntl_setfd(&raw.socket, FdFlags::empty()).unwrap();
    let mut child = Command::new("cat");
    child.stdout(Stdio::null()).stderr(Stdio::null());
    #[expect(clippy::zombie_processes, reason = "it outlives this process")]
    child.spawn().unwrap();
    assert_eq!(raw.write(&stream(1000)), 1000);
    tell("ready");
    loop {
        std::thread::park();
    }
}

/// Reads `length` bytes and then the loss.
#[track_caller]
fn expect_lost(channel: &mut Channel, length: usize) {
    let mut all = vec![0; length];
    channel.read_exact_timeout(&mut all, LIMIT).unwrap();
    check(1, 0, &all);
    for _ in 0..2 {
        let error = channel.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
        assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    }
    let error = channel.write_timeout(b"x", LIMIT).unwrap_err();
    assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
    assert_eq!(channel.info().state, State::PeerLost);
}

/// A channel to a process that ends in a way, once it is ready.
fn channel_to(how: &str) -> (Channel, Process) {
    let directory = runtime_directory();
    let to = at(directory.path(), "survivor");
    let survivor = listen(&to);
    let given = match how {
        "heir" => directory.path().to_str().unwrap().to_owned(),
        _ => to.to_string(),
    };
    let process = start("the_other_process", &format!("{how} {given}"));
    (survivor.accept_timeout(PORT, LIMIT).unwrap(), process)
}

// shows T2, C6: the socket is open still, in the hands of a child.
#[test]
fn a_child_that_keeps_the_socket_does_not_fake_life() {
    let (mut channel, mut process) = channel_to("heir");
    assert_eq!(process.hear(), "ready");
    process.kill();
    expect_lost(&mut channel, 1000);

    // Asleep in a read, blocking and async.
    for asynchronous in [false, true] {
        let (mut channel, mut process) = channel_to("heir");
        channel.read_exact_timeout(&mut [0; 1000], LIMIT).unwrap();
        assert_eq!(process.hear(), "ready");
        let reading = go(move || match asynchronous {
            false => channel.read(&mut [0; 8]),
            true => block_on(channel.read_async(&mut [0; 8])),
        });
        reading.wait_asleep();
        process.kill();
        let result = reading.join("a read whose peer left an heir");
        assert!(matches!(result, Err(ReadError::PeerLost(_))), "{result:?}");
    }
}

// shows C6
#[test]
fn an_exit_with_everything_open_is_a_loss() {
    let (mut channel, mut process) = channel_to("exit");
    channel.write_all(&[0; 100]).unwrap();
    assert_eq!(process.hear(), "ready");
    process.say("go on");
    assert!(process.ended().success());
    expect_lost(&mut channel, 5000);
}

// shows C6: the process lives on, and is another program.
#[test]
fn an_exec_with_everything_open_is_a_loss() {
    let (mut channel, mut process) = channel_to("exec");
    assert_eq!(process.hear(), "ready");
    process.say("go on");
    expect_lost(&mut channel, 5000);
}

// shows C8: also with bytes under way to it that it never reads.
#[test]
fn a_process_that_writes_and_exits_at_once_loses_nothing() {
    for inbound in [0, 100] {
        let (mut channel, mut process) = channel_to("farewell");
        // It may be gone already.
        let _ = channel.write_all(&vec![0; inbound]);
        assert!(process.ended().success());
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut channel, &mut all).unwrap();
        assert_eq!(all.len(), 50_000);
        check(1, 0, &all);
    }
}

// shows T2, C6
#[test]
fn a_stopped_process_is_not_dead() {
    let (channel, process) = channel_to("echo");
    let (mut reader, mut writer) = channel.split();
    let handle = reader.handle();
    signal(&process, Signal::STOP);
    let stat = format!("/proc/{}/stat", process.id());
    eventually("it is stopped", || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T')
    });
    let length = 300_000;
    let writing = go(move || {
        writer.write_all(&stream(length)).unwrap();
        writer
    });
    let error = reader
        .read_timeout(&mut [0; 8], Duration::from_secs(1))
        .unwrap_err();
    assert!(matches!(error, ReadError::TimedOut), "{error}");
    assert_eq!(handle.info().state, State::Open);
    writing.wait_asleep();
    assert!(!writing.is_over());
    signal(&process, Signal::CONT);
    let mut all = vec![0; length];
    reader.read_exact_timeout(&mut all, LIMIT).unwrap();
    check(1, 0, &all);
    drop(writing.join("a write to a process that was stopped"));
}

// shows T2, B1: the program that took its place does not listen.
#[test]
fn the_name_of_a_process_that_became_another_program_is_free() {
    let directory = runtime_directory();
    let mut process = start(
        "a_listener_that_becomes_another_program",
        &at(directory.path(), "server").to_string(),
    );
    assert_eq!(process.hear(), "ready");
    process.say("go on");
    eventually("nobody listens", || {
        list_in(directory.path()).unwrap().is_empty()
    });
    let again = listen(&at(directory.path(), "server"));
    drop(again);
    assert!(files(directory.path()).is_empty());
}

// Not a test, but a role.
#[test]
fn a_listener_that_becomes_another_program() {
    let Some(given) = given() else { return };
    let _server = listen(&given.parse().unwrap());
    tell("ready");
    wait_for_word();
    let error = Command::new("cat").stdout(Stdio::null()).exec();
    panic!("{error}");
}
