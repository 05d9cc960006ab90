//! What the other processes of the tests do.

use std::thread;
use std::time::Duration;

use channel::{Broker, Channel, Endpoint, ReadError, WriteError};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};

use crate::support::process::{given, now, tell, wait_for_word};
use crate::support::{LIMIT, broker, dial, pattern, subject, until_lost};
use crate::trouble;

/// Sends back what comes.
pub const ECHO: u16 = 1;
/// Sends stream 2 without end.
pub const FLOOD: u16 = 2;
/// Reads stream 3 to its end, which is a loss.
pub const SINK: u16 = 3;
/// Sends [`CUT`] bytes of a message of [`MESSAGE`] bytes, and no more.
pub const HALF: u16 = 4;
/// Receives messages, and tells what becomes of one that is cut.
pub const MESSAGES: u16 = 5;
/// Says who it is, and ends.
pub const NAME: u16 = 6;

/// A message that never arrives whole.
pub const MESSAGE: usize = 100_000;
/// So much of it does.
pub const CUT: usize = 40_000;

/// Lives the life that the environment says; returns at once if it says none.
pub fn play() {
    subject::serve();
    let Some(given) = given() else {
        return;
    };
    let (role, rest) = given.split_once(' ').unwrap_or((&given, ""));
    match role {
        "serve" => serve(rest),
        "cut" => cut(rest),
        "stream" => stream(rest),
        "hold" => hold(rest),
        "tries" => trouble::tries(rest),
        _ => panic!("there is no role {role}"),
    }
}

/// The role of one who serves at these endpoints.
pub fn serving(at: &[Endpoint]) -> String {
    let at: Vec<_> = at.iter().map(Endpoint::to_string).collect();
    format!("serve {}", at.join(" "))
}

/// Serves until the parent's word.
fn serve(given: &str) {
    let mut brokers: Vec<Broker> = Vec::new();
    for at in given.split(' ') {
        let at: Endpoint = at.parse().unwrap();
        let name = at.broker().unwrap().to_owned();
        let server = broker(&name);
        if let Err(error) = server.listen(&at) {
            tell(&format!("refused {error}"));
            continue;
        }
        for (port, service) in SERVICES {
            let (server, name) = (server.clone(), name.clone());
            thread::spawn(move || {
                while let Ok(channel) = server.accept(*port) {
                    let name = name.clone();
                    thread::spawn(move || service(channel, &name));
                }
            });
        }
        brokers.push(server);
    }
    tell("serves");
    wait_for_word();
    for broker in &brokers {
        broker.close();
    }
    drop(brokers);
    leave();
}

/// A gadget is taken down when nobody has used it for a moment.
fn leave() {
    crate::support::eventually("no device is open any more", || {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let name = |task: &std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
        let mut names = threads.flatten().filter_map(|task| name(&task).ok());
        !names.any(|name| name.trim() == "link")
    });
}

type Service = fn(Channel, &str);

const SERVICES: &[(u16, Service)] = &[
    (ECHO, |channel, _| echo(channel)),
    (FLOOD, |channel, _| flood(channel)),
    (SINK, |mut channel, _| {
        let mut first = vec![0; 10_000];
        channel.read_exact_timeout(&mut first, LIMIT).unwrap();
        assert!(first == pattern(3, 0, 10_000));
        tell("sink-reads");
        let read = until_lost(&mut channel, 3, 10_000);
        tell(&format!("sink-lost {} {read}", now()));
    }),
    (HALF, |channel, _| half(channel)),
    (MESSAGES, |channel, _| messages(channel)),
    (NAME, |mut channel, name| {
        channel.write_all(name.as_bytes()).unwrap();
        let _ = channel.close_timeout(LIMIT);
    }),
];

fn echo(mut channel: Channel) {
    let mut buf = vec![0; 16 * 1024];
    loop {
        let moved = match channel.read(&mut buf) {
            Ok(0) => return,
            Ok(n) => channel.write_all(&buf[..n]).is_ok(),
            Err(ReadError::PeerLost(_)) => false,
            Err(_) => return,
        };
        if !moved {
            return tell(&format!("echo-lost {}", now()));
        }
    }
}

fn flood(mut channel: Channel) {
    for at in (0..).step_by(10_000) {
        if let Err(error) = channel.write_all(&pattern(2, at, 10_000)) {
            let lost = matches!(error.error, WriteError::PeerLost(_));
            let what = if lost { "flood-lost" } else { "flood-ended" };
            return tell(&format!("{what} {}", now()));
        }
    }
}

/// The beginning of a message, and no more of it.
pub fn beginning() -> Vec<u8> {
    let mut bytes = (MESSAGE as u32).to_be_bytes().to_vec();
    bytes.extend(pattern(4, 0, CUT));
    bytes
}

fn half(mut channel: Channel) {
    channel.write_all(&beginning()).unwrap();
    until_lost(&mut channel, 0, 0);
    tell(&format!("half-lost {}", now()));
}

fn messages(channel: Channel) {
    let queue = MessageQueue::new(channel);
    loop {
        match queue.receive_timeout(Duration::from_millis(10)) {
            Ok(message) => tell(&format!("message {}", message.len())),
            Err(ReceiveError::TimedOut) => {
                let totals = queue.handle().totals();
                if totals.read + totals.unread >= CUT as u64 + 4 {
                    tell("holds");
                    break;
                }
            }
            Err(error) => return tell(&format!("messages-ended {error}")),
        }
    }
    match queue.receive() {
        Err(ReceiveError::Truncated(Truncated::Message { expected, received })) => {
            tell(&format!("truncated {} {expected} {received}", now()));
        }
        other => tell(&format!("messages-ended {other:?}")),
    }
}

/// Is in the middle of a message each way when it is killed.
fn cut(at: &str) {
    let (client, at) = (broker("killed"), at.parse().unwrap());
    let mut flood = dial(&client, &at, FLOOD);
    let mut first = vec![0; 10_000];
    flood.read_exact_timeout(&mut first, LIMIT).unwrap();
    let mut messages = dial(&client, &at, MESSAGES);
    messages.write_all(&beginning()).unwrap();
    tell("sent");
    wait_for_word();
}

/// Is in the middle of a stream when it is killed.
fn stream(at: &str) {
    let mut sink = dial(&broker("killed"), &at.parse().unwrap(), SINK);
    for sent in (0..).step_by(10_000) {
        if sent == 500_000 {
            tell("streams");
        }
        sink.write_all(&pattern(3, sent, 10_000)).unwrap();
    }
}

/// Has a device to itself.
fn hold(at: &str) {
    let (client, at) = (broker("holds"), at.parse().unwrap());
    let channel = dial(&client, &at, ECHO);
    tell("holds");
    wait_for_word();
    drop(channel);
}
