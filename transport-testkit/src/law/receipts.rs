//! C9: the close receipt tells what became of the tail.

use std::time::{Duration, Instant};

use channel::transport::Receipt;
use channel::{Channel, Handle};

use crate::suite::streams::{expect, expect_all, fill, until_refused};
use crate::suite::support::{Going, blocked, bytes, go, left};
use crate::suite::world::{World, talk};

/// Closes on a thread of its own.
fn closing(handle: Handle) -> Going<Receipt> {
    go(move || handle.close_timeout(left()))
}

pub(crate) fn c9_complete_when_all_was_read(w: &World) {
    for connector_closes in [true, false] {
        let (ours, theirs) = w.pair();
        let (mut closes, mut reads) = match connector_closes {
            true => (theirs, ours),
            false => (ours, theirs),
        };
        closes.write_all(&bytes(1, 0, 5000)).unwrap();
        let closing = closing(closes.handle());
        expect_all(reads.reader_mut(), 1, 5000);
        let receipt = closing.join("the close of a channel whose peer has read all");
        assert_eq!(receipt, Receipt::Complete);
        // Asking again gives the same answer, also when both have gone.
        let handle = closes.handle();
        drop((closes, reads));
        assert_eq!(handle.receipt_timeout(left()), Receipt::Complete);
    }
}

pub(crate) fn c9_partial_tells_how_far_the_peer_came(w: &World) {
    for drops in [false, true] {
        let (ours, mut theirs) = w.pair();
        let mut ours = ours;
        ours.write_all(&bytes(1, 0, 5000)).unwrap();
        expect(theirs.reader_mut(), 1, 0, 1234);
        let mut kept = None;
        if drops {
            drop(theirs);
        } else {
            theirs.disconnect();
            kept = Some(theirs);
        }
        let receipt = ours.close_timeout(left());
        assert_eq!(
            receipt,
            Receipt::Partial {
                read: 1234,
                unread: 5000 - 1234
            }
        );
        drop(kept);
    }
}

pub(crate) fn c9_a_byte_in_a_buffer_is_not_read(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 100)).unwrap();
    let lent = theirs.reader_mut().fill_buf().unwrap().len();
    assert!(lent > 0);
    let early = ours.handle().close_timeout(Duration::from_millis(20));
    assert_eq!(
        early,
        Receipt::Unknown,
        "nothing was read yet, and it may be"
    );
    drop(theirs);
    let receipt = ours.close_timeout(left());
    let none = Receipt::Partial {
        read: 0,
        unread: 100,
    };
    assert_eq!(receipt, none, "{lent} bytes were lent, none was read");
}

pub(crate) fn c9_a_time_limit_is_never_over_early(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 100)).unwrap();
    let handle = ours.handle();
    for limit in [3, 30, 60].map(Duration::from_millis) {
        let start = Instant::now();
        let receipt = handle.close_timeout(limit);
        let took = start.elapsed();
        assert_eq!(receipt, Receipt::Unknown, "the peer has read nothing");
        assert!(
            took >= limit,
            "a limit of {limit:?} was over after {took:?}"
        );
    }
    // What it said was about then; it can be asked again.
    let asking = go(move || handle.receipt_timeout(left()));
    expect_all(theirs.reader_mut(), 1, 100);
    assert_eq!(asking.join("a receipt asked again"), Receipt::Complete);
}

pub(crate) fn c9_a_blocked_close_is_woken_by_the_last_read(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 100)).unwrap();
    let close = blocked(move || ours.close());
    expect(theirs.reader_mut(), 1, 0, 99);
    assert!(!close.is_over(), "a byte is unread");
    expect_all_but(&mut theirs, 99, 1);
    let receipt = close.join("a close whose peer has read all");
    assert_eq!(receipt, Receipt::Complete);
}

/// The rest of stream 1, then the end.
#[track_caller]
fn expect_all_but(channel: &mut Channel, at: usize, length: usize) {
    expect(channel.reader_mut(), 1, at, length);
    expect_all(channel.reader_mut(), 0, 0);
}

pub(crate) fn c9_a_finished_side_can_ask_and_go_on(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 100)).unwrap();
    ours.finish().unwrap();
    let handle = ours.handle();
    let asking = go(move || handle.receipt_timeout(left()));
    expect_all(theirs.reader_mut(), 1, 100);
    assert_eq!(asking.join("a receipt after finish"), Receipt::Complete);
    talk(&mut theirs, &mut ours);
}

/// Reads a little of what there is.
#[track_caller]
fn expect_some(channel: &mut Channel) {
    let read = channel.read_timeout(&mut [0; 10], left());
    assert!(read.as_ref().is_ok_and(|n| *n > 0), "{read:?}");
}

pub(crate) fn c9_a_flood_cannot_hold_up_a_close(w: &World) {
    let (mut ours, theirs) = w.pair();
    let filled = fill(ours.writer_mut(), 1, 0);
    let (mut reader, mut writer) = theirs.split();
    let flood = go(move || until_refused(&mut writer));
    expect_some(&mut ours);
    let closing = closing(ours.handle());
    expect_all(&mut reader, 1, filled);
    flood.join("the flood");
    assert_eq!(closing.join("a close in a flood"), Receipt::Complete);
}

pub(crate) fn c9_a_lost_peer_is_never_complete(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 5000)).unwrap();
    expect(theirs.reader_mut(), 1, 0, 1000);
    theirs.handle().abort();
    match ours.close_timeout(left()) {
        Receipt::Unknown => {}
        Receipt::Partial {
            read: 1000,
            unread: 4000,
        } => {}
        other => panic!("{other:?}, and the peer was lost after 1000 of 5000 bytes"),
    }
}
