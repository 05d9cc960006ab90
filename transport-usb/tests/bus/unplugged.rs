//! The plug is pulled: while nothing happens, in the middle of a stream, in the middle of a message. Both ends are told
//! soon, have what arrived, and serve on when it is back.

use std::thread;

use channel::{Channel, ReadError, State};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};

use crate::roles::{CUT, ECHO, FLOOD, HALF, MESSAGE, MESSAGES, SINK, beginning, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::{Process, now, start};
use crate::support::table::Times;
use crate::support::{LIMIT, broker, dial, eventually, exchange, pattern, until_lost};

const CABLE: Cable = Cable(0);

fn gadget() -> Process {
    let mut gadget = start(&serving(&[CABLE.gadget()]));
    gadget.hear("serves");
    gadget
}

/// What was there before is there again, for new channels.
fn serves_on(gadget: Process) {
    let client = broker("after");
    let mut channel = dial(&client, &CABLE.host(), ECHO);
    exchange(&mut channel, 9, 50_000);
    drop(channel);
    // Its orderly end is none of a peer that is lost.
    gadget.end();
}

/// A way to interrupt, and to undo that.
type Interruption = (&'static str, fn(Cable), fn(Cable));

const PULLED: Interruption = ("pulled", Cable::pull, Cable::plug);
const UNBOUND: Interruption = ("unbound", Cable::unbind, Cable::bind);

/// A channel at each end that is told of the loss; how long after it.
fn told(
    what: &str,
    (how, interrupt, _): Interruption,
    host: impl FnOnce(),
    gadget: impl FnOnce() -> u64,
) {
    let mut here = Times::of(&format!("{what}, {how}: the host is told"));
    let mut there = Times::of(&format!("{what}, {how}: the gadget is told"));
    let from = now();
    interrupt(CABLE);
    host();
    here.add_since(from);
    there.add(from, gadget());
}

fn idle(how: Interruption) {
    let mut gadget = gadget();
    let client = broker("client");
    let mut channel = dial(&client, &CABLE.host(), ECHO);
    exchange(&mut channel, 1, 1000);
    let lost = || {
        let end = channel.read(&mut [0; 8]);
        assert!(matches!(end, Err(ReadError::PeerLost(_))), "{end:?}");
    };
    told("idle", how, lost, || gadget.numbers("echo-lost")[0]);
    assert_eq!(channel.info().state, State::PeerLost);
    how.2(CABLE);
    serves_on(gadget);
}

// shows T4, C6
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn while_idle() {
    on_the_bus(|| idle(PULLED));
}

// shows T4, C6
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn while_idle_by_the_controller() {
    on_the_bus(|| idle(UNBOUND));
}

/// Writes stream 3 until it is told of the loss: how much was taken.
fn write_until_lost(mut channel: Channel) -> usize {
    let mut sent = 0;
    while channel.write_all(&pattern(3, sent, 10_000)).is_ok() {
        sent += 10_000;
    }
    assert_eq!(channel.info().state, State::PeerLost);
    sent + 10_000
}

fn mid_stream(how: Interruption) {
    let mut gadget = gadget();
    let client = broker("client");
    let mut flood = dial(&client, &CABLE.host(), FLOOD);
    let sink = dial(&client, &CABLE.host(), SINK);
    let writing = thread::spawn(|| write_until_lost(sink));
    let mut first = vec![0; 300_000];
    flood.read_exact_timeout(&mut first, LIMIT).unwrap();
    assert!(first == pattern(2, 0, 300_000));
    gadget.hear("sink-reads");
    let lost = || {
        until_lost(&mut flood, 2, 300_000);
    };
    told("in mid-stream", how, lost, || {
        gadget.numbers("flood-lost")[0]
    });
    let sent = writing.join().unwrap() as u64;
    let read = gadget.numbers("sink-lost")[1];
    assert!(
        0 < read && read <= sent,
        "{read} bytes arrived of {sent} at most"
    );
    how.2(CABLE);
    serves_on(gadget);
}

// shows T4, C6, C1
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn in_mid_stream() {
    on_the_bus(|| mid_stream(PULLED));
}

// shows T4, C6, C1
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn in_mid_stream_by_the_controller() {
    on_the_bus(|| mid_stream(UNBOUND));
}

/// Receives the beginning of the message, and waits until all that was sent of it is there.
pub fn half_of_one(channel: Channel) -> MessageQueue {
    let queue = MessageQueue::new(channel);
    eventually("all that was sent of the message has arrived", || {
        let nothing = queue.try_receive();
        let waits = matches!(nothing, Err(ReceiveError::WouldBlock));
        assert!(waits, "{nothing:?}");
        let totals = queue.handle().totals();
        totals.read + totals.unread == CUT as u64 + 4
    });
    queue
}

#[track_caller]
pub fn is_truncated(queue: &MessageQueue) {
    match queue.receive_timeout(LIMIT) {
        Err(ReceiveError::Truncated(Truncated::Message { expected, received })) => {
            assert_eq!((expected, received), (MESSAGE, CUT));
        }
        other => panic!("a message that was cut: {other:?}"),
    }
}

// shows T4, M7
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn in_mid_message() {
    on_the_bus(|| {
        let mut gadget = gadget();
        let client = broker("client");
        let mut sends = dial(&client, &CABLE.host(), MESSAGES);
        sends.write_all(&beginning()).unwrap();
        gadget.hear("holds");
        let queue = half_of_one(dial(&client, &CABLE.host(), HALF));
        let mut cut = Vec::new();
        told(
            "in mid-message",
            PULLED,
            || is_truncated(&queue),
            || {
                cut = gadget.numbers("truncated");
                cut[0]
            },
        );
        assert_eq!(cut[1..], [MESSAGE as u64, CUT as u64]);
        CABLE.plug();
        serves_on(gadget);
    });
}
