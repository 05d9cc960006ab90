//! What is wrong is told, and costs nothing else.
mod common;

use std::thread;
use std::time::Duration;

use common::*;
use message_queue::codec::TooLarge;
use message_queue::{MessageQueue, ReceiveError, SendError};

// shows M4: a length over the limit is told with both numbers, before its bytes come; the queue is
// closed then, in both directions, and for both sides.
#[test]
fn a_claim_over_the_limit() {
    for (carrier, pair) in carriers() {
        for form in 0..4 {
            let (mut a, b) = pair();
            let b = MessageQueue::with_max_message(b, 100);
            a.write_all(&framed(&[7; 100])).unwrap();
            a.write_all(&[0, 0, 0, 101, 1, 2, 3]).unwrap();
            assert_eq!(b.receive().unwrap(), [7; 100]);
            let refused = match form {
                0 => b.receive().map(drop),
                1 => b.receive_into(&mut [0; 1000]).map(drop),
                2 => block_on(b.receive_async()).map(drop),
                _ => b.receive_timeout(LONG).map(drop),
            };
            match refused {
                Err(ReceiveError::TooLarge(TooLarge {
                    length: 101,
                    limit: 100,
                })) => {}
                other => panic!("{carrier}: {other:?}"),
            }
            assert!(b.closed());
            assert!(matches!(b.receive(), Err(ReceiveError::Closed)));
            assert!(matches!(b.send(b"x"), Err(SendError::Closed)));
            // The peer hears an orderly end.
            assert_eq!(a.read(&mut [0; 1]).unwrap(), 0, "{carrier}");
        }
    }
}

// shows M4: a message over the limit is refused before its first byte, whole or in slices, and the
// queue can still be used.
#[test]
fn sending_over_the_limit() {
    let (a, b) = pair();
    let (a, b) = (MessageQueue::with_max_message(a, 10), MessageQueue::new(b));
    let refused = |result: Result<(), SendError>| {
        assert!(matches!(
            result,
            Err(SendError::TooLarge(TooLarge {
                length: 11,
                limit: 10
            }))
        ));
    };
    refused(a.send(&[0; 11]));
    refused(a.try_send(&[0; 11]));
    refused(a.send_timeout(&[0; 11], LONG));
    refused(block_on(a.send_async(&[0; 11])));
    refused(a.feed(&[0; 11]));
    refused(a.send_vectored(&[
        std::io::IoSlice::new(&[0; 6]),
        std::io::IoSlice::new(&[0; 5]),
    ]));
    assert_eq!(a.handle().totals().written, 0);
    a.send(&[1; 10]).unwrap();
    assert_eq!(b.receive().unwrap(), [1; 10]);
    let text = SendError::from(TooLarge {
        length: 11,
        limit: 10,
    })
    .to_string();
    assert!(text.contains("11") && text.contains("10"), "{text}");
}

// shows M4: zero is a limit like any other.
#[test]
fn a_limit_of_nothing() {
    let (a, b) = pair();
    let (a, b) = (
        MessageQueue::with_max_message(a, 0),
        MessageQueue::with_max_message(b, 0),
    );
    a.send(b"").unwrap();
    assert_eq!(b.receive().unwrap(), b"");
    assert!(matches!(a.send(b"x"), Err(SendError::TooLarge(_))));
}

// shows C4: use after the close, of every call.
#[test]
fn a_closed_queue() {
    within("closed", || {
        let (a, _b) = queues();
        a.handle().disconnect();
        for _ in 0..2 {
            assert!(matches!(a.send(b""), Err(SendError::Closed)));
            assert!(matches!(a.try_send(b""), Err(SendError::Closed)));
            assert!(matches!(
                block_on(a.send_async(b"x")),
                Err(SendError::Closed)
            ));
            assert!(matches!(a.flush(), Err(SendError::Closed)));
            assert!(matches!(a.finish(), Err(SendError::Closed)));
            assert!(matches!(a.receive(), Err(ReceiveError::Closed)));
            assert!(matches!(a.try_receive(), Err(ReceiveError::Closed)));
            assert!(matches!(
                block_on(a.receive_async()),
                Err(ReceiveError::Closed)
            ));
            assert!(matches!(
                a.receive_timeout(Duration::from_secs(1)),
                Err(ReceiveError::Closed)
            ));
        }
        assert!(a.iter().next().is_none());
    });
}

// shows C4: messages that have arrived are not given any more after the local close.
#[test]
fn no_message_after_the_local_close() {
    let (a, b) = queues();
    a.send(b"one").unwrap();
    a.send(b"two").unwrap();
    assert_eq!(b.receive().unwrap(), b"one");
    b.handle().disconnect();
    assert!(matches!(b.receive(), Err(ReceiveError::Closed)));
}

// shows M9: a buffer that is too small is told how much is needed; the message is kept, whatever form
// it had arrived in.
#[test]
fn a_small_buffer() {
    within("a small buffer", || {
        for length in [5, 60, 500] {
            let (a, b) = queues_of(64);
            let sending = thread::spawn(move || {
                a.send(&message(1, length)).unwrap();
                a.send(b"next").unwrap();
                a
            });
            for room in [0, 4] {
                match b.receive_into(&mut [0; 64][..room]) {
                    Err(ReceiveError::BufferTooSmall {
                        length: told,
                        capacity,
                    }) => {
                        assert_eq!((told, capacity), (length, room));
                    }
                    other => panic!("{other:?}"),
                }
            }
            if length == 60 {
                assert!(b.receive().unwrap() == message(1, length));
            } else {
                let mut buf = [0; 512];
                assert_eq!(b.receive_into(&mut buf).unwrap(), length);
                assert!(buf[..length] == message(1, length));
            }
            assert_eq!(b.receive().unwrap(), b"next");
            sending.join().unwrap();
        }
    });
}

// shows E3: an io::Error of either kind keeps what it was.
#[test]
fn as_io_errors() {
    use std::io;
    let error = io::Error::from(SendError::Unfinished);
    assert!(matches!(
        error.get_ref().unwrap().downcast_ref(),
        Some(SendError::Unfinished)
    ));
    for (error, kind) in [
        (
            io::Error::from(SendError::TimedOut),
            io::ErrorKind::TimedOut,
        ),
        (SendError::WouldBlock.into(), io::ErrorKind::WouldBlock),
        (SendError::PeerClosed.into(), io::ErrorKind::BrokenPipe),
        (SendError::Closed.into(), io::ErrorKind::NotConnected),
        (
            ReceiveError::PeerClosed.into(),
            io::ErrorKind::UnexpectedEof,
        ),
        (ReceiveError::TimedOut.into(), io::ErrorKind::TimedOut),
        (
            ReceiveError::TooLarge(TooLarge {
                length: 2,
                limit: 1,
            })
            .into(),
            io::ErrorKind::InvalidData,
        ),
    ] {
        assert_eq!(error.kind(), kind, "{error}");
    }
}
