//! The poller beside other forms of calls: no key is lost by them.
mod support;

use std::task::Context;
use std::thread;
use std::time::Duration;

use channel::{AcceptError, Domain, Key, Poller, ReadError, WriteError};
use support::thread_state::blocked;
use support::{block_on, counter, pair, pair_of, within};

const SHORT: Duration = Duration::from_millis(1);

fn ready(poller: &Poller) -> Vec<Key> {
    let mut keys = Vec::new();
    while poller.try_wait(&mut keys).is_some() {}
    keys
}

// shows C3: a time-limited call after WouldBlock takes the registration's waker away and gives it
// back.
#[test]
fn a_reader_that_waited_in_vain_still_gets_its_key() {
    for (round, would_block_first) in [true, false].into_iter().enumerate() {
        for call in ["read", "read_vectored", "read_exact", "fill_buf"] {
            let poller = Poller::new();
            let (mut ours, mut theirs) = pair();
            let reader = ours.reader_mut();
            reader.register(&poller, 1);
            if would_block_first {
                let refused = reader.try_read(&mut [0; 8]);
                assert!(matches!(refused, Err(ReadError::WouldBlock)));
            }
            let buf = &mut [0; 8];
            let late = match call {
                "read" => reader.read_timeout(buf, SHORT).map(drop),
                "read_vectored" => reader
                    .read_vectored_timeout(&mut [std::io::IoSliceMut::new(buf)], SHORT)
                    .map(drop),
                "read_exact" => reader
                    .read_exact_timeout(buf, SHORT)
                    .map_err(|error| error.error.unwrap()),
                _ => reader.fill_buf_timeout(SHORT).map(drop),
            };
            assert!(matches!(late, Err(ReadError::TimedOut)), "{call}");
            assert!(ready(&poller).is_empty());
            theirs.write_all(b"x").unwrap();
            assert_eq!(ready(&poller), [1], "{call}, round {round}");
            assert!(ready(&poller).is_empty(), "once");
        }
    }
}

// shows C3
#[test]
fn a_writer_that_waited_in_vain_still_gets_its_key() {
    for call in ["write", "write_vectored", "write_all"] {
        let poller = Poller::new();
        let (mut ours, mut theirs) = pair_of(4);
        let writer = ours.writer_mut();
        writer.register(&poller, 2);
        assert_eq!(ready(&poller), [2]);
        writer.write_all(b"abcd").unwrap();
        let refused = writer.try_write(b"x");
        assert!(matches!(refused, Err(WriteError::WouldBlock)));
        let late = match call {
            "write" => writer.write_timeout(b"x", SHORT).map(drop),
            "write_vectored" => writer
                .write_vectored_timeout(&[std::io::IoSlice::new(b"x")], SHORT)
                .map(drop),
            _ => writer
                .write_all_timeout(b"x", SHORT)
                .map_err(|error| error.error),
        };
        assert!(matches!(late, Err(WriteError::TimedOut)), "{call}");
        assert!(ready(&poller).is_empty());
        theirs.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(ready(&poller), [2], "{call}");
    }
}

// shows C3, B2: a registered acceptor keeps its place when its time limit passes.
#[test]
fn an_acceptor_that_waited_in_vain_still_gets_its_key() {
    let domain = Domain::new();
    let server = domain.broker("server").unwrap();
    let client = domain.broker("client").unwrap();
    let poller = Poller::new();
    let mut acceptor = server.acceptor(1);
    acceptor.register(&poller, 5);
    assert_eq!(ready(&poller), [5]);
    for would_block_first in [true, false] {
        if would_block_first {
            acceptor.try_accept().unwrap_err();
        }
        let late = acceptor.accept_timeout(SHORT);
        assert!(matches!(late, Err(AcceptError::TimedOut { .. })));
        assert!(ready(&poller).is_empty());
        let _connected = client.try_connect("server", 1).unwrap();
        assert_eq!(ready(&poller), [5]);
        acceptor.try_accept().unwrap();
    }
    // Not registered, it gives the place up.
    acceptor.deregister();
    acceptor.accept_timeout(SHORT).unwrap_err();
    client.try_connect("server", 1).unwrap_err();
}

// shows B2: the registration itself takes a place in the line, and gives a key, once.
#[test]
fn a_registration_of_an_acceptor_takes_a_place() {
    let domain = Domain::new();
    let server = domain.broker("server").unwrap();
    let client = domain.broker("client").unwrap();
    let poller = Poller::new();
    let mut acceptor = server.acceptor(1);
    client.try_connect("server", 1).unwrap_err();
    acceptor.register(&poller, 5);
    assert_eq!(ready(&poller), [5]);
    let _connected = client.try_connect("server", 1).unwrap();
    acceptor.try_accept().unwrap();
}

// shows C3: a call that gets its result by another waker leaves the key owed: it comes.
#[test]
fn a_key_that_is_owed_comes_after_a_blocking_call() {
    within("a key that is owed", || {
        let poller = Poller::new();
        let (mut ours, mut theirs) = pair();
        ours.reader_mut().register(&poller, 1);
        ours.try_read(&mut [0; 8]).unwrap_err();
        let read = blocked(move || {
            ours.read_exact(&mut [0; 1]).unwrap();
            ours
        });
        theirs.write_all(b"x").unwrap();
        let mut ours = read.returns();
        assert_eq!(ready(&poller), [1]);
        ours.try_read(&mut [0; 8]).unwrap_err();

        // Likewise by a future.
        let (_, waker) = counter();
        let mut cx = Context::from_waker(&waker);
        assert!(ours.poll_read(&mut cx, &mut [0; 8]).is_pending());
        theirs.write_all(b"x").unwrap();
        assert!(ready(&poller).is_empty(), "the last waker counts");
        assert_eq!(block_on(ours.read_async(&mut [0; 8])).unwrap(), 1);
        assert_eq!(ready(&poller), [1]);

        // A future that is dropped: a try_ call arms the key again.
        ours.try_read(&mut [0; 8]).unwrap_err();
        assert!(ours.poll_read(&mut cx, &mut [0; 8]).is_pending());
        ours.try_read(&mut [0; 8]).unwrap_err();
        theirs.write_all(b"x").unwrap();
        assert_eq!(ready(&poller), [1]);
        // Nothing is owed any more: no key too many.
        ours.read_exact(&mut [0; 1]).unwrap();
        assert!(ready(&poller).is_empty());

        // And a writer.
        let (mut ours, mut theirs) = pair_of(4);
        ours.writer_mut().register(&poller, 2);
        assert_eq!(ready(&poller), [2]);
        ours.write_all(b"abcd").unwrap();
        ours.try_write(b"x").unwrap_err();
        let write = blocked(move || {
            ours.write_all(b"x").unwrap();
            ours
        });
        theirs.read_exact(&mut [0; 4]).unwrap();
        let _ours = write.returns();
        assert_eq!(ready(&poller), [2]);
    });
}

// shows C3, B2
#[test]
fn a_key_that_is_owed_comes_after_a_blocking_accept() {
    within("a key that is owed", || {
        let domain = Domain::new();
        let server = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let poller = Poller::new();
        let mut acceptor = server.acceptor(1);
        acceptor.register(&poller, 5);
        assert_eq!(ready(&poller), [5]);
        acceptor.try_accept().unwrap_err();
        let accept = thread::spawn(move || {
            acceptor.accept().unwrap();
            acceptor
        });
        client.connect("server", 1).unwrap();
        let _acceptor = accept.join().unwrap();
        assert_eq!(ready(&poller), [5]);
    });
}

// shows C3: both halves of a channel under one key.
#[test]
fn a_channel_under_one_key() {
    let poller = Poller::new();
    let (mut ours, mut theirs) = pair_of(4);
    ours.register(&poller, 9);
    assert_eq!(ready(&poller), [9]);
    ours.try_read(&mut [0; 1]).unwrap_err();
    ours.write_all(b"abcd").unwrap();
    ours.try_write(b"x").unwrap_err();
    theirs.write_all(b"x").unwrap();
    assert_eq!(ready(&poller), [9], "for the reader");
    theirs.read_exact(&mut [0; 4]).unwrap();
    assert_eq!(ready(&poller), [9], "for the writer");
    ours.read_exact(&mut [0; 1]).unwrap();
    ours.try_read(&mut [0; 1]).unwrap_err();
    ours.deregister();
    theirs.disconnect();
    assert!(ready(&poller).is_empty(), "deregistered");
}
