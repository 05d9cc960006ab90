//! Complete, partial, unknown.

use std::time::{Duration, Instant};

use channel::{Channel, Domain, Receipt, Task};

use crate::support::{self, LONG, drain, within};
use crate::world::{Directory, exact, over_both, partial};

// shows C9: complete, when the application has read everything.
#[test]
fn complete() {
    over_both(|world| {
        for length in [0, 1, 10, 5000] {
            let (mut ours, mut theirs) = world.pair();
            let handle = ours.handle();
            std::thread::scope(|scope| {
                let reading = scope.spawn(|| drain(theirs.reader_mut()).unwrap());
                ours.write_all(&support::pattern_bytes(0, length)).unwrap();
                assert_eq!(ours.close(), Receipt::Complete);
                assert_eq!(reading.join().unwrap().len(), length);
            });
            // Whoever asks again is told the same, also after the peer has gone.
            assert_eq!(handle.receipt(), Receipt::Complete);
            drop(theirs);
            assert_eq!(handle.close(), Receipt::Complete);
            assert!(handle.disconnected());
        }
    });
}

/// What it gives back is kept to the end of the test: nobody calls it again, or drops it.
type Leave = fn(Channel) -> Box<dyn std::any::Any>;

/// The ways to leave.
const WAYS: [(&str, Leave); 6] = [
    ("disconnect", |channel| {
        channel.disconnect();
        Box::new(channel)
    }),
    ("drop", |channel| {
        drop(channel);
        Box::new(())
    }),
    ("drop the reader", |channel| {
        let (reader, writer) = channel.split();
        drop(reader);
        Box::new(writer)
    }),
    ("close", |channel| {
        channel.close_timeout(Duration::ZERO);
        Box::new(())
    }),
    ("abort", |channel| {
        channel.handle().abort();
        Box::new(channel)
    }),
    ("panic", |channel| {
        let panicking = std::thread::spawn(move || {
            let _channel = channel;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        panicking.join().unwrap_err();
        Box::new(())
    }),
];

// shows C9: partial, with exact numbers, in whichever way the peer stops; complete if it stops
// after the last byte.
#[test]
fn partial_however_the_peer_leaves() {
    over_both(|world| {
        for (way, leave) in WAYS {
            for read in [0, 4, 10] {
                println!("{way} after {read} bytes");
                let (mut ours, mut theirs) = world.pair();
                let handle = ours.handle();
                ours.write_all(b"0123456789").unwrap();
                theirs.read_exact(&mut [0; 10][..read]).unwrap();
                let _kept = leave(theirs);
                // Without a disconnect, then with one, then once more.
                assert_eq!(handle.receipt(), exact(read, 10), "{way}");
                assert_eq!(ours.close(), exact(read, 10), "{way}");
                assert_eq!(handle.receipt(), exact(read, 10), "{way}");
            }
        }
    });
}

// shows C9: the peer leaves while this side waits.
#[test]
fn partial_is_told_to_who_waits() {
    over_both(|world| {
        for (way, leave) in WAYS {
            println!("{way}");
            let (mut ours, mut theirs) = world.pair();
            ours.write_all(b"0123456789").unwrap();
            theirs.read_exact(&mut [0; 3]).unwrap();
            let closing = support::thread_state::blocked(move || ours.close());
            let _kept = leave(theirs);
            assert_eq!(closing.returns(), partial(3, 7), "{way}");
        }
    });
}

// shows B5, C9: a task that panics takes along channels whose halves are elsewhere, idle.
#[test]
fn partial_by_a_task_that_panics() {
    over_both(|world| {
        let (give, take) = std::sync::mpsc::channel();
        let inside = world.clone();
        let (go, told) = std::sync::mpsc::channel::<()>();
        let task = Task::spawn("clumsy", [], move || {
            let mut channel = inside.connect();
            channel.read_exact(&mut [0; 4]).unwrap();
            give.send(channel).unwrap();
            told.recv().unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        })
        .unwrap();
        let mut ours = world.accept();
        ours.write_all(b"0123456789").unwrap();
        let _idle = take.recv().unwrap();
        assert_eq!(
            ours.handle().receipt_timeout(Duration::from_millis(5)),
            Receipt::Unknown
        );
        go.send(()).unwrap();
        task.join().unwrap_err();
        assert_eq!(ours.close(), partial(4, 6));
    });
}

// shows C9: what was lent counts when it is consumed.
#[test]
fn lent_bytes_are_not_read() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"0123456789").unwrap();
        ours.finish().unwrap();
        let pending = || handle.receipt_timeout(Duration::from_millis(5)) == Receipt::Unknown;
        let reader = theirs.reader_mut();
        let mut left = 10;
        for consumed in [3, 0, 6] {
            assert_eq!(reader.fill_buf().unwrap().len(), left);
            assert!(pending());
            reader.consume(consumed);
            left -= consumed;
            assert!(pending());
        }
        assert_eq!(reader.fill_buf().unwrap(), b"9");
        reader.consume(1);
        assert_eq!(reader.fill_buf().unwrap(), b"");
        assert_eq!(handle.receipt(), Receipt::Complete);

        let (mut ours, mut theirs) = world.pair();
        ours.write_all(b"0123456789").unwrap();
        theirs.reader_mut().fill_buf().unwrap();
        theirs.reader_mut().consume(3);
        theirs.reader_mut().fill_buf().unwrap();
        drop(theirs);
        assert_eq!(ours.close(), partial(3, 7));
    });
}

// shows C9, T6: a plain endpoint can tell nothing, and says so at once.
#[test]
fn unknown_over_a_plain_endpoint() {
    within("plain", || {
        let directory = Directory::new();
        let server = directory.domain().broker("server").unwrap();
        server
            .listen(&"unix+plain://bare?port=9".parse().unwrap())
            .unwrap();
        let client = directory.domain().broker("client").unwrap();
        let at = "unix+plain://bare".parse().unwrap();
        let mut ours = client.connect_at(&at, 0, Some(LONG)).unwrap();
        let mut theirs = server.accept_timeout(9, LONG).unwrap();
        ours.write_all(b"tail").unwrap();
        theirs.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(ours.handle().receipt(), Receipt::Unknown);
        assert_eq!(ours.close(), Receipt::Unknown);
    });
}

// shows C9: the limit is kept, never early; who asks again is told the truth.
#[test]
fn unknown_by_the_limit_then_the_truth() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"tail").unwrap();
        let limit = Duration::from_millis(40);
        type Ask = fn(&channel::Handle, Duration) -> Receipt;
        let asks: [Ask; 2] = [
            channel::Handle::receipt_timeout,
            channel::Handle::close_timeout,
        ];
        for ask in asks {
            let start = Instant::now();
            assert_eq!(ask(&handle, limit), Receipt::Unknown);
            assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
        }
        let start = Instant::now();
        assert_eq!(ours.close_timeout(limit), Receipt::Unknown);
        assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"tail");
        assert_eq!(handle.receipt(), Receipt::Complete);
        // What is known needs no time; and there is no limit that is too long.
        assert_eq!(handle.receipt_timeout(Duration::ZERO), Receipt::Complete);
        assert_eq!(handle.close_timeout(Duration::MAX), Receipt::Complete);
    });
}

// shows C9: it can be asked of a channel that was aborted here; nobody hangs.
#[test]
fn after_an_abort_of_this_side() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"tail").unwrap();
        handle.abort();
        let (got, error) = drain(theirs.reader_mut()).unwrap_err();
        assert_eq!(
            (got, error.to_string().is_empty()),
            (b"tail".to_vec(), false)
        );
        let expected = match world.over {
            crate::world::Over::Memory => Receipt::Complete,
            // The connection was torn down before the peer could answer.
            crate::world::Over::Socket => Receipt::Unknown,
        };
        assert_eq!(handle.close(), expected);
        assert_eq!(ours.close(), expected);
    });
}

// shows C9: a handle tells after both halves, the brokers and the domain are gone.
#[test]
fn receipts_outlive_brokers_and_domains() {
    within("outlive", || {
        let domain = Domain::new();
        let server = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let (mut ours, mut theirs) = support::meet(&server, &client, 1);
        drop((server, client, domain));
        ours.write_all(b"x").unwrap();
        let handle = ours.handle();
        drop(ours);
        theirs.read_exact(&mut [0]).unwrap();
        assert_eq!(handle.receipt(), Receipt::Complete);
    });
}
