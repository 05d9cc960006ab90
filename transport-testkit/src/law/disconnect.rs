//! C4 and C8: disconnecting loses nothing that was written, and ends everything else.

use std::io;

use channel::{Channel, ReadError, State, WriteAllError, WriteError};

use crate::suite::streams::{expect, expect_all, fill, read_to_end, until_refused};
use crate::suite::support::{block_on, blocked, bytes, eventually, go};
use crate::suite::world::World;

pub(crate) fn c4_bytes_before_disconnect_stay_readable(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 5000)).unwrap();
    theirs.disconnect();
    expect_all(ours.reader_mut(), 1, 5000);
    ours.disconnect();
    // The other way round.
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 5000)).unwrap();
    ours.disconnect();
    expect_all(theirs.reader_mut(), 1, 5000);
}

pub(crate) fn c4_the_last_byte_stays_readable(w: &World) {
    let place = w.place();
    for length in 1..40 {
        let (mut ours, mut theirs) = place.meet(1);
        let (writer, reader) = match length % 2 {
            0 => (&mut ours, &mut theirs),
            _ => (&mut theirs, &mut ours),
        };
        writer.write_all(&bytes(1, 0, length)).unwrap();
        match length % 3 {
            0 => writer.disconnect(),
            1 => writer.handle().disconnect(),
            _ => {
                writer.finish().unwrap();
                writer.disconnect();
            }
        }
        expect_all(reader.reader_mut(), 1, length);
    }
}

pub(crate) fn c4_full_buffers_stay_readable(w: &World) {
    for drops in [false, true] {
        let (mut ours, mut theirs) = w.pair();
        let filled = fill(theirs.writer_mut(), 1, 0);
        if drops {
            drop(theirs);
        } else {
            theirs.disconnect();
        }
        expect_all(ours.reader_mut(), 1, filled);
    }
}

fn all_local_calls_fail(channel: &mut Channel) {
    let mut buf = [0; 4];
    assert!(channel.disconnected());
    assert_eq!(channel.info().state, State::Disconnected);
    let reads = [
        channel.read(&mut buf),
        channel.try_read(&mut buf),
        channel.read_timeout(&mut buf, std::time::Duration::from_millis(1)),
        block_on(channel.read_async(&mut buf)),
        channel.reader_mut().fill_buf().map(<[u8]>::len),
        channel.read(&mut []),
    ];
    for read in reads {
        assert!(matches!(read, Err(ReadError::Disconnected)), "{read:?}");
    }
    let writes = [
        channel.write(b"x"),
        channel.try_write(b"x"),
        channel.write_timeout(b"x", std::time::Duration::from_millis(1)),
        block_on(channel.write_async(b"x")),
        channel.write(b""),
    ];
    for write in writes {
        assert!(matches!(write, Err(WriteError::Disconnected)), "{write:?}");
    }
    let (flush, finish) = (channel.flush(), channel.finish());
    assert!(matches!(flush, Err(WriteError::Disconnected)), "{flush:?}");
    assert!(
        matches!(finish, Err(WriteError::Disconnected)),
        "{finish:?}"
    );
}

pub(crate) fn c4_local_calls_fail_at_once(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(b"unread").unwrap();
    eventually("the bytes lie there", || {
        ours.reader_mut().try_fill_buf().is_ok()
    });
    ours.disconnect();
    all_local_calls_fail(&mut ours);
    // Any number of times, also through a handle.
    ours.disconnect();
    ours.handle().disconnect();
    all_local_calls_fail(&mut ours);
}

pub(crate) fn c4_writes_of_the_far_side_fail(w: &World) {
    for drops in [false, true] {
        let (ours, mut theirs) = w.pair();
        let mut kept = None;
        if drops {
            drop(ours);
        } else {
            ours.disconnect();
            kept = Some(ours);
        }
        let error = until_refused(theirs.writer_mut());
        assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
        // They go on failing, in every form.
        for write in [theirs.write(b"x"), theirs.try_write(b"x")] {
            assert!(matches!(write, Err(WriteError::PeerClosed)), "{write:?}");
        }
        let cut = theirs.write_all(b"xyz");
        assert!(
            matches!(
                cut,
                Err(WriteAllError {
                    written: 0,
                    error: WriteError::PeerClosed
                })
            ),
            "{cut:?}"
        );
        expect_all(theirs.reader_mut(), 0, 0);
        assert!(theirs.disconnected(), "nothing is left to be used");
        drop(kept);
    }
}

pub(crate) fn c4_from_any_thread_any_number_of_times(w: &World) {
    let (ours, mut theirs) = w.pair();
    let (reader, mut writer) = ours.split();
    writer.write_all(&bytes(1, 0, 3000)).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = reader.handle();
            go(move || {
                for _ in 0..50 {
                    handle.disconnect();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join("a disconnect");
    }
    expect_all(theirs.reader_mut(), 1, 3000);
    assert!(writer.write(b"x").is_err());
}

pub(crate) fn c4_write_all_tells_how_much_it_wrote(w: &World) {
    let (ours, mut theirs) = w.pair_of(4096);
    let handle = ours.handle();
    let length = 8 * w.large();
    let write = blocked(move || {
        let mut ours = ours;
        (ours.write_all(&bytes(1, 0, length)), ours)
    });
    expect(theirs.reader_mut(), 1, 0, 1000);
    handle.disconnect();
    let (result, ours) = write.join("a write_all that was cut short");
    let cut = result.unwrap_err();
    assert!(matches!(cut.error, WriteError::Disconnected), "{cut:?}");
    let (_reader, rest, error) = read_rest(theirs, 1000);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        rest, cut.written,
        "bytes read, bytes that write_all reported"
    );
    drop(ours);
    let error = io::Error::from(cut);
    let ours = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<WriteAllError>());
    assert_eq!(
        ours.map(|cut| cut.written),
        Some(rest),
        "the count in the io::Error"
    );
}

/// Reads the rest of stream 1, of which `at` bytes were read: how many in all, and how it ended.
fn read_rest(channel: Channel, at: usize) -> (Channel, usize, Option<ReadError>) {
    let mut channel = channel;
    let mut buf = vec![0; 10_000];
    let mut total = at;
    loop {
        match channel.read(&mut buf) {
            Ok(0) => return (channel, total, None),
            Ok(n) => {
                crate::suite::streams::check(1, total, &buf[..n]);
                total += n;
            }
            Err(error) => return (channel, total, Some(error)),
        }
    }
}

pub(crate) fn c4_a_far_disconnect_cuts_write_all_with_its_count(w: &World) {
    let (ours, mut theirs) = w.pair_of(4096);
    let length = 8 * w.large();
    let write = blocked(move || {
        let mut ours = ours;
        (ours.write_all(&bytes(1, 0, length)), ours)
    });
    expect(theirs.reader_mut(), 1, 0, 1000);
    theirs.disconnect();
    let (result, mut ours) = write.join("a write_all whose peer has left");
    let cut = result.unwrap_err();
    assert!(matches!(cut.error, WriteError::PeerClosed), "{cut:?}");
    assert!(
        (1000..length).contains(&cut.written),
        "{} bytes reported, 1000 of {length} were read",
        cut.written
    );
    let (read, error) = read_to_end(ours.reader_mut(), 2);
    assert!(read == 0 && error.is_none(), "{read} bytes, {error:?}");
}

pub(crate) fn c8_unread_bytes_cost_nothing_outbound(w: &World) {
    for (length, drops) in [(1, true), (60_000, true), (60_000, false)] {
        let (mut ours, mut theirs) = w.pair();
        theirs.write_all(&bytes(2, 0, length)).unwrap();
        ours.write_all(&bytes(1, 0, length)).unwrap();
        // They have arrived, and nobody reads them.
        eventually("unread bytes lie there", || {
            ours.reader_mut().try_fill_buf().is_ok()
        });
        let mut kept = None;
        if drops {
            drop(ours);
        } else {
            ours.disconnect();
            kept = Some(ours);
        }
        expect_all(theirs.reader_mut(), 1, length);
        drop(kept);
    }
}

pub(crate) fn c8_a_flood_from_the_peer_costs_nothing_outbound(w: &World) {
    let (mut ours, theirs) = w.pair();
    let (mut reader, mut writer) = theirs.split();
    let filled = fill(ours.writer_mut(), 1, 0);
    // It writes as fast as it can, before the disconnect and after it.
    let flood = go(move || until_refused(&mut writer));
    eventually("some of the flood lies there", || {
        ours.reader_mut().try_fill_buf().is_ok()
    });
    drop(ours);
    expect_all(&mut reader, 1, filled);
    let error = flood.join("the flood");
    assert!(matches!(error, WriteError::PeerClosed), "{error:?}");
}

pub(crate) fn c8_both_leave_with_unread_bytes(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    ours.write_all(&bytes(1, 0, 30_000)).unwrap();
    theirs.write_all(&bytes(2, 0, 30_000)).unwrap();
    ours.disconnect();
    // It has left with bytes unread; this side reads all of its, and leaves too.
    expect_all(theirs.reader_mut(), 1, 30_000);
    theirs.disconnect();
    let read = ours.read(&mut [0; 8]);
    assert!(matches!(read, Err(ReadError::Disconnected)), "{read:?}");
}
