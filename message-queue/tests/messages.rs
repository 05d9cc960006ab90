//! Whole messages, of any size, in any form.
mod common;

use std::io::IoSlice;
use std::thread;
use std::time::Duration;

use channel::{Domain, Options};
use common::*;
use message_queue::{MessageQueue, QueueBroker, ReceiveError, SendError};

// shows M1: the rendezvous of brokers gives queues, in both orders and all forms.
#[test]
fn brokers_hand_out_queues() {
    within("rendezvous", || {
        let domain = Domain::new();
        let server = QueueBroker::from(domain.broker("server").unwrap());
        let client = QueueBroker::from(domain.broker("client").unwrap()).with_max_message(10);
        assert_eq!((server.name(), client.name()), ("server", "client"));
        assert!(server.try_accept(1).is_err());
        assert!(client.try_connect("server", 1).is_err());
        assert!(server.accept_timeout(1, Duration::from_millis(1)).is_err());
        assert!(
            client
                .connect_timeout("server", 1, Duration::from_millis(1))
                .is_err()
        );
        for round in 0..4 {
            let accepting = {
                let server = server.clone();
                thread::spawn(move || match round {
                    0 => server.accept(1).unwrap(),
                    1 => server.accept_timeout(1, LONG).unwrap(),
                    2 => block_on(server.accept_async(1)).unwrap(),
                    _ => server.queue(server.broker().accept(1).unwrap()),
                })
            };
            let ours = match round {
                0 => client.connect("server", 1).unwrap(),
                1 => client.connect_timeout("server", 1, LONG).unwrap(),
                2 => block_on(client.connect_async("server", 1)).unwrap(),
                _ => {
                    let at = "mem://server".parse().unwrap();
                    client.connect_at(&at, 1, Some(LONG)).unwrap()
                }
            };
            let theirs = accepting.join().unwrap();
            ours.send(b"hello").unwrap();
            assert_eq!(theirs.receive().unwrap(), b"hello");
            assert_eq!((ours.max_message(), theirs.max_message()), (10, 16 << 20));
        }
        server.close();
        assert!(server.accept(1).is_err());
    });
}

/// Lengths around everything that has an edge: nothing, the prefix, the buffer.
fn lengths(capacity: usize) -> Vec<usize> {
    vec![
        0,
        1,
        3,
        4,
        5,
        63,
        64,
        65,
        capacity - 5,
        capacity - 4,
        capacity - 3,
        capacity - 1,
        capacity,
        capacity + 1,
        3 * capacity + 7,
        1 << 20,
    ]
}

// shows M1, M3: every length arrives whole, also far more than the buffer holds, on every carrier and
// through every pair of calls.
#[test]
fn every_length() {
    within("every length", || {
        for (carrier, pair) in carriers() {
            let (a, b) = pair();
            let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
            let all: Vec<usize> = lengths(64 * 1024).repeat(4);
            let sending = {
                let all = all.clone();
                thread::spawn(move || {
                    for (i, &length) in all.iter().enumerate() {
                        let message = message(i as u64, length);
                        match i % 6 {
                            0 => a.send(&message).unwrap(),
                            1 => {
                                let (x, y) = message.split_at(length / 3);
                                let slices = [IoSlice::new(x), IoSlice::new(&[]), IoSlice::new(y)];
                                a.send_vectored(&slices).unwrap();
                            }
                            2 => a.feed(&message).unwrap(),
                            3 => block_on(a.send_async(&message)).unwrap(),
                            4 => a.send_timeout(&message, LONG).unwrap(),
                            _ => block_on(a.feed_async(&message)).unwrap(),
                        }
                    }
                    a.flush().unwrap();
                    a
                })
            };
            let mut buf = vec![0; 2 << 20];
            for (i, &length) in all.iter().enumerate() {
                let got = match i % 5 {
                    0 => b.receive().unwrap(),
                    1 => {
                        let n = b.receive_into(&mut buf).unwrap();
                        buf[..n].to_vec()
                    }
                    2 => block_on(b.receive_async()).unwrap(),
                    3 => {
                        let n = block_on(b.receive_into_async(&mut buf)).unwrap();
                        buf[..n].to_vec()
                    }
                    _ => b.receive_timeout(LONG).unwrap(),
                };
                assert_eq!(got.len(), length, "{carrier}, message {i}");
                assert!(got == message(i as u64, length), "{carrier}, message {i}");
            }
            drop(sending.join().unwrap());
            assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
        }
    });
}

// shows M9: a message that lies in more slices than are handed on at once arrives as one.
#[test]
fn many_slices() {
    within("many slices", || {
        let (a, b) = queues_of(64);
        let whole = message(1, 1000);
        let expected = whole.clone();
        let sending = thread::spawn(move || {
            let slices: Vec<_> = whole.chunks(7).map(IoSlice::new).collect();
            a.send_vectored(&slices).unwrap();
            a.send_vectored(&[]).unwrap();
        });
        assert_eq!(b.receive().unwrap(), expected);
        assert_eq!(b.receive().unwrap(), b"");
        sending.join().unwrap();
    });
}

// shows M2: the peer may be anything that speaks the framing, here a bare channel.
#[test]
fn the_wire_form() {
    let (ours, mut theirs) = pair();
    let ours = MessageQueue::new(ours);
    ours.send(b"hello").unwrap();
    ours.send(b"").unwrap();
    let mut bytes = [0; 13];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"\0\0\0\x05hello\0\0\0\0");
    theirs.write_all(b"\0\0\0\x03abc\0\0\0\0\0\0").unwrap();
    assert_eq!(ours.receive().unwrap(), b"abc");
    assert_eq!(ours.receive().unwrap(), b"");
    assert!(matches!(ours.try_receive(), Err(ReceiveError::WouldBlock)));
    theirs.write_all(b"\0\x01!").unwrap();
    assert_eq!(ours.receive().unwrap(), b"!");
}

// shows M9: a message is lent in place whenever it lies there in one piece, and gathered otherwise;
// room is made when the guard goes.
#[test]
fn borrowed_receive() {
    within("borrowed receive", || {
        let (a, b) = queues_of(64);
        let (mut sender, _a) = a.split();
        let (_b, mut receiver) = b.split();
        let mut pieces = 0;
        for i in 0..1000_u64 {
            // Small enough for two: a forgotten guard holds its room until the next call.
            let expected = message(i, (i % 27) as usize);
            sender.send(&expected).unwrap();
            let before = receiver.handle().totals().read;
            let lent = receiver.receive_ref().unwrap();
            assert_eq!(&*lent, expected);
            assert_eq!(lent.as_ref().len(), expected.len());
            match i % 3 {
                0 => drop(lent),
                1 => assert_eq!(lent.into_vec(), expected),
                // A guard that is forgotten: the message goes with the next call.
                _ => std::mem::forget(lent),
            }
            let taken = receiver.handle().totals().read - before;
            pieces += usize::from(i % 3 == 2 && taken > 0);
        }
        // Those that went around the end of the buffer were gathered, so taken, at once.
        assert!((1..200).contains(&pieces), "{pieces}");
        assert!(matches!(
            receiver.try_receive_ref(),
            Err(ReceiveError::WouldBlock)
        ));
        assert!(matches!(
            receiver.receive_ref_timeout(Duration::from_millis(1)),
            Err(ReceiveError::TimedOut)
        ));
        // Far larger than the buffer.
        let large = message(7, 10_000);
        let expected = large.clone();
        let sending = thread::spawn(move || sender.send(&large).unwrap());
        assert_eq!(&*block_on(receiver.receive_ref_async()).unwrap(), expected);
        sending.join().unwrap();
        assert!(matches!(
            receiver.receive_ref(),
            Err(ReceiveError::PeerClosed)
        ));
    });
}

// shows C2, M9: while a message is lent, the rest of the buffer can be written; dropping it gives
// its room.
#[test]
fn a_loan_holds_its_room_and_no_more() {
    let (a, b) = queues_of(64);
    let (_b, mut receiver) = b.split();
    a.send(&[1; 28]).unwrap();
    a.send(&[2; 28]).unwrap();
    let lent = receiver.receive_ref().unwrap();
    assert_eq!(&*lent, [1; 28]);
    assert!(matches!(a.try_send(&[3]), Err(SendError::WouldBlock)));
    drop(lent);
    a.try_send(&[3; 28]).unwrap();
    assert_eq!(&*receiver.receive_ref().unwrap(), [2; 28]);
    assert_eq!(&*receiver.receive_ref().unwrap(), [3; 28]);
}

// shows M1: an iterator gives every message and ends with the queue.
#[test]
fn iterating() {
    within("iterating", || {
        let (a, b) = queues();
        let sending = thread::spawn(move || {
            for i in 0..10_000_u64 {
                a.send(&i.to_be_bytes()).unwrap();
            }
        });
        let mut next = 0_u64;
        for message in b.iter() {
            assert_eq!(message.unwrap(), next.to_be_bytes());
            next += 1;
        }
        assert_eq!(next, 10_000);
        sending.join().unwrap();
        let (_, mut receiver) = b.split();
        assert!(receiver.iter().next().is_none());
    });
}

// shows M1: what is fed stays here until a batch is full, a flush, a send, a finish or the close.
#[test]
fn feeding() {
    within("feeding", || {
        let (a, b) = queues();
        let (mut a, _keep) = a.split();
        a.feed(b"one").unwrap();
        assert_eq!(a.unsent(), 7);
        assert!(matches!(b.try_receive(), Err(ReceiveError::WouldBlock)));
        a.flush().unwrap();
        assert_eq!((a.unsent(), b.receive().unwrap()), (0, b"one".to_vec()));
        a.feed(b"two").unwrap();
        a.send(b"three").unwrap();
        assert_eq!(b.receive().unwrap(), b"two");
        assert_eq!(b.receive().unwrap(), b"three");
        // A full batch leaves by itself.
        let mut fed = 0;
        while b.try_receive().is_err() {
            a.feed(&[9; 100]).unwrap();
            fed += 1;
        }
        assert!((100..200).contains(&fed), "{fed}");
        a.finish().unwrap();
        assert!(matches!(
            a.feed(b"x").and_then(|()| a.flush()),
            Err(SendError::Finished)
        ));
        assert!(matches!(a.send(b"x"), Err(SendError::Finished)));
        let rest = b
            .iter()
            .inspect(|m| assert_eq!(m.as_ref().unwrap(), &[9; 100]));
        assert_eq!(rest.count(), fed - 1);
    });
}

// shows M1, M2: any sequence of messages, over any capacity, against a plain list.
#[test]
fn against_a_list() {
    use std::collections::VecDeque;
    let seed = seed("against_a_list");
    for round in 0..300 {
        let mut rng = Rng::of(seed, round);
        let capacity = 1 << rng.below(9);
        let options = Options::new().with_capacity(capacity);
        let (a, b) = pair_with(&options);
        let (a, b) = (MessageQueue::new(a), MessageQueue::new(b));
        let mut expected = VecDeque::new();
        let mut buf = vec![0; 200];
        let most = rng.below(3 * capacity as u64 + 10).min(400);
        for _ in 0..300 {
            let length = rng.below(most + 1) as usize;
            let message = rng.bytes(length);
            let result = match rng.below(7) {
                0 => a.try_send(&message),
                1 => a.send_timeout(&message, Duration::ZERO),
                2 => a.try_feed(&message),
                3 => {
                    let (x, y) = message.split_at(length / 2);
                    a.try_send_vectored(&[IoSlice::new(x), IoSlice::new(y)])
                }
                4 => {
                    let _ = a.try_flush();
                    continue;
                }
                _ => {
                    let got = match rng.below(3) {
                        0 => b.try_receive(),
                        1 => b.receive_timeout(Duration::ZERO),
                        _ => b.try_receive_into(&mut buf).map(|n| buf[..n].to_vec()),
                    };
                    match got {
                        Ok(got) => assert_eq!(Some(got), expected.pop_front(), "round {round}"),
                        Err(ReceiveError::WouldBlock | ReceiveError::TimedOut) => {}
                        Err(ReceiveError::BufferTooSmall {
                            length,
                            capacity: 200,
                        }) => {
                            let next: &Vec<u8> = &expected[0];
                            assert_eq!((length, length > 200), (next.len(), true));
                            assert!(
                                matches!(
                                    b.try_receive().as_ref(),
                                    Ok(got) if got == next
                                ) || {
                                    // Known before all of it is here.
                                    continue;
                                }
                            );
                            expected.pop_front();
                        }
                        Err(error) => panic!("round {round}: {error}"),
                    }
                    continue;
                }
            };
            match result {
                Ok(()) | Err(SendError::Unfinished) => expected.push_back(message),
                Err(SendError::WouldBlock | SendError::TimedOut) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        // What is left comes out as well.
        while !expected.is_empty() {
            let _ = a.try_flush();
            if let Ok(got) = b.try_receive() {
                assert_eq!(Some(got), expected.pop_front(), "round {round}");
            }
        }
        a.flush().unwrap();
        drop(a);
        assert!(matches!(b.receive(), Err(ReceiveError::PeerClosed)));
    }
}
