//! C2, C5, C6: what is over stays over, and nothing is over while bytes are left.

use std::io::IoSliceMut;

use channel::{Channel, ReadError, State, WriteError};

use super::lost::is_a_loss_for_writes;
use crate::suite::streams::{expect_all, until_refused};
use crate::suite::support::{block_on, bytes, eventually, left};
use crate::suite::world::World;

/// How often what is over is asked.
const OFTEN: usize = 20;

/// What reads say, in every form.
fn reads(channel: &mut Channel) -> [Result<usize, ReadError>; 7] {
    let mut buf = [0; 8];
    let (mut a, mut b) = ([0; 4], [0; 4]);
    let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
    [
        channel.read(&mut buf),
        channel.try_read(&mut buf),
        channel.read_timeout(&mut buf, left()),
        block_on(channel.read_async(&mut buf)),
        channel.reader_mut().read_vectored(&mut parts),
        channel.reader_mut().fill_buf().map(<[u8]>::len),
        channel.reader_mut().try_fill_buf().map(<[u8]>::len),
    ]
}

/// What writes say, in every form.
fn writes(channel: &mut Channel) -> [Result<usize, WriteError>; 5] {
    [
        channel.write(b"x"),
        channel.try_write(b"x"),
        channel.write_timeout(b"x", left()),
        block_on(channel.write_async(b"x")),
        channel.write_all(b"x").map(|()| 1).map_err(|cut| cut.error),
    ]
}

pub(crate) fn c2_an_end_is_an_end_for_everybody(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 5)).unwrap();
    theirs.finish().unwrap();
    expect_all(ours.reader_mut(), 1, 5);
    for i in 0..OFTEN {
        for (form, end) in reads(&mut ours).into_iter().enumerate() {
            assert!(matches!(end, Ok(0)), "time {i}, form {form}: {end:?}");
        }
        let cut = ours.read_exact(&mut [0; 8]).unwrap_err();
        assert!(cut.error.is_none() && cut.read == 0, "time {i}: {cut:?}");
    }
}

pub(crate) fn c6_a_loss_is_a_loss_for_everybody(w: &World) {
    let mut aborted = None;
    is_a_loss_for_writes(w, || {
        let (mut ours, theirs) = w.pair();
        theirs.handle().abort();
        let error = until_refused(ours.writer_mut());
        aborted = Some((ours, theirs));
        error
    });
    let (mut ours, _theirs) = aborted.expect("it was tried");
    for i in 0..OFTEN {
        for (form, lost) in reads(&mut ours).into_iter().enumerate() {
            assert!(
                matches!(lost, Err(ReadError::PeerLost(_))),
                "time {i}, form {form}: {lost:?}"
            );
        }
        for (form, lost) in writes(&mut ours).into_iter().enumerate() {
            assert!(
                matches!(lost, Err(WriteError::PeerLost(_))),
                "time {i}, form {form}: {lost:?}"
            );
        }
        assert_eq!(ours.info().state, State::PeerLost, "time {i}");
    }
}

pub(crate) fn c5_nothing_has_ended_while_bytes_are_unread(w: &World) {
    for finishes in [false, true] {
        let (mut ours, mut theirs) = w.pair();
        theirs.write_all(&bytes(1, 0, 100)).unwrap();
        match finishes {
            true => theirs.finish().unwrap(),
            false => theirs.disconnect(),
        }
        for at in 0..100 {
            let state = ours.info().state;
            let open = matches!(state, State::Open | State::WriteEnded);
            assert!(
                open && !ours.disconnected(),
                "{state:?} after {at} of 100 bytes"
            );
            let mut buf = [0; 1];
            assert_eq!(ours.read(&mut buf).unwrap(), 1);
            assert_eq!(buf[..], bytes(1, at, 1));
        }
        expect_all(ours.reader_mut(), 0, 0);
        let state = match finishes {
            true => State::ReadEnded,
            false => State::PeerDisconnected,
        };
        eventually("the state tells of the end", || ours.info().state == state);
    }
}
