//! C5 and C7: half-close, split channels, dropped halves.

use channel::{Channel, ReadError, State, WriteError};

use crate::suite::streams::{expect, expect_all, fill, until_refused};
use crate::suite::support::{blocked, bytes, eventually, go, panic_with};
use crate::suite::world::{World, talk};

pub(crate) fn c5_finish_and_go_on_reading(w: &World) {
    for connector_asks in [true, false] {
        let (ours, theirs) = w.pair();
        let (mut asks, mut answers) = match connector_asks {
            true => (theirs, ours),
            false => (ours, theirs),
        };
        asks.write_all(&bytes(1, 0, 100)).unwrap();
        asks.finish().unwrap();
        expect_all(answers.reader_mut(), 1, 100);
        // It has heard the end, and says more than fits into any buffer.
        let length = w.large();
        let answering = go(move || {
            answers.write_all(&bytes(2, 0, length)).unwrap();
            answers.finish().unwrap();
            answers
        });
        expect_all(asks.reader_mut(), 2, length);
        let answers = answering.join("the answer");
        assert!(asks.disconnected(), "both directions are over");
        drop(answers);
    }
}

pub(crate) fn c5_writes_after_finish_fail(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 10)).unwrap();
    theirs.finish().unwrap();
    theirs.finish().unwrap();
    for write in [
        theirs.write(b"x"),
        theirs.try_write(b"x"),
        theirs.write(b""),
    ] {
        assert!(matches!(write, Err(WriteError::Finished)), "{write:?}");
    }
    theirs.flush().unwrap();
    expect_all(ours.reader_mut(), 1, 10);
    talk(&mut ours, &mut theirs);
}

pub(crate) fn c5_disconnected_tells_whether_a_side_can_be_used(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    assert!(!ours.disconnected() && !theirs.disconnected());
    assert_eq!(ours.info().state, State::Open);
    theirs.write_all(&bytes(1, 0, 4)).unwrap();
    theirs.finish().unwrap();
    assert!(!theirs.disconnected(), "it can read");
    assert_eq!(theirs.info().state, State::WriteEnded);
    expect_all(ours.reader_mut(), 1, 4);
    assert!(!ours.disconnected(), "it can write");
    assert_eq!(ours.info().state, State::ReadEnded);
    talk(&mut ours, &mut theirs);
    ours.finish().unwrap();
    assert!(ours.disconnected(), "neither direction can be used");
    expect_all(theirs.reader_mut(), 0, 0);
    assert!(theirs.disconnected(), "neither direction can be used");
}

pub(crate) fn c5_a_finish_wakes_a_read(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let read = blocked(move || (ours.read(&mut [0; 8]), ours));
    theirs.finish().unwrap();
    let (result, mut ours) = read.join("a read whose stream has ended");
    assert!(matches!(result, Ok(0)), "{result:?}");
    talk(&mut ours, &mut theirs);
}

pub(crate) fn c5_full_buffers_before_finish_stay_readable(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let filled = fill(theirs.writer_mut(), 1, 0);
    theirs.finish().unwrap();
    expect_all(ours.reader_mut(), 1, filled);
    talk(&mut ours, &mut theirs);
}

pub(crate) fn c7_halves_live_on_two_threads(w: &World) {
    let (ours, theirs) = w.pair();
    let length = w.large();
    let echo = {
        let (mut reader, mut writer) = ours.split();
        go(move || {
            let (mut buf, mut moved) = (vec![0; 5000], 0);
            loop {
                match reader.read(&mut buf).unwrap() {
                    0 => return moved,
                    n => writer.write_all(&buf[..n]).unwrap(),
                }
                moved += 1;
            }
        })
    };
    let (mut reader, mut writer) = theirs.split();
    let writing = go(move || writer.write_all(&bytes(1, 0, length)).unwrap());
    expect_all(&mut reader, 1, length);
    writing.join("the writer");
    assert!(echo.join("the echo") > 0);
}

pub(crate) fn c7_a_dropped_writer_finishes(w: &World) {
    let (ours, mut theirs) = w.pair();
    let (mut reader, mut writer) = ours.split();
    writer.write_all(&bytes(1, 0, 1000)).unwrap();
    drop(writer);
    expect_all(theirs.reader_mut(), 1, 1000);
    theirs.write_all(&bytes(2, 0, 1000)).unwrap();
    drop(theirs);
    expect_all(&mut reader, 2, 1000);
}

pub(crate) fn c7_a_dropped_reader_refuses(w: &World) {
    let (ours, mut theirs) = w.pair();
    let (reader, mut writer) = ours.split();
    drop(reader);
    let error = until_refused(theirs.writer_mut());
    assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
    // The other direction lives on.
    writer.write_all(&bytes(1, 0, 1000)).unwrap();
    drop(writer);
    expect_all(theirs.reader_mut(), 1, 1000);
}

pub(crate) fn c7_a_dropped_reader_wakes_a_write(w: &World) {
    let (ours, mut theirs) = w.pair_of(256);
    let (reader, _writer) = ours.split();
    fill(theirs.writer_mut(), 1, 0);
    let write = blocked(move || until_refused(theirs.writer_mut()));
    drop(reader);
    let error = write.join("a write whose peer dropped its reader");
    assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
}

pub(crate) fn c7_dropping_both_halves_disconnects(w: &World) {
    for reader_first in [true, false] {
        let (ours, mut theirs) = w.pair();
        let handle = ours.handle();
        let (reader, mut writer) = ours.split();
        writer.write_all(&bytes(1, 0, 10)).unwrap();
        if reader_first {
            drop(reader);
            drop(writer);
        } else {
            drop(writer);
            drop(reader);
        }
        assert!(handle.disconnected());
        expect_all(theirs.reader_mut(), 1, 10);
        let error = until_refused(theirs.writer_mut());
        assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
    }
}

pub(crate) fn c7_a_drop_in_a_panic_aborts(w: &World) {
    for what in ["both", "reader", "writer"] {
        let (ours, mut theirs) = w.pair();
        let (reader, mut writer) = ours.split();
        writer.write_all(&bytes(1, 0, 6)).unwrap();
        // What has arrived is read before the loss is told.
        expect(theirs.reader_mut(), 1, 0, 6);
        let kept = match what {
            "both" => {
                panic_with(Channel::unsplit(reader, writer));
                None
            }
            "reader" => {
                panic_with(reader);
                Some(Ok(writer))
            }
            _ => {
                panic_with(writer);
                Some(Err(reader))
            }
        };
        let read = theirs.read(&mut [0; 8]);
        assert!(
            matches!(read, Err(ReadError::PeerLost(_))),
            "{what}: {read:?}"
        );
        drop(kept);
    }
}

pub(crate) fn c7_a_handle_does_not_keep_a_channel_open(w: &World) {
    let (ours, mut theirs) = w.pair();
    let (handle, again) = (ours.handle(), ours.handle());
    drop(ours);
    expect_all(theirs.reader_mut(), 0, 0);
    assert!(handle.disconnected());
    again.disconnect();
    handle.abort();
    eventually("the far side knows", || theirs.write(b"x").is_err());
    expect_all(theirs.reader_mut(), 0, 0);
}
