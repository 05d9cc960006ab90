//! Disconnecting: what each side sees, whatever it is doing at that moment.

mod support;

use std::io;
use std::task::{Context, Poll};
use std::thread;

use channel::{Channel, ReadError, State, WriteAllError, WriteError};
use support::thread_state::blocked;
use support::{block_on, counter, drain, pair, pair_of, pattern_bytes, within};

fn assert_all_local_calls_fail(channel: &mut Channel) {
    let mut buf = [0; 4];
    assert!(channel.disconnected());
    assert!(matches!(
        channel.read(&mut buf),
        Err(ReadError::Disconnected)
    ));
    assert!(matches!(
        channel.try_read(&mut buf),
        Err(ReadError::Disconnected)
    ));
    assert!(matches!(
        channel.read(&mut []),
        Err(ReadError::Disconnected)
    ));
    let (reader, writer) = channel.halves_mut();
    assert!(matches!(reader.fill_buf(), Err(ReadError::Disconnected)));
    assert!(matches!(
        reader.try_fill_buf(),
        Err(ReadError::Disconnected)
    ));
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    assert!(matches!(
        reader.poll_read(&mut cx, &mut buf),
        Poll::Ready(Err(ReadError::Disconnected))
    ));
    assert!(matches!(
        block_on(reader.read_async(&mut buf)),
        Err(ReadError::Disconnected)
    ));
    assert!(matches!(
        reader.read_exact(&mut buf).unwrap_err().error,
        Some(ReadError::Disconnected)
    ));
    assert!(matches!(writer.write(b"x"), Err(WriteError::Disconnected)));
    assert!(matches!(
        writer.try_write(b"x"),
        Err(WriteError::Disconnected)
    ));
    assert!(matches!(
        writer.poll_write(&mut cx, b"x"),
        Poll::Ready(Err(WriteError::Disconnected))
    ));
    assert!(matches!(
        block_on(writer.write_async(b"x")),
        Err(WriteError::Disconnected)
    ));
    assert!(matches!(
        writer.write_all(b"xyz"),
        Err(WriteAllError {
            written: 0,
            error: WriteError::Disconnected
        })
    ));
    assert!(matches!(writer.flush(), Err(WriteError::Disconnected)));
    assert!(matches!(writer.finish(), Err(WriteError::Disconnected)));
    assert_eq!(channel.handle().info().state, State::Disconnected);
}

// shows C4: after the local disconnect every local call fails at once, even with bytes unread.
#[test]
fn local_calls_fail_at_once() {
    within("local calls", || {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"unread").unwrap();
        ours.disconnect();
        assert_all_local_calls_fail(&mut ours);
        // Any number of times, also through a handle.
        ours.disconnect();
        ours.handle().disconnect();
        ours.handle().abort();
        assert_all_local_calls_fail(&mut ours);
    });
}

// shows C4: the far side drains, then gets end of stream, and its writes fail.
#[test]
fn the_far_side_drains_then_ends() {
    within("drain", || {
        let (ours, mut theirs) = pair();
        let sent = pattern_bytes(0, 5000);
        let (reader, mut writer) = ours.split();
        writer.write_all(&sent).unwrap();
        reader.handle().disconnect();
        assert!(!theirs.disconnected(), "there is something to read yet");
        assert!(matches!(theirs.write(b"x"), Err(WriteError::PeerClosed)));
        assert_eq!(drain(theirs.reader_mut()).unwrap(), sent);
        // The end stays the end.
        for _ in 0..3 {
            assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
            assert_eq!(theirs.try_read(&mut [0; 8]).unwrap(), 0);
            assert!(theirs.reader_mut().fill_buf().unwrap().is_empty());
        }
        assert!(theirs.disconnected());
        assert_eq!(theirs.handle().info().state, State::PeerDisconnected);
        assert!(matches!(
            theirs.write_all(b"xyz"),
            Err(WriteAllError {
                written: 0,
                error: WriteError::PeerClosed
            })
        ));
    });
}

// shows C4, C8: disconnecting with unread inbound bytes destroys nothing outbound.
#[test]
fn unread_inbound_bytes_cost_nothing_outbound() {
    within("unread", || {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(&[7; 60_000]).unwrap();
        let sent = pattern_bytes(9, 60_000);
        ours.write_all(&sent).unwrap();
        drop(ours);
        assert_eq!(drain(theirs.reader_mut()).unwrap(), sent);
    });
}

// shows C4: a blocked read is woken, by its own side and by the far side.
#[test]
fn a_blocked_read_is_woken() {
    for local in [true, false] {
        let (ours, theirs) = pair();
        let (ours_handle, theirs_handle) = (ours.handle(), theirs.handle());
        let read = blocked(move || {
            let mut ours = ours;
            (ours.read(&mut [0; 8]), ours)
        });
        if local {
            ours_handle.disconnect();
        } else {
            theirs_handle.disconnect();
        }
        let (result, _ours) = read.returns();
        match local {
            true => assert!(matches!(result, Err(ReadError::Disconnected)), "{result:?}"),
            false => assert!(matches!(result, Ok(0)), "{result:?}"),
        }
    }
}

// shows C4: every other blocking form of reading is woken too.
#[test]
fn blocked_fill_and_exact_reads_are_woken() {
    let (ours, mut theirs) = pair();
    let handle = ours.handle();
    theirs.write_all(b"abc").unwrap();
    let read = blocked(move || {
        let mut ours = ours;
        let mut buf = [0; 8];
        (ours.read_exact(&mut buf), buf)
    });
    handle.disconnect();
    let (result, buf) = read.returns();
    let error = result.unwrap_err();
    assert_eq!((error.read, error.wanted, &buf[..3]), (3, 8, &b"abc"[..]));
    assert!(matches!(error.error, Some(ReadError::Disconnected)));

    let (ours, theirs) = pair();
    let fill = blocked(move || {
        let mut ours = ours;
        ours.reader_mut().fill_buf().map(<[u8]>::to_vec)
    });
    theirs.disconnect();
    assert_eq!(fill.returns().unwrap(), b"");
}

// shows C4: a blocked write is woken, by its own side and by the far side.
#[test]
fn a_blocked_write_is_woken() {
    for local in [true, false] {
        let (mut ours, theirs) = pair_of(64);
        let (ours_handle, theirs_handle) = (ours.handle(), theirs.handle());
        ours.write_all(&[1; 64]).unwrap();
        let write = blocked(move || {
            let mut ours = ours;
            (ours.write(&[2; 8]), ours)
        });
        if local {
            ours_handle.disconnect();
        } else {
            theirs_handle.disconnect();
        }
        let (result, _ours) = write.returns();
        match local {
            true => assert!(matches!(result, Err(WriteError::Disconnected))),
            false => assert!(matches!(result, Err(WriteError::PeerClosed))),
        }
    }
}

// shows C4: a call cut short reports how much it moved, also as payload of the io::Error.
#[test]
fn a_write_all_cut_short_tells_how_much() {
    for (local, kind) in [
        (true, io::ErrorKind::NotConnected),
        (false, io::ErrorKind::BrokenPipe),
    ] {
        let (ours, theirs) = pair_of(64);
        let (ours_handle, theirs_handle) = (ours.handle(), theirs.handle());
        let sent = pattern_bytes(0, 200);
        let bytes = sent.clone();
        let write = blocked(move || {
            let (_reader, mut writer) = ours.split();
            io::Write::write_all(&mut writer, &bytes)
        });
        if local {
            ours_handle.disconnect();
        } else {
            theirs_handle.disconnect();
        }
        let error = write.returns().unwrap_err();
        assert_eq!(error.kind(), kind);
        let payload: &WriteAllError = error.get_ref().unwrap().downcast_ref().unwrap();
        assert_eq!(payload.written, 64);
        assert!(error.to_string().contains("64 bytes"), "{error}");
        if local {
            let (mut reader, _writer) = theirs.split();
            assert_eq!(drain(&mut reader).unwrap(), &sent[..64]);
        }
    }
}

// shows C4: async calls that wait are woken, on both sides, by the same disconnect.
#[test]
fn waiting_futures_are_woken_on_both_sides() {
    let (ours, theirs) = pair_of(16);
    let (mut our_reader, mut our_writer) = ours.split();
    let (mut their_reader, mut their_writer) = theirs.split();
    our_writer.write_all(&[1; 16]).unwrap();
    their_writer.write_all(&[2; 16]).unwrap();
    let mut buf = [0; 16];
    our_reader.read_exact(&mut buf).unwrap();
    let wakers: Vec<_> = (0..3).map(|_| counter()).collect();
    let mut cx: Vec<_> = wakers
        .iter()
        .map(|(_, waker)| Context::from_waker(waker))
        .collect();
    assert!(our_reader.poll_read(&mut cx[0], &mut buf).is_pending());
    assert!(our_writer.poll_write(&mut cx[1], b"x").is_pending());
    their_reader.read_exact(&mut buf).unwrap();
    assert!(their_reader.poll_read(&mut cx[2], &mut buf).is_pending());
    let handle = our_reader.handle();
    thread::spawn(move || handle.disconnect()).join().unwrap();
    for (wakes, _) in &wakers {
        assert!(wakes.count() > 0, "a waiting call was not woken");
    }
    assert!(matches!(
        our_reader.poll_read(&mut cx[0], &mut buf),
        Poll::Ready(Err(ReadError::Disconnected))
    ));
    assert!(matches!(
        our_writer.poll_write(&mut cx[1], b"x"),
        Poll::Ready(Err(WriteError::Disconnected))
    ));
    assert!(matches!(
        their_reader.poll_read(&mut cx[2], &mut buf),
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(
        their_writer.try_write(b"x"),
        Err(WriteError::PeerClosed)
    ));
}
