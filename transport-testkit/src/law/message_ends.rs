//! M6, M7: messages that are cut short, by a time limit or by the end.

use std::time::{Duration, Instant};

use message_queue::codec::Truncated;
use message_queue::{ReceiveError, SendError};

use super::messages::{by_hand, queues};
use crate::suite::streams::check;
use crate::suite::support::{bytes, eventually, go, left};
use crate::suite::world::World;

pub(crate) fn m6_a_timed_out_receive_loses_nothing(w: &World) {
    let (ours, mut bare) = by_hand(w);
    let body = bytes(1, 0, 300);
    let wire = [&[0, 0, 1, 44][..], &body].concat();
    let mut late = 0;
    for piece in wire.chunks(40) {
        let start = Instant::now();
        let limit = Duration::from_millis(5);
        let nothing = ours.receive_timeout(limit);
        assert!(start.elapsed() >= limit, "over after {:?}", start.elapsed());
        assert!(
            matches!(nothing, Err(ReceiveError::TimedOut)),
            "{nothing:?}"
        );
        let nothing = ours.try_receive();
        assert!(
            matches!(nothing, Err(ReceiveError::WouldBlock)),
            "{nothing:?}"
        );
        late += 1;
        bare.write_all(piece).unwrap();
    }
    let message = ours.receive_timeout(left()).unwrap();
    assert!(message == body, "after {late} receives that timed out");
    drop(bare);
    let end = ours.receive();
    assert!(matches!(end, Err(ReceiveError::PeerClosed)), "{end:?}");
}

pub(crate) fn m6_a_timed_out_send_is_sent_once_or_not_at_all(w: &World) {
    let (ours, theirs) = queues(w, 256);
    let limit = Duration::from_millis(5);
    let (mut sent, mut unfinished) = (0, false);
    // Until one ends in its middle or in front, because nobody receives.
    while !unfinished {
        assert!(
            sent < 1 << 20,
            "{sent} messages were sent, and nobody receives"
        );
        let start = Instant::now();
        match theirs.send_timeout(&bytes(sent, 0, 1000), limit) {
            Ok(()) => sent += 1,
            // It is still the caller's.
            Err(SendError::TimedOut) => break,
            // The queue has it, and sends the rest ahead of what is next.
            Err(SendError::Unfinished) => {
                sent += 1;
                unfinished = true;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(!unfinished || start.elapsed() >= limit, "over too early");
    }
    let receiving = go(move || {
        let mut got = Vec::new();
        loop {
            match ours.receive() {
                Ok(message) => got.push(message),
                Err(ReceiveError::PeerClosed) => return got,
                Err(error) => panic!("after {} messages: {error}", got.len()),
            }
        }
    });
    theirs.send_timeout(&bytes(sent, 0, 1000), left()).unwrap();
    theirs.finish().unwrap();
    let got = receiving.join("the receiver");
    assert_eq!(got.len() as u64, sent + 1, "messages, each once");
    for (i, message) in got.iter().enumerate() {
        assert_eq!(message.len(), 1000, "message {i}");
        check(i as u64, 0, message);
    }
}

pub(crate) fn m7_a_close_delivers_what_was_sent(w: &World) {
    let (ours, theirs) = queues(w, 4096);
    let receiving = go(move || {
        for i in 0..50 {
            let message = ours.receive().unwrap();
            assert_eq!(message.len(), 100 * i as usize, "message {i}");
            check(i, 0, &message);
        }
        let end = ours.receive();
        assert!(matches!(end, Err(ReceiveError::PeerClosed)), "{end:?}");
        eventually("the far side is told", || ours.send(b"x").is_err());
        assert!(ours.closed());
    });
    for i in 0..50 {
        theirs.send(&bytes(i, 0, 100 * i as usize)).unwrap();
    }
    assert!(!theirs.closed());
    let receipt = theirs.close_timeout(left());
    assert_eq!(receipt, channel::transport::Receipt::Complete);
    assert!(theirs.closed());
    let (send, receive) = (theirs.send(b"x"), theirs.receive());
    assert!(matches!(send, Err(SendError::Closed)), "{send:?}");
    assert!(matches!(receive, Err(ReceiveError::Closed)), "{receive:?}");
    receiving.join("the receiver");
    // Also when all of it lies there before anybody receives.
    let (ours, theirs) = queues(w, 4096);
    for i in 0..3 {
        theirs.send(&bytes(i, 0, 100)).unwrap();
    }
    drop(theirs);
    for i in 0..3 {
        check(i, 0, &ours.receive().unwrap());
    }
    let end = ours.receive();
    assert!(matches!(end, Err(ReceiveError::PeerClosed)), "{end:?}");
}

pub(crate) fn m7_a_cut_message_is_truncated(w: &World) {
    for abort in [false, true] {
        let (ours, mut bare) = by_hand(w);
        bare.write_all(b"\0\0\0\x05whole\0\0\0\x64only this much")
            .unwrap();
        assert_eq!(ours.receive().unwrap(), b"whole");
        let nothing = ours.try_receive();
        assert!(
            matches!(nothing, Err(ReceiveError::WouldBlock)),
            "{nothing:?}"
        );
        match abort {
            true => bare.handle().abort(),
            false => bare.disconnect(),
        }
        match ours.receive() {
            Err(ReceiveError::Truncated(Truncated::Message {
                expected: 100,
                received,
            })) => assert!(received == 14 || abort && received < 14, "{received} bytes"),
            // On the way, where an abort may have overtaken it.
            Err(ReceiveError::Truncated(Truncated::Prefix { .. })) if abort => {}
            Err(ReceiveError::PeerLost(_)) if abort && !w.is_local() => {}
            other => panic!("a message of 100 bytes of which 14 were sent: {other:?}"),
        }
    }
}
