//! How queues end, and what becomes of what was sent.
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use channel::transport::Receipt;
use common::*;
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError, SendError};

const SHORT: Duration = Duration::from_millis(20);

// shows M7: close delivers what was sent and fed, tells this side what became of it, and the other
// side that there is no more.
#[test]
fn close_delivers() {
    within("close", || {
        for (carrier, pair) in carriers() {
            for style in 0..3 {
                let (a, b) = pair();
                let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
                assert!(!a.closed() && !b.closed());
                let closing = thread::spawn(move || {
                    for i in 0..100 {
                        a.send(&message(i, 3000)).unwrap();
                    }
                    a.feed(b"the last").unwrap();
                    let receipt = match style {
                        0 => a.close(),
                        1 => a.close_timeout(LONG),
                        _ => block_on(a.close_async()),
                    };
                    assert!(a.closed());
                    assert!(matches!(a.send(b"x"), Err(SendError::Closed)));
                    assert!(matches!(a.receive(), Err(ReceiveError::Closed)));
                    assert!(matches!(a.try_receive(), Err(ReceiveError::Closed)));
                    receipt
                });
                for i in 0..100 {
                    assert!(b.receive().unwrap() == message(i, 3000));
                }
                assert_eq!(b.receive().unwrap(), b"the last");
                assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
                assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
                assert_eq!(closing.join().unwrap(), Receipt::Complete, "{carrier}");
                eventually("the peer is told", || b.closed());
                assert!(matches!(b.send(b"x"), Err(SendError::PeerClosed)));
            }
        }
    });
}

// shows C9: a receipt tells that the peer did not receive everything; what the queue itself could not
// get rid of counts too.
#[test]
fn a_partial_receipt() {
    within("receipt", || {
        for (carrier, pair) in carriers() {
            let (a, b) = pair();
            let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
            for _ in 0..5 {
                a.send(&[0; 96]).unwrap();
            }
            b.receive().unwrap();
            b.receive().unwrap();
            drop(b);
            assert_eq!(
                a.close(),
                Receipt::Partial {
                    read: 200,
                    unread: 300
                },
                "{carrier}"
            );
        }
        // 64 bytes in the channel, 40 in the queue.
        let (a, b) = queues_of(64);
        assert!(matches!(a.try_send(&[0; 100]), Err(SendError::Unfinished)));
        assert_eq!(
            a.close_timeout(SHORT),
            Receipt::Unknown,
            "nobody has read it yet"
        );
        assert!(matches!(
            b.receive(),
            Err(ReceiveError::Truncated(Truncated::Message {
                expected: 100,
                received: 60
            }))
        ));
        assert_eq!(
            a.close(),
            Receipt::Partial {
                read: 64,
                unread: 40
            },
            "all of the channel was read, and yet not all of the queue"
        );
    });
}

// shows C9: messages that have arrived and were not received are not in the way of the receipt.
#[test]
fn close_with_messages_unreceived() {
    within("close", || {
        for (carrier, pair) in carriers() {
            for asynchronous in [false, true] {
                let (a, b) = pair();
                let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
                // In one record, where there are records.
                for _ in 0..3 {
                    b.feed(b"unwanted, but for the first").unwrap();
                }
                b.flush().unwrap();
                a.receive().unwrap();
                a.send(b"the last").unwrap();
                let closing = thread::spawn(move || match asynchronous {
                    false => a.close(),
                    true => block_on(a.close_async()),
                });
                assert_eq!(b.receive().unwrap(), b"the last");
                assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
                assert_eq!(closing.join().unwrap(), Receipt::Complete, "{carrier}");
            }
        }
    });
}

// shows M7: close, from another thread, ends blocked receives of both sides, and waits for a send
// that is under way.
#[test]
fn close_while_others_are_blocked() {
    within("close", || {
        let (a, b) = queues_of(64);
        thread::scope(|scope| {
            let receiving = scope.spawn(|| a.receive());
            let sending = scope.spawn(|| a.send(&[7; 1000]));
            let closing = scope.spawn(|| {
                eventually("the send has begun", || a.handle().totals().written > 0);
                a.close()
            });
            assert_eq!(b.receive().unwrap(), [7; 1000]);
            sending.join().unwrap().unwrap();
            assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
            assert!(matches!(
                receiving.join().unwrap(),
                Err(ReceiveError::Closed)
            ));
            assert_eq!(closing.join().unwrap(), Receipt::Complete);
        });
    });
}

// shows M7: a close with a limit gives up on a peer that does not read, and then ends a blocked send.
#[test]
fn close_with_a_limit() {
    within("close", || {
        let (a, b) = queues_of(64);
        thread::scope(|scope| {
            let sending = scope.spawn(|| a.send(&[7; 1000]));
            eventually("the send has begun", || a.handle().totals().written > 0);
            let start = std::time::Instant::now();
            assert_eq!(a.close_timeout(SHORT), Receipt::Unknown);
            assert!(start.elapsed() >= SHORT);
            assert!(matches!(sending.join().unwrap(), Err(SendError::Closed)));
        });
        assert!(matches!(
            b.receive(),
            Err(ReceiveError::Truncated(Truncated::Message {
                expected: 1000,
                ..
            }))
        ));
        assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
    });
}

// shows C5: one direction ends, the other goes on.
#[test]
fn finishing() {
    for (_, pair) in carriers() {
        let (a, b) = pair();
        let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
        a.feed(b"question").unwrap();
        a.finish().unwrap();
        a.finish().unwrap();
        assert!(matches!(a.send(b"x"), Err(SendError::Finished)));
        assert_eq!(b.receive().unwrap(), b"question");
        assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
        b.send(b"answer").unwrap();
        assert_eq!(a.receive().unwrap(), b"answer");
        assert!(!b.closed());
    }
}

// shows C3: finishing without blocking, with a limit and as a future; it takes effect once nothing
// is left.
#[test]
fn finishing_in_all_forms() {
    let (a, b) = queues_of(64);
    assert!(matches!(a.try_send(&[1; 100]), Err(SendError::Unfinished)));
    assert!(matches!(a.try_finish(), Err(SendError::WouldBlock)));
    assert!(matches!(a.finish_timeout(SHORT), Err(SendError::TimedOut)));
    let a = std::sync::Arc::new(a);
    let mut finishing = {
        let a = a.clone();
        Task::new(async move { a.finish_async().await })
    };
    assert!(finishing.poll().is_pending());
    assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
    finishing.expect_ready("there is room").unwrap();
    assert_eq!(b.receive().unwrap(), [1; 100]);
    assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
    a.try_finish().unwrap();
    a.finish_timeout(SHORT).unwrap();
    assert!(matches!(a.send(b""), Err(SendError::Finished)));
}

// shows C7, M6: dropping a queue, or its halves, loses nothing of what was sent, fed or unfinished,
// also when the buffer is full.
#[test]
fn drops_lose_nothing() {
    within("drops", || {
        for (carrier, pair) in carriers() {
            for way in 0..3 {
                let (a, b) = pair();
                let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
                let mut sent = 0;
                while a.try_send(&message(sent, 5000)).is_ok() {
                    sent += 1;
                }
                // The last one was unfinished, or nothing of it was sent.
                if a.try_send(b"").is_err() {
                    sent += u64::from(!a.handle().totals().written.is_multiple_of(5004));
                }
                let fed = a.try_feed(b"fed").is_ok();
                match way {
                    0 => drop(a),
                    1 => drop(a.split()),
                    _ => {
                        let (sender, receiver) = a.split();
                        drop(receiver);
                        drop(sender);
                    }
                }
                for i in 0..sent {
                    assert!(b.receive().unwrap() == message(i, 5000), "{carrier} {i}");
                }
                if fed {
                    assert_eq!(b.receive().unwrap(), b"fed");
                }
                assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
            }
        }
    });
}

// shows C6, C7: a queue that is dropped by a panic is a lost peer, in the middle of a message too.
#[test]
fn a_panic_is_a_loss() {
    for (carrier, pair) in carriers() {
        let (a, b) = pair();
        let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
        a.send(b"whole").unwrap();
        let _ = catch_unwind(AssertUnwindSafe(move || {
            a.feed(b"fed").unwrap();
            panic!("on purpose");
        }));
        assert_eq!(b.receive().unwrap(), b"whole");
        let lost = b.receive();
        assert!(
            matches!(lost, Err(ReceiveError::PeerLost(_))),
            "{carrier}: {lost:?}"
        );
        assert!(matches!(b.receive(), Err(ReceiveError::PeerLost(_))));
        eventually("sends fail", || {
            matches!(
                b.try_send(b"x"),
                Err(SendError::PeerLost(_) | SendError::PeerClosed)
            )
        });
    }
}

// shows M7: a peer that is lost in the middle of a message is told with both counts, never by a short
// message; so is one that ends there in good order.
#[test]
fn truncated() {
    within("truncated", || {
        for (carrier, pair) in carriers() {
            for abort in [true, false] {
                for (bytes, expected) in [
                    (
                        &b"\0\0\0\x02ok\0\0\x01"[..],
                        Truncated::Prefix { received: 3 },
                    ),
                    (
                        b"\0\0\0\x02ok\0\0\0\x05",
                        Truncated::Message {
                            expected: 5,
                            received: 0,
                        },
                    ),
                    (
                        b"\0\0\0\x02ok\0\0\0\x05abcd",
                        Truncated::Message {
                            expected: 5,
                            received: 4,
                        },
                    ),
                ] {
                    for form in 0..4 {
                        let (mut a, b) = pair();
                        let b = MessageQueue::new(b);
                        a.write_all(bytes).unwrap();
                        assert_eq!(b.receive().unwrap(), b"ok");
                        let handle = a.handle();
                        let ending = thread::spawn(move || match abort {
                            true => handle.abort(),
                            false => handle.disconnect(),
                        });
                        let mut buf = [0; 10];
                        let end = match form {
                            0 => b.receive().map(drop),
                            1 => b.receive_into(&mut buf).map(drop),
                            2 => block_on(b.receive_async()).map(drop),
                            _ => loop {
                                match b.try_receive() {
                                    Err(ReceiveError::WouldBlock) => thread::yield_now(),
                                    other => break other.map(drop),
                                }
                            },
                        };
                        match end {
                            Err(ReceiveError::Truncated(got)) => {
                                assert_eq!(got, expected, "{carrier} {abort} {form}");
                            }
                            other => panic!("{carrier} {abort} {form}: {other:?}"),
                        }
                        match (abort, b.receive()) {
                            (true, Err(ReceiveError::PeerLost(_)))
                            | (false, Err(ReceiveError::PeerClosed)) => {}
                            (_, other) => panic!("{carrier} {abort}: {other:?}"),
                        }
                        ending.join().unwrap();
                    }
                }
            }
        }
    });
}
