//! Calls that do not block, that have a limit, or that are dropped.
mod common;

use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use channel::Poller;
use common::*;
use message_queue::{BATCH, MessageQueue, ReceiveError, SendError};

const SHORT: Duration = Duration::from_millis(20);

/// Sends until there is no room; returns how many went whole, and what the last call said.
fn fill(queue: &MessageQueue, message: &[u8]) -> (usize, SendError) {
    let mut sent = 0;
    loop {
        match queue.try_send(message) {
            Ok(()) => sent += 1,
            Err(error) => return (sent, error),
        }
    }
}

// shows M6: a send that found no room for its first byte has sent nothing; one that got further is
// unfinished, and its rest leaves ahead of whatever is next.
#[test]
fn sends_that_are_cut_short() {
    within("cut short", || {
        for (what, next) in [
            ("send", 0),
            ("flush", 1),
            ("close", 2),
            ("feed", 3),
            ("drop", 4),
        ] {
            let (a, b) = queues_of(64);
            // 60 of 64 bytes.
            a.send(&[1; 56]).unwrap();
            assert!(matches!(
                a.send_timeout(&[2; 100], SHORT),
                Err(SendError::Unfinished)
            ));
            // Full: nothing of these.
            let start = Instant::now();
            let late = a.send_timeout(b"not sent", SHORT);
            assert!(start.elapsed() >= SHORT, "{what}: never before the limit");
            assert!(matches!(late, Err(SendError::TimedOut)), "{what}: {late:?}");
            assert!(matches!(a.try_send(b""), Err(SendError::WouldBlock)));
            assert!(matches!(a.try_flush(), Err(SendError::WouldBlock)));
            assert!(matches!(a.flush_timeout(SHORT), Err(SendError::TimedOut)));
            // The rest leaves ahead of this, whatever it is.
            let sending = thread::spawn(move || {
                match next {
                    0 => a.send(b"next").unwrap(),
                    1 => a.flush().unwrap(),
                    2 => drop(a.close()),
                    3 => {
                        a.feed(b"next").unwrap();
                        a.flush().unwrap();
                    }
                    _ => {}
                };
            });
            assert_eq!(b.receive().unwrap(), [1; 56], "{what}");
            assert_eq!(b.receive().unwrap(), [2; 100], "{what}");
            if let 0 | 3 = next {
                assert_eq!(b.receive().unwrap(), b"next", "{what}");
            }
            assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
            sending.join().unwrap();
        }
    });
}

// shows M6: so does a send without blocking, of one slice or several.
#[test]
fn tries_that_are_cut_short() {
    let (a, b) = queues_of(64);
    assert!(matches!(a.try_send(&[1; 100]), Err(SendError::Unfinished)));
    assert!(matches!(a.try_send(b"no"), Err(SendError::WouldBlock)));
    assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
    a.try_flush().unwrap();
    assert_eq!(b.try_receive().unwrap(), [1; 100]);
    a.try_send(b"yes").unwrap();
    assert_eq!(b.try_receive().unwrap(), b"yes");
}

// shows M6: a future that is dropped before the first byte left has sent nothing; after it, the
// message is the queue's.
#[test]
fn dropped_sends() {
    let (a, b) = queues_of(64);
    let a = std::sync::Arc::new(a);
    let sending = |bytes: Vec<u8>| {
        let a = a.clone();
        Task::new(async move { a.send_async(&bytes).await })
    };
    let mut first = sending(vec![1; 100]);
    assert!(first.poll().is_pending());
    let mut second = sending(vec![2; 10]);
    assert!(second.poll().is_pending());
    drop((first, second));
    assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
    a.try_send(&[3; 10]).unwrap();
    assert_eq!(b.try_receive().unwrap(), [1; 100]);
    assert_eq!(b.try_receive().unwrap(), [3; 10]);
    assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
}

// shows M6: a receive that ends in the middle of a message loses nothing, whatever form comes next.
#[test]
fn receives_that_are_cut_short() {
    for form in 0..6 {
        let (mut a, b) = pair();
        let b = MessageQueue::new(b);
        let bytes = framed(&message(5, 300));
        let mut buf = [0; 300];
        for piece in bytes.chunks(7) {
            match form {
                0 => assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock))),
                1 | 5 => assert!(matches!(
                    b.receive_timeout(Duration::from_micros(1)),
                    Err(ReceiveError::TimedOut)
                )),
                2 => assert!(matches!(
                    b.receive_into_timeout(&mut buf, Duration::from_micros(1)),
                    Err(ReceiveError::TimedOut)
                )),
                3 => {
                    let (_, waker) = counter();
                    let mut cx = std::task::Context::from_waker(&waker);
                    assert!(b.poll_receive(&mut cx).is_pending());
                }
                _ => assert!(matches!(
                    b.try_receive_into(&mut buf),
                    Err(ReceiveError::WouldBlock)
                )),
            }
            // What a call may have put there does not count.
            buf.fill(0);
            a.write_all(piece).unwrap();
        }
        let got = match form {
            0 | 2 => b.receive().unwrap(),
            1 => {
                let n = b.receive_into(&mut buf).unwrap();
                buf[..n].to_vec()
            }
            3 => b.try_receive().unwrap(),
            4 => {
                let (_, mut b) = b.split();
                b.receive_ref().unwrap().into_vec()
            }
            _ => block_on(b.receive_async()).unwrap(),
        };
        assert!(got == message(5, 300), "form {form}");
    }
}

// shows C3: no limit ends early, and what comes at the last moment counts.
#[test]
fn limits_are_never_early() {
    let (a, b) = queues_of(64);
    let _ = fill(&a, &[0; 20]);
    for _ in 0..3 {
        let start = Instant::now();
        assert!(a.send_timeout(&[0; 20], SHORT).is_err());
        assert!(start.elapsed() >= SHORT);
        let start = Instant::now();
        assert!(a.flush_timeout(SHORT).is_err());
        assert!(start.elapsed() >= SHORT);
        let start = Instant::now();
        assert!(a.receive_timeout(SHORT).is_err());
        assert!(start.elapsed() >= SHORT);
        let start = Instant::now();
        assert!(a.receive_into_timeout(&mut [0; 9], SHORT).is_err());
        assert!(start.elapsed() >= SHORT);
    }
    drop(b);
}

// shows C3: while one thread is in a blocking call, another one's limit holds too, and a call that
// never blocks says so; its poller's key comes when the turn is free.
#[test]
fn while_another_thread_has_the_turn() {
    within("turns", || {
        let (a, b) = queues();
        thread::scope(|scope| {
            let receiving = scope.spawn(|| b.receive());
            // It is in its call once others are turned away.
            eventually("it receives", || {
                let start = Instant::now();
                let late = b.receive_timeout(Duration::from_millis(2));
                assert!(matches!(late, Err(ReceiveError::TimedOut)), "{late:?}");
                assert!(start.elapsed() >= Duration::from_millis(2));
                matches!(b.try_receive(), Err(ReceiveError::WouldBlock))
            });
            let poller = Poller::new();
            let mut keys = Vec::new();
            b.register(&poller, 7);
            // The sending direction is free, and says so.
            poller.wait(&mut keys);
            assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
            a.send(b"one").unwrap();
            // One of the two may get it.
            let first = receiving.join().unwrap();
            a.send(b"two").unwrap();
            let mut got: Vec<_> = first.into_iter().collect();
            while got.len() < 2 {
                match b.try_receive() {
                    Ok(message) => got.push(message),
                    Err(ReceiveError::WouldBlock) => {
                        poller.wait(&mut keys);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!(got, [b"one", b"two"]);
        });
    });
}

// shows C3: the poller drives both directions of many queues, with messages that do not fit.
#[test]
fn a_poller_drives_queues() {
    const QUEUES: usize = 10;
    const MESSAGES: u64 = 200;
    within("poller", || {
        let poller = Poller::new();
        let (mut servers, mut clients) = (Vec::new(), Vec::new());
        for i in 0..QUEUES {
            let (a, b) = queues_of(64);
            a.register(&poller, i as u64);
            servers.push((Some(a), Vec::<Vec<u8>>::new()));
            clients.push(b);
        }
        let clients: Vec<_> = clients
            .into_iter()
            .map(|client| {
                thread::spawn(move || {
                    thread::scope(|scope| {
                        scope.spawn(|| {
                            for i in 0..MESSAGES {
                                client.send(&message(i, (i % 150) as usize)).unwrap();
                            }
                        });
                        for i in 0..MESSAGES {
                            assert!(client.receive().unwrap() == message(i, (i % 150) as usize));
                        }
                    });
                })
            })
            .collect();
        let mut open = QUEUES;
        let mut keys = Vec::new();
        while open > 0 {
            keys.clear();
            poller.wait(&mut keys);
            for key in &keys {
                let (slot, waiting) = &mut servers[*key as usize];
                // Both directions deliver the key, so it may come after the end too.
                let Some(queue) = slot else { continue };
                // An echo server with one message in hand.
                loop {
                    match queue.try_flush() {
                        Ok(()) => {}
                        Err(SendError::WouldBlock) => break,
                        Err(_) => {}
                    }
                    if let Some(message) = waiting.pop() {
                        match queue.try_send(&message) {
                            Ok(()) | Err(SendError::Unfinished) => {}
                            Err(SendError::WouldBlock) => {
                                waiting.push(message);
                                break;
                            }
                            Err(error) => panic!("{error}"),
                        }
                        continue;
                    }
                    match queue.try_receive() {
                        Ok(message) => waiting.push(message),
                        Err(ReceiveError::WouldBlock) => break,
                        Err(ReceiveError::PeerClosed) => {
                            open -= 1;
                            *slot = None;
                            break;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
        for client in clients {
            client.join().unwrap();
        }
    });
}

// shows M1: what is fed beyond a batch waits for room without being taken twice.
#[test]
fn feeding_without_room() {
    let (a, b) = queues_of(64);
    let mut fed = 0_u64;
    while a.try_feed(&fed.to_be_bytes()).is_ok() {
        fed += 1;
    }
    // The batch was full, found room for 64 bytes, and was filled up again.
    assert!(fed as usize >= BATCH / 12 + 5, "{fed}");
    assert!(matches!(
        a.feed_timeout(&fed.to_be_bytes(), SHORT),
        Err(SendError::TimedOut)
    ));
    let mut next = 0_u64;
    while next < fed {
        match b.try_receive() {
            Ok(got) => {
                assert_eq!(got, next.to_be_bytes());
                next += 1;
            }
            Err(_) => {
                let _ = a.try_flush();
            }
        }
    }
    assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
}

// shows C3: a waiting future is woken by a message, and several are, in any order.
#[test]
fn futures_that_wait() {
    let (a, b) = queues();
    let b = std::sync::Arc::new(b);
    let mut waiting: Vec<_> = (0..5)
        .map(|_| {
            let b = b.clone();
            Task::new(async move { b.receive_async().await.unwrap() })
        })
        .collect();
    for task in &mut waiting {
        assert!(task.poll().is_pending());
    }
    for i in 0..5_u8 {
        a.send(&[i]).unwrap();
        let mut got = None;
        eventually("somebody is woken", || {
            waiting.retain_mut(|task| match task.poll() {
                Poll::Ready(message) if got.is_none() => {
                    got = Some(message);
                    false
                }
                Poll::Ready(message) => panic!("two got {message:?} and {got:?}"),
                Poll::Pending => true,
            });
            got.is_some()
        });
        assert_eq!(got.unwrap(), [i]);
    }
}
