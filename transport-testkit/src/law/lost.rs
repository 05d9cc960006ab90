//! C6: an orderly end and a lost peer are different.

use channel::{Channel, ReadError, State, WriteError};

use crate::suite::streams::{
    check, expect, expect_all, fill, read_to_end, until_refused, write_until_refused,
};
use crate::suite::support::{blocked, bytes, eventually};
use crate::suite::world::World;

pub(crate) fn c6_an_orderly_end_is_no_loss(w: &World) {
    for drops in [false, true] {
        let (mut ours, mut theirs) = w.pair();
        theirs.write_all(&bytes(1, 0, 100)).unwrap();
        let mut kept = None;
        if drops {
            drop(theirs);
        } else {
            theirs.disconnect();
            kept = Some(theirs);
        }
        expect_all(ours.reader_mut(), 1, 100);
        let error = until_refused(ours.writer_mut());
        assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
        assert_eq!(ours.info().state, State::PeerDisconnected);
        drop(kept);
    }
}

/// Reads what is left of stream 1 after `at` bytes: how many bytes there were in all.
#[track_caller]
fn until_lost(channel: &mut Channel, mut at: usize) -> usize {
    let mut buf = vec![0; 10_000];
    loop {
        match channel.read(&mut buf) {
            Ok(0) => panic!("an orderly end after {at} bytes, though the peer is lost"),
            Ok(n) => {
                check(1, at, &buf[..n]);
                at += n;
            }
            Err(ReadError::PeerLost(_)) => return at,
            Err(error) => panic!("another error than a loss: {error:?}"),
        }
    }
}

pub(crate) fn c6_an_abort_is_a_loss(w: &World) {
    for connector_aborts in [true, false] {
        let (ours, theirs) = w.pair();
        let (aborts, mut other) = match connector_aborts {
            true => (theirs, ours),
            false => (ours, theirs),
        };
        aborts.handle().abort();
        assert_eq!(until_lost(&mut other, 0), 0);
        // It stays lost, for everybody.
        for read in [other.read(&mut [0; 8]), other.try_read(&mut [0; 8])] {
            assert!(matches!(read, Err(ReadError::PeerLost(_))), "{read:?}");
        }
        let error = until_refused(other.writer_mut());
        assert!(matches!(error, WriteError::PeerLost(_)), "{error:?}");
        assert_eq!(other.info().state, State::PeerLost);
        assert!(other.disconnected());
        let own = aborts.handle().info().state;
        assert_eq!(own, State::Disconnected);
    }
}

pub(crate) fn c6_what_arrived_before_an_abort_is_read_first(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let sent = 5000;
    theirs.write_all(&bytes(1, 0, sent)).unwrap();
    // This much lies here, for certain.
    expect(ours.reader_mut(), 1, 0, 1000);
    let arrived = ours.reader_mut().fill_buf().unwrap().len();
    theirs.handle().abort();
    let read = until_lost(&mut ours, 1000);
    assert!(
        (1000 + arrived..=sent).contains(&read),
        "{read} bytes were read, {} had arrived, {sent} were sent",
        1000 + arrived
    );
}

pub(crate) fn c6_an_abort_wakes_a_read(w: &World) {
    let (mut ours, theirs) = w.pair();
    let read = blocked(move || ours.read(&mut [0; 8]));
    theirs.handle().abort();
    let result = read.join("a read whose peer is lost");
    assert!(matches!(result, Err(ReadError::PeerLost(_))), "{result:?}");
}

/// How often it is tried whether writes are told of an abort.
const TRIES: usize = 10;

/// Writes find an abort to be a loss. A byte stream may bring the news in pieces, and the first alone says
/// that the peer reads no more: then the scenario, which gives the first error, is tried once more.
#[track_caller]
pub(super) fn is_a_loss_for_writes(w: &World, mut scenario: impl FnMut() -> WriteError) {
    for _ in 0..TRIES {
        match scenario() {
            WriteError::PeerLost(_) => return,
            WriteError::PeerClosed if !w.is_local() => {}
            error => panic!("{error:?}"),
        }
    }
    panic!("an abort was an orderly end for writes, {TRIES} times");
}

pub(crate) fn c6_an_abort_wakes_a_write(w: &World) {
    is_a_loss_for_writes(w, || {
        let (ours, mut theirs) = w.pair_of(256);
        fill(theirs.writer_mut(), 1, 0);
        let write = blocked(move || write_until_refused(theirs.writer_mut()));
        ours.handle().abort();
        write.join("a write whose peer is lost")
    });
}

pub(crate) fn c6_an_abort_wakes_the_own_side(w: &World) {
    let (ours, _theirs) = w.pair_of(256);
    let handle = ours.handle();
    let (mut reader, mut writer) = ours.split();
    fill(&mut writer, 1, 0);
    let read = blocked(move || reader.read(&mut [0; 8]));
    let write = blocked(move || write_until_refused(&mut writer));
    handle.abort();
    let result = read.join("a read whose own side aborted");
    assert!(matches!(result, Err(ReadError::Disconnected)), "{result:?}");
    let error = write.join("a write whose own side aborted");
    assert!(matches!(error, WriteError::Disconnected), "{error:?}");
}

pub(crate) fn c6_the_first_end_counts(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 5000)).unwrap();
    theirs.disconnect();
    theirs.handle().abort();
    let (read, error) = read_to_end(ours.reader_mut(), 1);
    assert!(
        error.is_none(),
        "an abort after the end made it a loss: {error:?}"
    );
    assert_eq!(read, 5000);
}

pub(crate) fn c6_a_stream_that_ended_well_stays_so(w: &World) {
    is_a_loss_for_writes(w, || {
        let (mut ours, mut theirs) = w.pair();
        theirs.write_all(&bytes(1, 0, 5)).unwrap();
        theirs.finish().unwrap();
        expect_all(ours.reader_mut(), 1, 5);
        theirs.handle().abort();
        let error = until_refused(ours.writer_mut());
        let end = ours.read(&mut [0; 8]);
        assert!(matches!(end, Ok(0)), "{end:?}");
        if matches!(error, WriteError::PeerLost(_)) {
            eventually("the state tells of the loss", || {
                ours.info().state == State::PeerLost
            });
        }
        error
    });
}
