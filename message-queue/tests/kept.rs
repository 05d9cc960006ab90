//! What a queue keeps for somebody: the rest of a message, a gathered message, a waker, a key.
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use channel::Poller;
use channel::transport::Receipt;
use common::*;
use message_queue::{MessageQueue, ReceiveError, SendError};

const SHORT: Duration = Duration::from_millis(10);

// shows C9: a message that was gathered and that nobody took is not read, and not gone.
#[test]
fn a_message_that_nobody_took() {
    within("nobody took it", || {
        for (carrier, pair) in carriers() {
            let (a, b) = pair();
            let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
            a.send(&[9; 100]).unwrap();
            let small = b.receive_into(&mut [0; 10]);
            assert!(matches!(small, Err(ReceiveError::BufferTooSmall { .. })));
            assert!(!b.closed());
            drop(b);
            let receipt = a.close();
            assert!(
                matches!(receipt, Receipt::Partial { .. }),
                "{carrier}: {receipt:?}"
            );
        }
        // Larger than the buffer, so gathered: lent, kept for more room, or left to a poller.
        let (a, b) = queues_of(64);
        let (_b, mut receiver) = b.split();
        let sending = thread::spawn(move || {
            a.send(&[9; 100]).unwrap();
            a
        });
        let lent = receiver.receive_ref().unwrap();
        let a = sending.join().unwrap();
        assert_eq!(a.handle().totals().unsent, 1, "all but the last byte");
        a.finish().unwrap();
        assert_eq!(a.handle().receipt_timeout(SHORT), Receipt::Unknown);
        assert_eq!(&*lent, [9; 100]);
        drop(lent);
        assert_eq!(a.handle().receipt(), Receipt::Complete);

        let (a, b) = queues_of(64);
        let sending = thread::spawn(move || a.send(&[9; 100]).unwrap());
        assert!(b.receive_into(&mut [0; 10]).is_err());
        // Now all of it is here, and gathered.
        assert!(b.receive_into(&mut [0; 99]).is_err());
        eventually("it is gathered", || {
            b.try_receive_into(&mut [0; 99]).is_err()
        });
        sending.join().unwrap();
        assert!(!b.closed(), "there is a message");
        let (_b, mut receiver) = b.split();
        let poller = Poller::new();
        let mut keys = Vec::new();
        receiver.register(&poller, 1);
        poller.wait(&mut keys);
        assert_eq!(receiver.try_receive().unwrap(), [9; 100]);
    });
}

// shows C4: a guard that was forgotten, a disconnect and a registration, in any order.
#[test]
fn a_forgotten_guard_and_a_disconnect() {
    for (carrier, pair) in carriers() {
        for register in [false, true] {
            for abort in [false, true] {
                let (a, b) = pair();
                let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
                a.feed(b"one").unwrap();
                a.feed(b"two").unwrap();
                a.flush().unwrap();
                let (_b, mut receiver) = b.split();
                std::mem::forget(receiver.receive_ref().unwrap());
                match abort {
                    true => receiver.handle().abort(),
                    false => receiver.handle().disconnect(),
                }
                if register {
                    receiver.register(&Poller::new(), 1);
                }
                let next = receiver.receive();
                assert!(
                    matches!(next, Err(ReceiveError::Closed)),
                    "{carrier}: {next:?}"
                );
            }
        }
    }
}

// shows C9: what another thread was sending when the limit of the close was over is never taken for
// delivered.
#[test]
fn close_against_a_send_that_is_under_way() {
    let seed = seed("close_against_a_send");
    within("close", move || {
        for round in 0..1000 {
            let mut rng = Rng::of(seed, round);
            let (a, b) = queues_of(64);
            assert!(matches!(a.try_send(&[7; 2000]), Err(SendError::Unfinished)));
            thread::scope(|scope| {
                let flushing = scope.spawn(|| a.flush());
                let receiving = scope.spawn(|| b.receive());
                rng.spin(3000);
                let receipt = a.close_timeout(Duration::ZERO);
                let _ = flushing.join().unwrap();
                let received = receiving.join().unwrap();
                assert!(
                    received.is_ok() || receipt != Receipt::Complete,
                    "round {round}: {received:?}"
                );
            });
        }
    });
}

// shows C9, M5: what is fed while another thread closes is either refused, or delivered.
#[test]
fn feeding_against_a_close() {
    let seed = seed("feeding_against_a_close");
    within("feed against close", move || {
        for round in 0..300 {
            let mut rng = Rng::of(seed, round);
            let (a, b) = queues();
            let closed = AtomicBool::new(false);
            thread::scope(|scope| {
                let feeding = scope.spawn(|| {
                    let mut fed = 0;
                    while !closed.load(Ordering::Relaxed) && a.feed(b"12345678").is_ok() {
                        fed += 1;
                    }
                    fed
                });
                let receiving = scope.spawn(|| b.iter().take_while(|m| m.is_ok()).count());
                rng.spin(5000);
                let receipt = a.close();
                closed.store(true, Ordering::Relaxed);
                let (fed, got) = (feeding.join().unwrap(), receiving.join().unwrap());
                assert_eq!(receipt, Receipt::Complete);
                assert_eq!(fed, got, "round {round}");
            });
        }
    });
}

// shows C4: feeding is refused where sending is.
#[test]
fn feeding_what_cannot_be_sent() {
    let (a, b) = queues();
    a.finish().unwrap();
    assert!(matches!(a.feed(b"lost"), Err(SendError::Finished)));
    a.finish().unwrap();
    b.handle().disconnect();
    assert!(matches!(b.feed(b"lost"), Err(SendError::Closed)));
}

// shows M7: two sides that close at the same time, each with more to send than fits, do not wait for
// each other.
#[test]
fn both_close_with_full_buffers() {
    within("both close", || {
        for asynchronous in [false, true] {
            let (a, b) = queues_of(64);
            for _ in 0..100 {
                a.feed(&[1; 32]).unwrap();
                b.feed(&[2; 32]).unwrap();
            }
            let other = thread::spawn(move || match asynchronous {
                false => b.close(),
                true => block_on(b.close_async()),
            });
            let told = [a.close(), other.join().unwrap()];
            assert!(
                told.iter().all(|receipt| *receipt != Receipt::Complete),
                "{told:?}"
            );
        }
    });
}

/// Counts how many of its kind are alive.
struct Alive(#[allow(dead_code)] Arc<()>);

impl Wake for Alive {
    fn wake(self: Arc<Self>) {}
}

// shows C3: a future that is dropped leaves no waker behind, neither of those that wait for the
// channel nor of those that wait for their turn.
#[test]
fn dropped_futures_leave_nothing() {
    within("dropped futures", || {
        let (a, b) = queues();
        let alive = Arc::new(());
        let poll_and_drop = || {
            for _ in 0..100 {
                let waker = Waker::from(Arc::new(Alive(alive.clone())));
                let mut receiving = Box::pin(b.receive_async());
                assert!(
                    receiving
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_pending()
                );
            }
            Arc::strong_count(&alive) - 1
        };
        assert_eq!(poll_and_drop(), 0, "for news");
        thread::scope(|scope| {
            let receiving = scope.spawn(|| b.receive());
            eventually("it has the turn", || {
                matches!(b.receive_timeout(SHORT), Err(ReceiveError::TimedOut))
                    && matches!(b.try_receive(), Err(ReceiveError::WouldBlock))
            });
            assert_eq!(poll_and_drop(), 0, "for the turn");
            a.send(b"x").unwrap();
            receiving.join().unwrap().unwrap();
        });
    });
}

/// Takes the keys that are there by now.
fn settle(poller: &Poller, keys: &mut Vec<u64>) {
    while poller.wait_timeout(keys, SHORT).is_some() {}
    keys.clear();
}

// shows C3: a call that timed out waiting for its turn is owed a key like any other.
#[test]
fn a_key_after_waiting_for_the_turn() {
    within("keys", || {
        let (a, b) = queues_of(64);
        let (poller, mut keys) = (Poller::new(), Vec::new());
        b.register(&poller, 7);
        settle(&poller, &mut keys);
        thread::scope(|scope| {
            let receiving = scope.spawn(|| b.receive());
            // Until the other has the turn, this one says so after waiting in the channel.
            for _ in 0..5 {
                assert!(matches!(
                    b.receive_timeout(SHORT),
                    Err(ReceiveError::TimedOut)
                ));
            }
            a.send(b"one").unwrap();
            assert_eq!(receiving.join().unwrap().unwrap(), b"one");
        });
        a.send(b"two").unwrap();
        poller.wait(&mut keys);
        assert_eq!(b.try_receive().unwrap(), b"two");

        a.register(&poller, 8);
        settle(&poller, &mut keys);
        thread::scope(|scope| {
            let sending = scope.spawn(|| a.send(&[1; 200]));
            eventually("it sends", || a.handle().totals().unsent > 0);
            for _ in 0..5 {
                assert!(matches!(
                    a.send_timeout(b"x", SHORT),
                    Err(SendError::TimedOut)
                ));
            }
            assert_eq!(b.receive().unwrap(), [1; 200]);
            sending.join().unwrap().unwrap();
        });
        loop {
            keys.clear();
            poller.wait(&mut keys);
            if keys.contains(&8) {
                break;
            }
        }
    });
}

// shows C3: a future that is dropped does not take a poller's key with it.
#[test]
fn a_key_after_a_dropped_future() {
    within("keys", || {
        let (a, b) = queues();
        let (poller, mut keys) = (Poller::new(), Vec::new());
        b.register(&poller, 1);
        settle(&poller, &mut keys);
        assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
        let b = Arc::new(b);
        let mut receiving = {
            let b = b.clone();
            Task::new(async move { b.receive_async().await })
        };
        assert!(receiving.poll().is_pending());
        drop(receiving);
        a.send(b"x").unwrap();
        poller.wait(&mut keys);
        assert_eq!(b.try_receive().unwrap(), b"x");
    });
}
