//! Ends that make no further calls, in memory: nobody has to come back for the receipt to be told.
//! (Over a socket, the end of the stream has to be read.)

use std::time::Duration;

use channel::{Options, Receipt};

use crate::support::thread_state::blocked;
use crate::support::{Task, eventually, within};
use crate::world::{Over, World, partial};

fn world() -> World {
    World::new(Over::Memory, &Options::new().with_capacity(256))
}

// shows C9: a reader that has read the last byte and never looks for the end.
#[test]
fn a_reader_that_never_looks_for_the_end() {
    within("idle reader", || {
        let world = world();
        for finish in 0..4 {
            for before in [true, false] {
                let (mut ours, mut theirs) = world.pair();
                ours.write_all(b"tail").unwrap();
                let handle = ours.handle();
                let mut read = || theirs.read_exact(&mut [0; 4]).unwrap();
                if before {
                    read();
                }
                let (reader, mut writer) = ours.split();
                let mut kept = (Some(reader), None);
                match finish {
                    0 => {
                        writer.finish().unwrap();
                        kept.1 = Some(writer);
                    }
                    1 => drop(writer),
                    // By another hand, while the writer is idle.
                    2 => {
                        handle.disconnect();
                        kept.1 = Some(writer);
                    }
                    _ => {
                        drop(writer);
                        kept.0 = None;
                    }
                }
                if !before {
                    let mut waiting = Task::new({
                        let handle = handle.clone();
                        async move { handle.receipt_async().await }
                    });
                    assert!(waiting.poll().is_pending());
                    let waiter = blocked({
                        let handle = handle.clone();
                        move || handle.receipt()
                    });
                    read();
                    assert_eq!(waiter.returns(), Receipt::Complete);
                    eventually("the future is woken", || waiting.wakes.count() > 0);
                    assert_eq!(waiting.expect_ready("told"), Receipt::Complete);
                }
                assert_eq!(handle.receipt(), Receipt::Complete);
            }
        }
    });
}

// shows C9: a reader whose side was disconnected by another hand, and that is not called again.
#[test]
fn a_reader_that_was_disconnected_and_is_not_called_again() {
    within("idle and disconnected", || {
        let world = world();
        for abort in [false, true] {
            let (mut ours, mut theirs) = world.pair();
            ours.write_all(b"0123456789").unwrap();
            theirs.read_exact(&mut [0; 4]).unwrap();
            let asking = blocked({
                let handle = ours.handle();
                move || handle.receipt()
            });
            match abort {
                true => theirs.handle().abort(),
                false => theirs.handle().disconnect(),
            }
            assert_eq!(asking.returns(), partial(4, 6));
            // It is not read later, either.
            theirs.read(&mut [0; 4]).unwrap_err();
            assert_eq!(theirs.totals().read, 4);
            assert_eq!(ours.totals().written, 10);
            ours.write(b"more").unwrap_err();
            assert_eq!(ours.close(), partial(4, 6));
        }
    });
}

// shows C9: pending as long as more may be written, or read.
#[test]
fn an_idle_pair_that_never_ends_is_pending() {
    within("pending", || {
        let (mut ours, mut theirs) = world().pair();
        ours.write_all(b"tail").unwrap();
        theirs.read_exact(&mut [0; 4]).unwrap();
        // All was read, but more may be written.
        let limit = Duration::from_millis(5);
        assert_eq!(ours.handle().receipt_timeout(limit), Receipt::Unknown);
        ours.write_all(b"more").unwrap();
        ours.finish().unwrap();
        assert_eq!(ours.handle().receipt_timeout(limit), Receipt::Unknown);
        theirs.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(ours.handle().receipt(), Receipt::Complete);
        assert!(theirs.handle().info().totals.read == 8);
    });
}

// shows C9: the writer's own end is news, if the reader has read everything by then.
#[test]
fn the_end_alone_is_news() {
    within("the end alone", || {
        for drops in [false, true] {
            let (mut ours, mut theirs) = world().pair();
            ours.write_all(b"tail").unwrap();
            theirs.read_exact(&mut [0; 4]).unwrap();
            let handle = ours.handle();
            let waiter = blocked(move || handle.receipt());
            let (_reader, mut writer) = ours.split();
            if drops {
                drop(writer);
            } else {
                writer.finish().unwrap();
            }
            assert_eq!(waiter.returns(), Receipt::Complete);
        }
    });
}
