//! M1 to M5, M9: whole messages over whatever carries the bytes.

use channel::Channel;
use message_queue::{MessageQueue, QueueBroker, ReceiveError, SendError};

use crate::suite::streams::{check, expect};
use crate::suite::support::{bytes, go, left};
use crate::suite::world::{World, listen};

/// Two queues: the acceptor's and the connector's.
pub(super) fn queues(w: &World, capacity: usize) -> (MessageQueue, MessageQueue) {
    let (ours, theirs) = w.pair_of(capacity);
    (MessageQueue::new(ours), MessageQueue::new(theirs))
}

/// A queue, and a bare channel for a peer that speaks the framing by hand.
pub(super) fn by_hand(w: &World) -> (MessageQueue, Channel) {
    let (ours, theirs) = w.pair();
    (MessageQueue::new(ours), theirs)
}

/// The sizes where something may go wrong, with buffers of `capacity`.
fn sizes(capacity: usize, large: usize) -> Vec<usize> {
    let mut sizes = vec![0, 1, 2, 3, 4, 5];
    sizes.extend(capacity - 5..=capacity + 5);
    sizes.extend([65_535, 65_536, 65_537, large, 0, 1]);
    sizes
}

pub(crate) fn m1_messages_of_every_size(w: &World) {
    let (ours, theirs) = queues(w, 4096);
    let all = sizes(4096, w.large());
    let sending = {
        let all = all.clone();
        go(move || {
            for (i, &size) in all.iter().enumerate() {
                theirs.send(&bytes(i as u64, 0, size)).unwrap();
            }
            // And back: the echo of all of them.
            for (i, &size) in all.iter().enumerate() {
                let message = theirs.receive().unwrap();
                assert_eq!(
                    message.len(),
                    size,
                    "the size of message {i} that came back"
                );
                check(i as u64, 0, &message);
            }
        })
    };
    let mut messages = Vec::new();
    for (i, &size) in all.iter().enumerate() {
        let message = ours.receive().unwrap();
        assert_eq!(message.len(), size, "the size of message {i}");
        check(i as u64, 0, &message);
        messages.push(message);
    }
    for message in &messages {
        ours.send(message).unwrap();
    }
    sending.join("the sender");
}

pub(crate) fn m1_queues_meet_as_channels_do(w: &World) {
    let options = channel::Options::new();
    let server = QueueBroker::from(w.server_named("server", &options));
    let at = listen(server.broker(), &w.subject.endpoint("server"));
    let client = QueueBroker::from(w.client_named("client"));
    let connecting = go(move || client.connect_at(&at, 5, Some(left())));
    let ours = server.accept_timeout(5, left()).unwrap();
    let theirs = connecting.join("the connect").unwrap();
    theirs.send(b"question").unwrap();
    assert_eq!(ours.receive().unwrap(), b"question");
    ours.send(b"answer").unwrap();
    assert_eq!(theirs.receive().unwrap(), b"answer");
}

pub(crate) fn m2_anything_that_speaks_the_framing_can_be_the_peer(w: &World) {
    let (ours, mut bare) = by_hand(w);
    ours.send(b"to the peer").unwrap();
    let mut wire = [0; 15];
    bare.read_exact(&mut wire).unwrap();
    assert_eq!(&wire, b"\0\0\0\x0bto the peer");
    // Byte by byte, three messages.
    for byte in b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01z" {
        bare.write_all(&[*byte]).unwrap();
    }
    for message in [&b"abc"[..], b"", b"z"] {
        assert_eq!(ours.receive().unwrap(), message);
    }
}

pub(crate) fn m3_a_message_larger_than_the_buffer_arrives_whole(w: &World) {
    let (ours, theirs) = queues(w, 256);
    let length = 4 * w.large();
    let sending = go(move || {
        theirs.send(&bytes(1, 0, length)).unwrap();
        theirs.send(b"and one more").unwrap();
    });
    let message = ours.receive().unwrap();
    assert_eq!(message.len(), length);
    check(1, 0, &message);
    assert_eq!(ours.receive().unwrap(), b"and one more");
    sending.join("the sender");
}

pub(crate) fn m4_a_message_over_the_limit_is_refused_in_front(w: &World) {
    let (ours, theirs) = w.pair();
    let ours = MessageQueue::new(ours);
    let theirs = MessageQueue::with_max_message(theirs, 100);
    let refused = theirs.send(&[7; 101]);
    assert!(
        matches!(refused, Err(SendError::TooLarge(_))),
        "{refused:?}"
    );
    theirs.send(&bytes(1, 0, 100)).unwrap();
    let message = ours.receive().unwrap();
    assert_eq!(
        message.len(),
        100,
        "something of the one that was refused was sent"
    );
    check(1, 0, &message);
    // An announcement over the limit is an error, and nobody waits for its bytes.
    ours.send(&[7; 200]).unwrap();
    let refused = theirs.receive();
    assert!(
        matches!(refused, Err(ReceiveError::TooLarge(_))),
        "{refused:?}"
    );
}

pub(crate) fn m5_messages_of_many_senders_never_interleave(w: &World) {
    let (ours, theirs) = queues(w, 1024);
    let theirs = std::sync::Arc::new(theirs);
    let ours = std::sync::Arc::new(ours);
    let (senders, each) = (4, 40);
    let mut going = Vec::new();
    for sender in 0..senders {
        let queue = theirs.clone();
        let mut rng = w.rng(sender);
        going.push(go(move || {
            for i in 0..each {
                // Some larger than the buffer; each names itself in front.
                let mut message = vec![sender as u8, i as u8];
                message.extend(bytes(sender << 8 | i, 0, rng.below(5000)));
                queue.send(&message).unwrap();
            }
            Vec::new()
        }));
    }
    for _ in 0..2 {
        let queue = ours.clone();
        going.push(go(move || {
            let mut got = Vec::new();
            loop {
                match queue.receive() {
                    Ok(message) => {
                        let [sender, i, body @ ..] = &message[..] else {
                            panic!("a message of {} bytes", message.len());
                        };
                        check(u64::from(*sender) << 8 | u64::from(*i), 0, body);
                        got.push((*sender, *i));
                    }
                    Err(ReceiveError::PeerClosed) => return got,
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    let mut all = Vec::new();
    for (i, thread) in going.into_iter().enumerate() {
        if i as u64 == senders {
            theirs.finish().unwrap();
        }
        all.extend(thread.join("a sender or receiver"));
    }
    all.sort_unstable();
    let expected: Vec<_> = (0..senders as u8)
        .flat_map(|sender| (0..each as u8).map(move |i| (sender, i)))
        .collect();
    assert!(
        all == expected,
        "{} messages of {} came once",
        all.len(),
        expected.len()
    );
}

pub(crate) fn m9_receive_into_a_buffer(w: &World) {
    let (ours, theirs) = queues(w, 4096);
    theirs.send(&bytes(1, 0, 3000)).unwrap();
    let mut small = [0; 2999];
    match ours.receive_into(&mut small) {
        Err(ReceiveError::BufferTooSmall {
            length: 3000,
            capacity: 2999,
        }) => {}
        other => panic!("a buffer that is too small: {other:?}"),
    }
    let mut buf = [0; 5000];
    let length = ours.receive_into(&mut buf).unwrap();
    assert_eq!(length, 3000, "the message that did not fit was kept");
    check(1, 0, &buf[..length]);
}

pub(crate) fn m9_a_message_of_several_slices(w: &World) {
    let (ours, theirs) = w.pair();
    let (theirs, mut ours) = (MessageQueue::new(theirs), ours);
    let body = bytes(1, 0, 90);
    let slices = [&body[..30], &[], &body[30..]].map(std::io::IoSlice::new);
    theirs.send_vectored(&slices).unwrap();
    let mut prefix = [0; 4];
    ours.read_exact(&mut prefix).unwrap();
    assert_eq!(prefix, [0, 0, 0, 90]);
    expect(ours.reader_mut(), 1, 0, 90);
}
