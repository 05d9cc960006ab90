//! Both sides in their writes, each with a little room that the other was not told of.
mod support;

use std::task::Context;
use std::thread;
use std::time::Duration;

use support::{LONG, counter, eventually, pair_of, within};

const CAPACITY: usize = 64 * 1024;

// shows C2: a side that is about to sleep in its write first tells the other of the room it made.
// Without that, the other hears of it a millisecond or two later, from the late look. A look that is on
// its way from an earlier round may come between, so not every round can show it at once.
#[test]
fn room_is_told_before_a_writer_sleeps() {
    const ROUNDS: usize = 50;
    let (mut ours, mut theirs) = pair_of(CAPACITY);
    let (_, noop) = counter();
    let mut cx = Context::from_waker(&noop);
    while ours.poll_write(&mut cx, &[1; CAPACITY]).is_ready() {}
    while theirs.poll_write(&mut cx, &[1; CAPACITY]).is_ready() {}
    let mut at_once = 0;
    for _ in 0..ROUNDS {
        let (wakes, waker) = counter();
        let mut sleeping = Context::from_waker(&waker);
        assert!(theirs.poll_write(&mut sleeping, b"x").is_pending());
        ours.read_exact(&mut [0; 1]).unwrap();
        assert!(ours.poll_write(&mut cx, b"x").is_pending());
        at_once += wakes.count();
        eventually("the writer is told", || wakes.count() == 1);
        assert!(theirs.poll_write(&mut sleeping, b"x").is_ready());
    }
    assert!(
        at_once > ROUNDS / 2,
        "told at once in {at_once} of {ROUNDS}"
    );
}

// shows C2: the same in blocking calls: neither hangs.
#[test]
fn both_may_write_more_than_fits() {
    within("both write", || {
        let (mut ours, mut theirs) = pair_of(CAPACITY);
        let other = thread::spawn(move || {
            theirs.write_all(&[1; CAPACITY + 1]).unwrap();
            theirs.read_exact(&mut [0; CAPACITY + 1]).unwrap();
        });
        while ours.totals().unread < CAPACITY as u64 {
            thread::sleep(Duration::from_micros(200));
        }
        ours.read_exact(&mut [0; 100]).unwrap();
        ours.write_all_timeout(&[2; CAPACITY + 1], LONG / 2)
            .unwrap();
        other.join().unwrap();
    });
}
