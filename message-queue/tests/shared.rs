//! One queue, many threads and tasks.
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::*;
use message_queue::{MessageQueue, ReceiveError, SendError};

/// A message that tells who sent it, its number, and whether it is whole.
fn signed(sender: u64, number: u64, length: usize) -> Vec<u8> {
    let mut bytes = sender.to_be_bytes().to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&message(sender << 32 | number, length));
    bytes
}

fn check(bytes: &[u8]) -> (u64, u64) {
    let sender = u64::from_be_bytes(bytes[..8].try_into().unwrap());
    let number = u64::from_be_bytes(bytes[8..16].try_into().unwrap());
    assert!(
        bytes == signed(sender, number, bytes.len() - 16),
        "message {number} of {sender} is not whole"
    );
    (sender, number)
}

/// One message through any of the calls, until it is sent.
fn send_somehow(queue: &MessageQueue, rng: &mut Rng, bytes: &[u8]) {
    let result = match rng.below(6) {
        0 => queue.send(bytes),
        1 => block_on(queue.send_async(bytes)),
        2 => queue.feed(bytes).and_then(|()| queue.flush()),
        3 => queue.send_timeout(bytes, Duration::from_micros(rng.below(300))),
        4 => block_on(queue.feed_async(bytes)).and_then(|()| block_on(queue.flush_async())),
        _ => queue.try_send(bytes),
    };
    match result {
        Ok(()) => {}
        // It is the queue's now.
        Err(SendError::Unfinished) => queue.flush().unwrap(),
        Err(SendError::WouldBlock | SendError::TimedOut) => queue.send(bytes).unwrap(),
        Err(error) => panic!("{error}"),
    }
}

fn receive_somehow(queue: &MessageQueue, rng: &mut Rng) -> Option<Vec<u8>> {
    loop {
        let result = match rng.below(5) {
            0 => queue.receive(),
            1 => block_on(queue.receive_async()),
            2 => queue.receive_timeout(Duration::from_micros(rng.below(300))),
            3 => {
                let mut buf = vec![0; 4096];
                queue.receive_into(&mut buf).map(|n| buf[..n].to_vec())
            }
            _ => queue.try_receive(),
        };
        match result {
            Ok(bytes) => return Some(bytes),
            Err(ReceiveError::TimedOut | ReceiveError::WouldBlock) => {}
            Err(ReceiveError::PeerClosed) => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

// shows M5: many threads send and receive on one queue, in all forms mixed; nothing interleaves,
// nothing is lost or doubled, and each sender's messages keep their order.
#[test]
fn many_threads_in_all_forms() {
    const SENDERS: u64 = 4;
    const RECEIVERS: u64 = 3;
    const MESSAGES: u64 = 400;
    let seed = seed("many_threads_in_all_forms");
    within("many threads", move || {
        for (carrier, pair) in carriers() {
            for capacity in [64, 64 * 1024] {
                let (a, b) = match carrier {
                    "memory" => pair_of(capacity),
                    _ => pair(),
                };
                let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
                let sending = AtomicUsize::new(SENDERS as usize);
                let mut got: Vec<(u64, u64)> = thread::scope(|scope| {
                    for sender in 0..SENDERS {
                        let (a, sending) = (&a, &sending);
                        scope.spawn(move || {
                            let mut rng = Rng::of(seed, sender);
                            for number in 0..MESSAGES {
                                let length = match rng.below(10) {
                                    0 => rng.below(2000),
                                    _ => rng.below(60),
                                };
                                let bytes = signed(sender, number, length as usize);
                                send_somehow(a, &mut rng, &bytes);
                            }
                            if sending.fetch_sub(1, Ordering::AcqRel) == 1 {
                                a.finish().unwrap();
                            }
                        });
                    }
                    let receivers: Vec<_> = (0..RECEIVERS)
                        .map(|receiver| {
                            let b = &b;
                            scope.spawn(move || {
                                let mut rng = Rng::of(seed, 100 + receiver);
                                let mut got = Vec::new();
                                while let Some(bytes) = receive_somehow(b, &mut rng) {
                                    got.push(check(&bytes));
                                }
                                got
                            })
                        })
                        .collect();
                    receivers
                        .into_iter()
                        .flat_map(|receiver| {
                            let got = receiver.join().unwrap();
                            for sender in 0..SENDERS {
                                let of_sender = got.iter().filter(|m| m.0 == sender).map(|m| m.1);
                                assert!(of_sender.is_sorted(), "the order of {sender}");
                            }
                            got
                        })
                        .collect()
                });
                got.sort_unstable();
                let all: Vec<_> = (0..SENDERS)
                    .flat_map(|sender| (0..MESSAGES).map(move |number| (sender, number)))
                    .collect();
                assert!(got == all, "{carrier} {capacity}: each message once");
            }
        }
    });
}

// shows M5, C3: tasks of an executor that share a queue with blocking threads are all served.
#[test]
fn futures_and_threads_together() {
    const TASKS: u64 = 8;
    const ROUNDS: u64 = 200;
    within("futures and threads", || {
        // Room for what all of them may have under way: with less, all could be sending at once.
        let (a, b) = queues();
        thread::scope(|scope| {
            // An echo by two threads, one that blocks and one that awaits.
            for way in 0..2 {
                let b = &b;
                scope.spawn(move || {
                    loop {
                        let got = match way {
                            0 => b.receive(),
                            _ => block_on(b.receive_async()),
                        };
                        match got {
                            Ok(message) => b.send(&message).unwrap(),
                            Err(ReceiveError::PeerClosed) => return,
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
            let answers = AtomicUsize::new(0);
            thread::scope(|scope| {
                for task in 0..TASKS {
                    let (a, answers) = (&a, &answers);
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let bytes = signed(task, round, (round % 500) as usize);
                            if task % 2 == 0 {
                                block_on(a.send_async(&bytes)).unwrap();
                                check(&block_on(a.receive_async()).unwrap());
                            } else {
                                a.send(&bytes).unwrap();
                                check(&a.receive().unwrap());
                            }
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(answers.into_inner() as u64, TASKS * ROUNDS);
            a.finish().unwrap();
        });
    });
}

// shows M5: a future that gave up its wish to receive takes nobody else's wake-up with it.
#[test]
fn dropped_receivers_take_no_wake_up() {
    let (a, b) = queues();
    let b = std::sync::Arc::new(b);
    for _ in 0..100 {
        let task = |b: &std::sync::Arc<MessageQueue>| {
            let b = b.clone();
            Task::new(async move { b.receive_async().await.unwrap() })
        };
        let (mut first, mut second) = (task(&b), task(&b));
        assert!(first.poll().is_pending());
        assert!(second.poll().is_pending());
        a.send(b"x").unwrap();
        // Both may have been woken; the first leaves without looking.
        drop(first);
        eventually("the second is woken", || second.wakes.count() > 0);
        assert_eq!(second.expect_ready("it was woken"), b"x");
    }
}
