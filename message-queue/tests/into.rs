//! Messages received into a caller's buffer: what lies in the channel's buffer is not always the next one.
mod common;

use std::thread;

use common::*;
use message_queue::{MessageQueue, ReceiveError};

// shows M6: of a message that was gathered, the last byte is still in the channel; it is not taken for the
// beginning of the next one.
#[test]
fn a_gathered_message_comes_before_the_next() {
    within("a gathered message", || {
        let (a, b) = queues_of(64);
        // Were the last byte taken for a prefix's first, an empty message would begin there.
        let mut first = vec![7; 100];
        *first.last_mut().unwrap() = 0;
        let expected = first.clone();
        let sending = thread::spawn(move || {
            a.send(&first).unwrap();
            a.send(b"next").unwrap();
            a
        });
        let (_b, mut receiver) = b.split();
        eventually("it is gathered", || {
            matches!(
                receiver.try_receive_into(&mut [0; 99]),
                Err(ReceiveError::BufferTooSmall { length: 100, .. })
            )
        });
        let _a = sending.join().unwrap();
        let mut buffer = [0; 128];
        let n = receiver.receive_into(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], expected);
        let n = receiver.receive_into(&mut buffer).unwrap();
        assert_eq!(&buffer[..n], b"next");
    });
}

// shows C4: what lies in the buffer at the local disconnect is not received any more.
#[test]
fn nothing_is_received_after_a_disconnect() {
    within("a disconnect", || {
        for (carrier, pair) in carriers() {
            let (a, b) = pair();
            let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
            for message in [b"one", b"two"] {
                a.feed(message).unwrap();
            }
            a.flush().unwrap();
            let mut buffer = [0; 8];
            assert_eq!(b.receive_into(&mut buffer).unwrap(), 3, "{carrier}");
            b.handle().disconnect();
            let after = b.receive_into(&mut buffer);
            assert!(
                matches!(after, Err(ReceiveError::Closed)),
                "{carrier}: {after:?}"
            );
        }
    });
}
