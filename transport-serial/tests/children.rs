//! Commands whose standard input and output are a link, and programs that serve over their own.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::fs;
use std::path::Path;
use std::thread;

use channel::{Broker, ConnectError, Endpoint};
use message_queue::{MessageQueue, ReceiveError};
use support::{LIMIT, broker, eventually, role};
use transport_serial::wait_for_stdin_end;
use transport_testkit::process;

/// The endpoint of a command.
fn run(command: &str) -> Endpoint {
    let at: Endpoint = "pipe://".parse().unwrap();
    at.with_option("run", command).unwrap()
}

/// The part of a program that others start: serves over its standard input and output until they leave.
fn served(serve: fn(&Broker)) {
    if process::given().is_none() {
        return;
    }
    let server = broker("server");
    server.listen(&"pipe://".parse().unwrap()).unwrap();
    // It is no part of the stream.
    println!("a stray print");
    let serving = server.clone();
    thread::spawn(move || serve(&serving));
    wait_for_stdin_end();
}

// Not a test: tells its process id to whoever connects, then gives back what it is given.
#[test]
fn an_echo() {
    served(|server| {
        while let Ok(channel) = server.accept(7) {
            thread::spawn(move || {
                let (mut reader, mut writer) = channel.split();
                let _ = writer.write_all(&std::process::id().to_be_bytes());
                let _ = std::io::copy(&mut reader, &mut writer);
            });
        }
    });
}

// Not a test: sends a part of a message.
#[test]
fn a_stammerer() {
    served(|server| {
        let mut channel = server.accept(7).unwrap();
        let _ = channel.write_all(&std::process::id().to_be_bytes());
        let _ = channel.write_all(b"\0\0\0\x05whole\0\0\0\x64only this much");
        let _ = channel.read(&mut [0]);
    });
}

fn connect(client: &Broker, at: &Endpoint) -> (channel::Channel, u32) {
    let mut channel = client.connect_at(at, 7, Some(LIMIT)).unwrap();
    let mut id = [0; 4];
    channel.read_exact_timeout(&mut id, LIMIT).unwrap();
    (channel, u32::from_be_bytes(id))
}

fn lives(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

// shows T5: a command is started once, for all who dial it, whatever it says first; and ends with the last.
#[test]
fn a_child_serves_until_nobody_wants_it() {
    let client = broker("client");
    let at = run(&format!(
        "echo Welcome; printf half; {}",
        role("an_echo", "it")
    ));
    let (mut one, id) = connect(&client, &at);
    let (mut two, other) = connect(&client, &at);
    assert_eq!(id, other, "two children");
    for channel in [&mut one, &mut two] {
        channel.write_all(b"hello").unwrap();
        let mut got = [0; 5];
        channel.read_exact_timeout(&mut got, LIMIT).unwrap();
        assert_eq!(&got, b"hello");
    }
    drop((one, two));
    eventually("it ends, and is reaped", || !lives(id));
    let (_channel, next) = connect(&client, &at);
    assert_ne!(id, next);
}

// shows T5
#[test]
fn a_child_that_cannot_serve_is_told_with_its_status() {
    let client = broker("client");
    for (command, parts) in [
        (
            "exec /no/such/program",
            &["/no/such/program", "exit status: 127"][..],
        ),
        ("exit 7", &["exit 7", "exit status: 7"]),
        ("true", &["exit status: 0"]),
        ("echo Permission denied; exit 255", &["exit status: 255"]),
        ("kill -9 $$", &["signal: 9"]),
    ] {
        let error = client
            .connect_at(&run(command), 7, Some(LIMIT))
            .unwrap_err();
        let told = error.to_string();
        for part in parts {
            assert!(told.contains(part), "{command}: {told}");
        }
    }
    let error = client.connect_at(&run(""), 7, Some(LIMIT)).unwrap_err();
    assert!(error.to_string().contains("`run` is empty"), "{error}");
    let path = "pipe:///echo?run=cat".parse().unwrap();
    let error = client.connect_at(&path, 7, Some(LIMIT)).unwrap_err();
    assert!(error.to_string().contains("?broker=echo"), "{error}");
}

// shows T5: one that does not end by itself when its standard input is closed.
#[test]
fn a_child_that_never_answers_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("id");
    let client = broker("client");
    let command = format!(
        "trap '' TERM; echo $$ > {}; while true; do sleep 0.1; done",
        file.display()
    );
    let dialling = client.clone();
    let dialling = thread::spawn(move || dialling.connect_at(&run(&command), 7, None));
    let mut id = 0;
    eventually("it runs", || {
        let told = fs::read_to_string(&file).unwrap_or_default();
        id = told.trim().parse().unwrap_or_default();
        told.ends_with('\n')
    });
    client.close();
    let error = dialling.join().unwrap().unwrap_err();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error:?}");
    eventually("it is ended, and reaped", || !lives(id));
}

// shows M7, C6
#[test]
fn a_child_that_dies_in_the_middle_of_a_message_is_truncated() {
    let client = broker("client");
    let (channel, id) = connect(&client, &run(&role("a_stammerer", "it")));
    let queue = MessageQueue::new(channel);
    assert_eq!(queue.receive().unwrap(), b"whole");
    let id = rustix::process::Pid::from_raw(id as i32).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    match queue.receive() {
        Err(ReceiveError::Truncated(cut)) => {
            let told = format!("{cut:?}");
            assert!(told.contains("100") && told.contains("14"), "{told}");
        }
        other => panic!("{other:?}"),
    }
}

// shows T6
#[test]
fn a_plain_command_is_a_filter() {
    let client = broker("client");
    let at: Endpoint = "pipe+plain://?run=tr%20a-z%20A-Z".parse().unwrap();
    let mut channel = client.connect_at(&at, 7, Some(LIMIT)).unwrap();
    channel.write_all(b"hello").unwrap();
    channel.finish().unwrap();
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut channel, &mut all).unwrap();
    assert_eq!(all, b"HELLO");
}
