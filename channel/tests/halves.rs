//! Half-close, dropped halves, aborts: orderly ends and lost peers.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use channel::{Channel, ReadError, State, WriteError};
use support::thread_state::blocked;
use support::{drain, pair, pair_of, pattern_bytes, within};

/// Runs `holding` into a panic, so that what it holds is dropped while the thread panics.
fn panic_with(holding: impl Send + 'static) {
    let _held = AssertUnwindSafe(holding);
    let thread = thread::spawn(move || {
        let _held = _held;
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(thread.join().is_err());
}

// shows C5: finish writing, go on reading; and the other way round.
#[test]
fn half_close() {
    within("half close", || {
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"question").unwrap();
        ours.finish().unwrap();
        ours.finish().unwrap();
        ours.flush().unwrap();
        assert!(matches!(ours.write(b"x"), Err(WriteError::Finished)));
        assert!(matches!(ours.try_write(b"x"), Err(WriteError::Finished)));
        assert!(!ours.disconnected());
        assert_eq!(ours.handle().info().state, State::WriteEnded);

        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"question");
        assert!(!theirs.disconnected());
        assert_eq!(theirs.handle().info().state, State::ReadEnded);
        theirs.write_all(b"answer").unwrap();
        theirs.finish().unwrap();
        assert_eq!(drain(ours.reader_mut()).unwrap(), b"answer");
        // Both directions are over: nothing is left to be used.
        assert!(ours.disconnected() && theirs.disconnected());
    });
}

// shows C7: dropping the writer finishes writing.
#[test]
fn a_dropped_writer_finishes() {
    within("dropped writer", || {
        let (ours, mut theirs) = pair();
        let (mut reader, mut writer) = ours.split();
        writer.write_all(b"last words").unwrap();
        drop(writer);
        assert_eq!(drain(theirs.reader_mut()).unwrap(), b"last words");
        theirs.write_all(b"still heard").unwrap();
        drop(theirs);
        assert_eq!(drain(&mut reader).unwrap(), b"still heard");
        assert!(reader.handle().disconnected());
    });
}

// shows C7: dropping the reader makes the peer's writes fail, blocked ones too.
#[test]
fn a_dropped_reader_refuses() {
    let (ours, mut theirs) = pair_of(16);
    let (reader, mut writer) = ours.split();
    theirs.write_all(&[0; 16]).unwrap();
    let (mut their_reader, mut their_writer) = theirs.split();
    let write = blocked(move || (their_writer.write(b"x"), their_writer));
    drop(reader);
    let (result, mut their_writer) = write.returns();
    assert!(matches!(result, Err(WriteError::PeerClosed)), "{result:?}");
    assert!(matches!(
        their_writer.try_write(b"x"),
        Err(WriteError::PeerClosed)
    ));
    // The other direction lives on.
    writer.write_all(b"go on").unwrap();
    drop(writer);
    assert_eq!(drain(&mut their_reader).unwrap(), b"go on");
    assert!(their_reader.handle().disconnected());
}

// shows C7: dropping both halves, in either order, is an orderly disconnect.
#[test]
fn dropping_both_halves_disconnects() {
    for reader_first in [true, false] {
        let (ours, theirs) = pair();
        let handle = ours.handle();
        let (reader, mut writer) = ours.split();
        writer.write_all(b"bye").unwrap();
        if reader_first {
            drop(reader);
            assert!(!handle.disconnected());
            drop(writer);
        } else {
            drop(writer);
            assert!(!handle.disconnected());
            drop(reader);
        }
        assert!(handle.disconnected());
        assert_eq!(handle.info().state, State::Disconnected);
        let (mut reader, mut writer) = theirs.split();
        assert!(matches!(writer.write(b"x"), Err(WriteError::PeerClosed)));
        assert_eq!(drain(&mut reader).unwrap(), b"bye");
    }
}

fn assert_lost(channel: &mut Channel, before: &[u8]) {
    let (read, error) = drain(channel.reader_mut()).unwrap_err();
    assert_eq!(read, before, "what did arrive is read first");
    assert!(matches!(error, ReadError::PeerLost(_)), "{error:?}");
    // It stays lost.
    assert!(matches!(
        channel.read(&mut [0; 8]),
        Err(ReadError::PeerLost(_))
    ));
    assert!(matches!(
        channel.try_read(&mut [0; 8]),
        Err(ReadError::PeerLost(_))
    ));
    let write = channel.write(b"x");
    assert!(matches!(write, Err(WriteError::PeerLost(_))), "{write:?}");
    assert_eq!(channel.handle().info().state, State::PeerLost);
    assert!(channel.disconnected());
}

// shows C6, C7: a drop while the thread panics is an abort, whatever half it is.
#[test]
fn a_drop_in_a_panic_aborts() {
    for what in ["both", "reader", "writer"] {
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"before").unwrap();
        match what {
            "both" => panic_with(ours),
            half => {
                let (mut reader, mut writer) = ours.split();
                // The half that lives elsewhere is of no more use here either.
                if half == "reader" {
                    panic_with(reader);
                    let write = writer.write(b"x");
                    assert!(matches!(write, Err(WriteError::Disconnected)), "{write:?}");
                } else {
                    panic_with(writer);
                    let read = reader.read(&mut [0; 8]);
                    assert!(matches!(read, Err(ReadError::Disconnected)), "{read:?}");
                }
            }
        }
        assert_lost(&mut theirs, b"before");
    }
}

// shows C6: abort through a handle; readers that wait are told of the loss.
#[test]
fn an_abort_wakes_and_tells_of_the_loss() {
    let (ours, theirs) = pair();
    let handle = ours.handle();
    let read = blocked(move || {
        let mut theirs = theirs;
        (theirs.read(&mut [0; 8]), theirs)
    });
    handle.abort();
    let (result, mut theirs) = read.returns();
    assert!(matches!(result, Err(ReadError::PeerLost(_))), "{result:?}");
    assert_lost(&mut theirs, b"");

    let (ours, mut theirs) = pair_of(16);
    theirs.write_all(&[0; 16]).unwrap();
    let handle = ours.handle();
    let write = blocked(move || theirs.write(b"x"));
    handle.abort();
    let result = write.returns();
    assert!(matches!(result, Err(WriteError::PeerLost(_))), "{result:?}");
}

// shows C6: the first end counts, whatever comes after it.
#[test]
fn an_abort_after_an_orderly_end_changes_nothing() {
    let (ours, mut theirs) = pair();
    ours.disconnect();
    ours.handle().abort();
    panic_with(ours);
    assert_eq!(drain(theirs.reader_mut()).unwrap(), b"");
    assert!(matches!(theirs.write(b"x"), Err(WriteError::PeerClosed)));
}

// shows C6: a loss after a clean half-close: the stream that ended well ended well.
#[test]
fn a_finished_stream_stays_finished_after_an_abort() {
    let (mut ours, mut theirs) = pair();
    ours.write_all(b"whole").unwrap();
    ours.finish().unwrap();
    assert_eq!(drain(theirs.reader_mut()).unwrap(), b"whole");
    ours.handle().abort();
    let write = theirs.write(b"x");
    assert!(matches!(write, Err(WriteError::PeerLost(_))), "{write:?}");
}

// shows C7: handles outlive the channel, and do not keep it open.
#[test]
fn a_handle_does_not_keep_a_channel_open() {
    let (ours, mut theirs) = pair();
    let (handle, again) = (ours.handle(), ours.handle().clone());
    drop(ours);
    assert_eq!(theirs.read(&mut [0; 1]).unwrap(), 0);
    assert!(handle.disconnected());
    again.disconnect();
    handle.abort();
    assert_eq!(theirs.read(&mut [0; 1]).unwrap(), 0);
}

// shows C7: halves of one channel go together again, others do not.
#[test]
fn unsplit() {
    let (ours, theirs) = pair();
    let ((r1, w1), (r2, w2)) = (ours.split(), theirs.split());
    let (r1, w2) = Channel::unsplit(r1, w2).unwrap_err();
    let mut ours = Channel::unsplit(r1, w1).unwrap();
    let mut theirs = Channel::unsplit(r2, w2).unwrap();
    let sent = pattern_bytes(0, 100);
    ours.write_all(&sent).unwrap();
    let mut got = [0; 100];
    theirs.read_exact(&mut got).unwrap();
    assert_eq!(sent, got);
}

// shows C7: catching the panic of a drop elsewhere leaves other channels alone.
#[test]
fn a_panic_that_holds_no_channel_harms_none() {
    let (mut ours, mut theirs) = pair();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        ours.write_all(b"in between").unwrap();
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(caught.is_err());
    drop(ours);
    assert_eq!(drain(theirs.reader_mut()).unwrap(), b"in between");
}
