//! The poller: which keys are delivered when, and to whom.
mod support;

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use channel::{AcceptError, Domain, Key, Poller, ReadError, WriteError};
use support::thread_state::blocked;
use support::{block_on, counter, pair, pair_of, within};

/// The keys that are ready now.
fn ready(poller: &Poller) -> Vec<Key> {
    let mut keys = Vec::new();
    while poller.try_wait(&mut keys).is_some() {}
    keys
}

// shows C3, G2: a key at registration if ready, then once after each WouldBlock.
#[test]
fn a_reader_that_is_registered() {
    let poller = Poller::new();
    let (mut ours, mut theirs) = pair();
    let reader = ours.reader_mut();
    reader.register(&poller, 7);
    assert!(ready(&poller).is_empty(), "nothing to read yet");
    theirs.write_all(b"ab").unwrap();
    theirs.write_all(b"cd").unwrap();
    assert_eq!(ready(&poller), [7], "once, for all there is");
    // Until it is told WouldBlock, no further key.
    reader.try_read(&mut [0; 1]).unwrap();
    theirs.write_all(b"ef").unwrap();
    assert!(ready(&poller).is_empty());
    assert_eq!(reader.try_read(&mut [0; 9]).unwrap(), 5);
    assert!(matches!(
        reader.try_read(&mut [0; 9]),
        Err(ReadError::WouldBlock)
    ));
    assert!(ready(&poller).is_empty());
    theirs.write_all(b"g").unwrap();
    assert_eq!(ready(&poller), [7]);
    assert_eq!(reader.try_fill_buf().unwrap(), b"g");
    reader.consume(1);
    assert!(matches!(reader.try_fill_buf(), Err(ReadError::WouldBlock)));
    // The end is news too.
    drop(theirs);
    assert_eq!(ready(&poller), [7]);
    assert_eq!(reader.try_read(&mut [0; 9]).unwrap(), 0);
}

// shows C3: news on news are one key.
#[test]
fn a_key_lies_in_the_queue_once() {
    let poller = Poller::new();
    let (mut ours, mut theirs) = pair_of(16);
    ours.writer_mut().register(&poller, 1);
    theirs.write_all(b"x").unwrap();
    ours.reader_mut().register(&poller, 2);
    for _ in 0..3 {
        // Both say WouldBlock, and hear the news, with their keys not taken yet.
        while ours.try_write(&[0; 16]).is_ok() {}
        while ours.try_read(&mut [0; 16]).is_ok() {}
        theirs.read_exact(&mut [0; 16]).unwrap();
        theirs.write_all(b"x").unwrap();
    }
    let mut keys = ready(&poller);
    keys.sort();
    assert_eq!(keys, [1, 2]);
}

// shows C3: ready at registration: bytes, the end, a loss, the local disconnect.
#[test]
fn ready_at_registration() {
    for what in ["bytes", "end", "loss", "left"] {
        let poller = Poller::new();
        let (mut ours, mut theirs) = pair();
        match what {
            "bytes" => theirs.write_all(b"x").unwrap(),
            "end" => theirs.disconnect(),
            "loss" => theirs.handle().abort(),
            _ => ours.disconnect(),
        }
        ours.reader_mut().register(&poller, 1);
        assert_eq!(ready(&poller), [1], "{what}");
    }
}

// shows C4, C6: a disconnect of either side is delivered to those who wait.
#[test]
fn ends_are_delivered() {
    for what in ["end", "loss", "left"] {
        let poller = Poller::new();
        let (mut ours, theirs) = pair();
        ours.reader_mut().register(&poller, 1);
        assert!(ready(&poller).is_empty());
        match what {
            "end" => theirs.disconnect(),
            "loss" => theirs.handle().abort(),
            _ => ours.disconnect(),
        }
        assert_eq!(ready(&poller), [1], "{what}");
        let result = ours.try_read(&mut [0; 1]);
        match what {
            "end" => assert!(matches!(result, Ok(0))),
            "loss" => assert!(matches!(result, Err(ReadError::PeerLost(_)))),
            _ => assert!(matches!(result, Err(ReadError::Disconnected))),
        }
    }
}

// shows C3: writers: once at registration, and when there is room again after WouldBlock.
#[test]
fn a_writer_that_is_registered() {
    let poller = Poller::new();
    let (mut ours, mut theirs) = pair_of(16);
    let writer = ours.writer_mut();
    writer.register(&poller, 3);
    assert_eq!(ready(&poller), [3]);
    writer.write_all(&[0; 16]).unwrap();
    assert!(matches!(
        writer.try_write(b"x"),
        Err(WriteError::WouldBlock)
    ));
    assert!(ready(&poller).is_empty());
    theirs.read_exact(&mut [0; 16]).unwrap();
    assert_eq!(ready(&poller), [3]);
    writer.write_all(&[0; 16]).unwrap();
    assert!(matches!(
        writer.try_write(b"x"),
        Err(WriteError::WouldBlock)
    ));
    drop(theirs);
    assert_eq!(ready(&poller), [3]);
    assert!(matches!(
        writer.try_write(b"x"),
        Err(WriteError::PeerClosed)
    ));
}

// shows C3, B2: acceptors: a key when somebody was matched, and at the close.
#[test]
fn an_acceptor_that_is_registered() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let poller = Poller::new();
    let mut acceptor = server.acceptor(1);
    acceptor.register(&poller, 5);
    // A key too many does no harm.
    ready(&poller);
    assert!(matches!(
        acceptor.try_accept(),
        Err(AcceptError::WouldBlock { .. })
    ));
    assert!(ready(&poller).is_empty());
    for _ in 0..2 {
        let _connected = client.try_connect("server", 1).unwrap();
        assert_eq!(ready(&poller), [5]);
        acceptor.try_accept().unwrap();
        acceptor.try_accept().unwrap_err();
        assert!(ready(&poller).is_empty());
    }
    server.close();
    assert_eq!(ready(&poller), [5]);
    assert!(matches!(
        acceptor.try_accept(),
        Err(AcceptError::Closed { .. })
    ));
}

// shows C3: the end of a registration: deregistered, replaced, dropped.
#[test]
fn registrations_end() {
    let (one, other) = (Poller::new(), Poller::new());
    let (mut ours, mut theirs) = pair();
    ours.reader_mut().register(&one, 1);
    ours.reader_mut().register(&other, 2);
    theirs.write_all(b"x").unwrap();
    assert!(ready(&one).is_empty(), "replaced");
    assert_eq!(ready(&other), [2]);
    ours.try_read(&mut [0; 4]).unwrap();
    ours.try_read(&mut [0; 4]).unwrap_err();
    ours.reader_mut().deregister();
    theirs.write_all(b"x").unwrap();
    assert!(ready(&other).is_empty(), "deregistered");
    // Also when its key lies in the queue already.
    ours.reader_mut().register(&one, 3);
    ours.writer_mut().register(&one, 4);
    drop(ours);
    assert!(ready(&one).is_empty(), "dropped");
}

// shows C3: forms of waiting: never, for a time (not early), as a future, with notify.
#[test]
fn forms_of_waiting() {
    within("waiting", || {
        let poller = Poller::new();
        let mut keys = vec![99];
        assert_eq!(poller.try_wait(&mut keys), None);
        let (start, limit) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(poller.wait_timeout(&mut keys, limit), None);
        assert!(start.elapsed() >= limit, "early");
        assert_eq!(poller.wait_timeout(&mut keys, Duration::ZERO), None);
        // A notify without a waiter counts for the next one, once.
        poller.notify();
        assert_eq!(poller.wait(&mut keys), 0);
        assert_eq!(poller.try_wait(&mut keys), None);
        // And with one.
        let waiting = poller.clone();
        let wait = blocked(move || waiting.wait(&mut Vec::new()));
        poller.notify();
        assert_eq!(wait.returns(), 0);

        let (wakes, waker) = counter();
        let mut cx = Context::from_waker(&waker);
        assert!(poller.poll_wait(&mut cx, &mut keys).is_pending());
        let (mut ours, mut theirs) = pair();
        ours.reader_mut().register(&poller, 8);
        theirs.write_all(b"x").unwrap();
        assert_eq!(wakes.count(), 1);
        assert_eq!(poller.poll_wait(&mut cx, &mut keys), Poll::Ready(1));
        assert_eq!(keys, [99, 8], "appended");
        poller.notify();
        assert_eq!(block_on(poller.wait_async(&mut keys)), 0);
    });
}

// shows G2: several threads at one poller: every byte of every channel is read by one of them.
#[test]
fn several_threads_wait_at_one_poller() {
    const CHANNELS: usize = 40;
    const EACH: usize = 3000;
    within("several waiters", || {
        let poller = Poller::new();
        let (mut readers, mut writers) = (HashMap::new(), Vec::new());
        for key in 0..CHANNELS {
            let (mut ours, theirs) = pair_of(64);
            ours.reader_mut().register(&poller, key as Key);
            readers.insert(key as Key, Mutex::new(ours));
            writers.push(theirs);
        }
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut keys = Vec::new();
                    let mut buf = [0; 48];
                    loop {
                        keys.clear();
                        poller.wait(&mut keys);
                        for key in &keys {
                            let mut channel = readers[key].lock().unwrap();
                            while let Ok(n @ 1..) = channel.try_read(&mut buf) {
                                total.fetch_add(n, Ordering::SeqCst);
                            }
                        }
                        if total.load(Ordering::SeqCst) == CHANNELS * EACH {
                            // Hand on the news.
                            poller.notify();
                            break;
                        }
                    }
                });
            }
            for part in writers.chunks_mut(CHANNELS / 2) {
                scope.spawn(|| {
                    for turn in 0..EACH / 100 {
                        for channel in part.iter_mut() {
                            channel.write_all(&[turn as u8; 100]).unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), CHANNELS * EACH);
    });
}

// shows G2: keys of several at once come together, each once.
#[test]
fn many_keys_come_together() {
    let poller = Poller::new();
    let mut pairs: Vec<_> = (0..50).map(|_| pair_of(16)).collect();
    for (key, (ours, _)) in pairs.iter_mut().enumerate() {
        ours.reader_mut().register(&poller, key as Key);
    }
    for (_, theirs) in pairs.iter_mut().step_by(2) {
        theirs.write_all(b"x").unwrap();
    }
    let keys = ready(&poller);
    assert_eq!(keys.len(), 25);
    let distinct: BTreeSet<_> = keys.into_iter().collect();
    assert_eq!(distinct, (0..50).step_by(2).collect());
}
