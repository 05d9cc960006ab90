//! C4: a disconnect wakes every blocked call of both sides.

use std::task::{Context, Poll};

use channel::{ReadError, WriteError};

use crate::suite::streams::{expect, fill, fill_until, write_until_refused};
use crate::suite::support::{blocked, counter, eventually};
use crate::suite::world::World;

pub(crate) fn c4_a_local_disconnect_wakes_a_read(w: &World) {
    let (mut ours, _theirs) = w.pair();
    let handle = ours.handle();
    let read = blocked(move || ours.read(&mut [0; 8]));
    handle.disconnect();
    let result = read.join("a read whose own side disconnected");
    assert!(matches!(result, Err(ReadError::Disconnected)), "{result:?}");
}

pub(crate) fn c4_a_far_disconnect_wakes_a_read(w: &World) {
    let (mut ours, theirs) = w.pair();
    let read = blocked(move || ours.read(&mut [0; 8]));
    theirs.disconnect();
    let result = read.join("a read whose peer disconnected");
    assert!(matches!(result, Ok(0)), "{result:?}");
}

pub(crate) fn c4_a_local_disconnect_wakes_a_write(w: &World) {
    let (_ours, mut theirs) = w.pair_of(256);
    fill(theirs.writer_mut(), 1, 0);
    let handle = theirs.handle();
    let write = blocked(move || write_until_refused(theirs.writer_mut()));
    handle.disconnect();
    let error = write.join("a write whose own side disconnected");
    assert!(matches!(error, WriteError::Disconnected), "{error:?}");
}

pub(crate) fn c4_a_far_disconnect_wakes_a_write(w: &World) {
    let (ours, mut theirs) = w.pair_of(256);
    fill(theirs.writer_mut(), 1, 0);
    let write = blocked(move || write_until_refused(theirs.writer_mut()));
    ours.disconnect();
    let error = write.join("a write whose peer disconnected");
    assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
}

pub(crate) fn c4_a_disconnect_wakes_other_blocking_calls(w: &World) {
    for local in [true, false] {
        let (mut ours, theirs) = w.pair();
        let handles = (ours.handle(), theirs.handle());
        let exact = blocked(move || ours.read_exact(&mut [0; 8]));
        if local {
            handles.0.disconnect();
        } else {
            handles.1.disconnect();
        }
        let cut = exact.join("a read_exact").unwrap_err();
        match local {
            true => assert!(
                matches!(cut.error, Some(ReadError::Disconnected)),
                "{cut:?}"
            ),
            false => assert!(cut.error.is_none(), "{cut:?}"),
        }
        let (mut ours, theirs) = w.pair();
        let handles = (ours.handle(), theirs.handle());
        let lent = blocked(move || ours.reader_mut().fill_buf().map(<[u8]>::len));
        if local {
            handles.0.disconnect();
        } else {
            handles.1.disconnect();
        }
        let lent = lent.join("a fill_buf");
        match local {
            true => assert!(matches!(lent, Err(ReadError::Disconnected)), "{lent:?}"),
            false => assert!(matches!(lent, Ok(0)), "{lent:?}"),
        }
    }
}

pub(crate) fn c4_a_limit_does_not_delay_the_news(w: &World) {
    // A blocked call with a long time limit is woken as well as one without.
    let (mut ours, mut theirs) = w.pair_of(256);
    fill(theirs.writer_mut(), 1, 0);
    let handle = theirs.handle();
    let (mut reader, mut writer) = theirs.split();
    let read = blocked(move || reader.read_timeout(&mut [0; 8], std::time::Duration::MAX));
    let write = blocked(move || {
        loop {
            // A carrier may have found a little more room.
            if let Err(error) = writer.write_timeout(b"x", std::time::Duration::MAX) {
                return error;
            }
        }
    });
    handle.disconnect();
    let result = read.join("a read with a limit");
    assert!(matches!(result, Err(ReadError::Disconnected)), "{result:?}");
    let error = write.join("a write with a limit");
    assert!(matches!(error, WriteError::Disconnected), "{error:?}");
    ours.reader_mut().fill_buf().unwrap();
}

pub(crate) fn c4_a_disconnect_wakes_futures_of_both_sides(w: &World) {
    let (ours, theirs) = w.pair_of(256);
    let (mut our_reader, mut our_writer) = ours.split();
    let (mut their_reader, _their_writer) = theirs.split();
    let wakers: Vec<_> = (0..3).map(|_| counter()).collect();
    let mut cx: Vec<_> = wakers.iter().map(|(_, w)| Context::from_waker(w)).collect();
    let mut buf = [0; 8];
    assert!(our_reader.poll_read(&mut cx[0], &mut buf).is_pending());
    let filled = fill_until(&mut our_writer, 1, |writer, next| {
        match writer.poll_write(&mut cx[1], next) {
            Poll::Ready(result) => Some(result.unwrap()),
            Poll::Pending => None,
        }
    });
    our_reader.handle().disconnect();
    for (wakes, _) in &wakers[..2] {
        eventually("a future of the own side is woken", || wakes.count() > 0);
    }
    assert!(matches!(
        our_reader.poll_read(&mut cx[0], &mut buf),
        Poll::Ready(Err(ReadError::Disconnected))
    ));
    assert!(matches!(
        our_writer.poll_write(&mut cx[1], b"x"),
        Poll::Ready(Err(WriteError::Disconnected))
    ));
    expect(&mut their_reader, 1, 0, filled);
    // Only the end is left: it is there already, or its news wakes.
    let mut seen = 0;
    let end = loop {
        if let Poll::Ready(end) = their_reader.poll_read(&mut cx[2], &mut buf) {
            break end;
        }
        eventually("a future of the far side is woken", || {
            wakers[2].0.count() > seen
        });
        seen = wakers[2].0.count();
    };
    assert!(matches!(end, Ok(0)), "{end:?}");
}
