//! Who waits, and in which ways.

use std::task::Context;
use std::thread;
use std::time::Duration;

use channel::{Receipt, State, WriteError};

use crate::support::thread_state::blocked;
use crate::support::{Task, block_on, counter, drain, eventually};
use crate::world::{over_both, partial};

// shows C9: any number of threads and futures wait for one receipt, and each is told.
#[test]
fn all_who_wait_are_told() {
    over_both(|world| {
        for complete in [true, false] {
            let (mut ours, mut theirs) = world.pair();
            let handle = ours.handle();
            ours.write_all(b"tail").unwrap();
            let threads: Vec<_> = (0..4)
                .map(|i| {
                    let handle = handle.clone();
                    blocked(move || match i {
                        0 => handle.receipt(),
                        1 => handle.receipt_timeout(Duration::MAX),
                        2 => handle.close(),
                        _ => block_on(handle.close_async()),
                    })
                })
                .collect();
            let future = || {
                let handle = handle.clone();
                let mut task = Task::new(async move { handle.receipt_async().await });
                assert!(task.poll().is_pending());
                task
            };
            let mut futures: Vec<_> = (0..3).map(|_| future()).collect();
            // Some give up: that is no business of the others.
            let given_up: Vec<_> = (0..3).map(|_| future()).collect();
            let timed = handle.receipt_timeout(Duration::from_millis(1));
            assert_eq!(timed, Receipt::Unknown);
            let (polls, waker) = counter();
            let mut cx = Context::from_waker(&waker);
            assert!(handle.poll_receipt(&mut cx).is_pending());
            assert!(handle.poll_close(&mut cx).is_pending());
            let quiet: Vec<_> = given_up.iter().map(|task| task.wakes.clone()).collect();
            let before: Vec<_> = quiet.iter().map(|wakes| wakes.count()).collect();
            drop(given_up);

            let expected = if complete {
                assert_eq!(drain(theirs.reader_mut()).unwrap(), b"tail");
                Receipt::Complete
            } else {
                theirs.read_exact(&mut [0]).unwrap();
                drop(theirs);
                partial(1, 3)
            };
            for thread in threads {
                assert_eq!(thread.returns(), expected);
            }
            for task in &mut futures {
                eventually("the future is woken", || task.wakes.count() > 0);
                assert_eq!(task.expect_ready("told"), expected);
            }
            eventually("the bare poll is woken", || polls.count() > 0);
            assert!(handle.poll_receipt(&mut cx).is_ready());
            let after: Vec<_> = quiet.iter().map(|wakes| wakes.count()).collect();
            assert_eq!(after, before, "who gave up is not woken");
        }
    });
}

// shows C5, C9: finish writing, go on reading, and await the receipt meanwhile.
#[test]
fn half_close_and_go_on_reading() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"question").unwrap();
        ours.finish().unwrap();
        let waiter = blocked(move || handle.receipt());
        let answering = thread::spawn(move || {
            let question = drain(theirs.reader_mut()).unwrap();
            for _ in 0..1000 {
                theirs.write_all(b"some of the answer").unwrap();
            }
            question
        });
        let answer = drain(ours.reader_mut()).unwrap();
        assert_eq!(answer.len(), 18_000);
        assert_eq!(answering.join().unwrap(), b"question");
        assert_eq!(waiter.returns(), Receipt::Complete);
        // Nobody disconnected this side.
        assert_ne!(ours.handle().info().state, State::Disconnected);
        assert_eq!(ours.read(&mut [0; 4]).unwrap(), 0);
    });
}

// shows C9: a receipt before writing is finished: pending, until the peer stops or this side does.
#[test]
fn before_writing_is_finished() {
    over_both(|world| {
        let pending = |handle: &channel::Handle| {
            handle.receipt_timeout(Duration::from_millis(5)) == Receipt::Unknown
        };
        // The peer stops.
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"01234567").unwrap();
        theirs.read_exact(&mut [0; 8]).unwrap();
        assert!(pending(&handle), "more may be written");
        ours.write_all(b"89").unwrap();
        let (reader, _their_writer) = theirs.split();
        drop(reader);
        assert_eq!(handle.receipt(), partial(8, 2));
        assert!(matches!(ours.write(b"x"), Err(WriteError::PeerClosed)));
        assert_eq!(handle.receipt(), partial(8, 2), "and that stands");
        // This side finishes.
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"01234567").unwrap();
        let waiter = blocked({
            let handle = handle.clone();
            move || handle.receipt()
        });
        theirs.read_exact(&mut [0; 8]).unwrap();
        assert!(pending(&handle));
        ours.finish().unwrap();
        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"");
        assert_eq!(waiter.returns(), Receipt::Complete);
    });
}

// shows C3, C9: a future that is dropped ends the waiting, not what it began; one that was never polled
// began nothing.
#[test]
fn dropped_futures() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"tail").unwrap();
        drop(handle.close_async());
        assert!(!handle.disconnected());
        let mut closing = Task::new({
            let handle = handle.clone();
            async move { handle.close_async().await }
        });
        assert!(closing.poll().is_pending());
        assert!(handle.disconnected());
        drop(closing);
        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"tail");
        assert_eq!(handle.receipt(), Receipt::Complete);

        // Of the channel itself.
        let (mut ours, mut theirs) = world.pair();
        let handle = ours.handle();
        ours.write_all(b"tail").unwrap();
        let mut closing = Task::new(ours.close_async());
        assert!(closing.poll().is_pending());
        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"tail");
        assert_eq!(block_on(handle.close_async()), Receipt::Complete);
        eventually("the future is woken", || closing.wakes.count() > 0);
        assert_eq!(closing.expect_ready("told"), Receipt::Complete);
    });
}

// shows C9: bytes that were lent and not consumed lie in the way of the receipt only until their
// reader is called again.
#[test]
fn what_was_lent_goes_back_with_the_next_call() {
    over_both(|world| {
        let (mut ours, mut theirs) = world.pair();
        theirs.write_all(b"unwanted").unwrap();
        ours.write_all(b"tail").unwrap();
        let handle = ours.handle();
        assert_eq!(ours.reader_mut().fill_buf().unwrap(), b"unwanted");
        ours.reader_mut().consume(1);
        handle.disconnect();
        assert!(ours.try_read(&mut [0; 1]).is_err());
        let (mut reader, writer) = theirs.split();
        assert_eq!(drain(&mut reader).unwrap(), b"tail");
        drop((reader, writer));
        assert_eq!(handle.receipt(), Receipt::Complete);
    });
}
