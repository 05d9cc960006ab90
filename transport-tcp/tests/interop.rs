//! T6, M2: a program that is not ours speaks the plain byte service and the service of messages with a
//! length before each: Python with its modules `socket` and `struct`, and `nc` for the bytes.

mod support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use channel::Channel;
use message_queue::MessageQueue;
use support::{LIMIT, at, client, eventually, listen, pattern, say};

const LENGTH: usize = 10 << 20;

struct Python(Child, BufReader<ChildStdout>);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None`, said aloud, where there is no Python.
fn python(arguments: &[&str]) -> Option<Python> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/peer.py");
    let there = Command::new("python3").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        say("skipped: there is no python3 on this machine");
        return None;
    }
    let mut child = Command::new("python3")
        .arg(script)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    Some(Python(child, stdout))
}

impl Python {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// SHA-256, by a program of the system: there is no need for a crate here.
fn sha256(bytes: &[u8]) -> String {
    let mut child = Command::new("python3")
        .args([
            "-c",
            "import sys,hashlib;print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    child.wait().unwrap();
    text.trim().to_owned()
}

/// Has Python connect to us, then listen for us; `exchange` sends all bytes given and returns those it gets.
fn with_python(kind: &str, exchange: fn(Channel, Vec<u8>) -> Vec<u8>) {
    let ours = pattern(LENGTH);
    let length = LENGTH.to_string();
    for side in ["connect", "listen"] {
        let (mut other, channel) = if side == "connect" {
            let (server, bound) = listen("tcp+plain://127.0.0.1:0?port=7");
            let port = bound.authority().rsplit_once(':').unwrap().1;
            let Some(other) = python(&[kind, side, port, &length]) else {
                return;
            };
            (other, server.accept_timeout(7, LIMIT).unwrap())
        } else {
            let Some(mut other) = python(&[kind, side, "0", &length]) else {
                return;
            };
            let to = at(&format!("tcp+plain://127.0.0.1:{}", other.line()));
            (other, client().connect_at(&to, 7, Some(LIMIT)).unwrap())
        };
        let theirs = exchange(channel, ours.clone());
        assert_eq!(theirs.len(), LENGTH);
        let told = format!("{} {} {LENGTH}", sha256(&theirs), sha256(&ours));
        assert_eq!(other.line(), told, "{kind}, Python in the role of {side}");
    }
}

// shows T6: bytes both ways at once, with half-closes.
#[test]
fn the_byte_service() {
    with_python("bytes", |channel, ours| {
        let (mut reader, mut writer) = channel.split();
        let writing = thread::spawn(move || {
            writer.write_all_timeout(&ours, LIMIT).unwrap();
            writer.finish().unwrap();
        });
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        writing.join().unwrap();
        all
    });
}

struct Nc(Child);

impl Drop for Nc {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None`, said aloud, where there is no `nc`.
fn nc(arguments: &[&str]) -> Option<Nc> {
    let child = Command::new("nc")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    if let Err(error) = &child
        && error.kind() == ErrorKind::NotFound
    {
        say("skipped: there is no nc on this machine");
        return None;
    }
    Some(Nc(child.unwrap()))
}

/// Other bytes both ways at once. Some kinds of `nc` give no half-close, so the lengths tell where it ends.
fn exchange_with_nc(mut nc: Nc, channel: Channel) {
    let (ours, theirs) = (pattern(LENGTH), pattern(LENGTH + 1));
    let theirs = &theirs[1..];
    let mut stdin = nc.0.stdin.take().unwrap();
    let mut stdout = nc.0.stdout.take().unwrap();
    let (mut reader, mut writer) = channel.split();
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(theirs).unwrap());
        scope.spawn(|| writer.write_all_timeout(&ours, LIMIT).unwrap());
        let printed = scope.spawn(move || {
            let mut printed = vec![0; LENGTH];
            stdout.read_exact(&mut printed).unwrap();
            printed
        });
        let mut all = vec![0; LENGTH];
        reader.read_exact_timeout(&mut all, LIMIT).unwrap();
        assert!(all == theirs);
        assert!(printed.join().unwrap() == ours);
    });
    // It ends when we do.
    drop((reader, writer));
    assert!(nc.0.wait().unwrap().success());
}

// shows T6: by a program that everybody has.
#[test]
fn the_byte_service_with_nc() {
    let (server, bound) = listen("tcp+plain://127.0.0.1:0?port=7");
    let port = bound.authority().rsplit_once(':').unwrap().1;
    let Some(connecting) = nc(&["127.0.0.1", port]) else {
        return;
    };
    exchange_with_nc(connecting, server.accept_timeout(7, LIMIT).unwrap());

    // It cannot choose a port: one that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let listening = nc(&["-l", "-p", &address.port().to_string()]).unwrap();
    let to = at(&format!("tcp+plain://{address}"));
    let mut channel = None;
    eventually("nc listens", || {
        channel = client().connect_at(&to, 7, Some(LIMIT)).ok();
        channel.is_some()
    });
    exchange_with_nc(listening, channel.unwrap());
}

// shows T6, M2: messages of all sizes both ways at once; an empty one is the last.
#[test]
fn the_message_service() {
    with_python("messages", |channel, ours| {
        let (mut sender, mut receiver) = MessageQueue::new(channel).split();
        let writing = thread::spawn(move || {
            let (mut rest, mut size) = (&ours[..], 1);
            while !rest.is_empty() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                sender.send(now).unwrap();
                (rest, size) = (later, size * 5 % 700_001);
            }
            sender.send(&[]).unwrap();
            sender
        });
        let mut all = Vec::new();
        loop {
            let message = receiver.receive_timeout(LIMIT).unwrap();
            if message.is_empty() {
                break;
            }
            all.extend(message);
        }
        drop(writing.join().unwrap());
        all
    });
}
