//! B2: many channels at once, without interference.

use channel::ReadError;

use crate::suite::streams::{expect, expect_all, fill};
use crate::suite::support::{bytes, left};
use crate::suite::world::{World, talk};

pub(crate) fn b2_many_channels_at_once(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(4096));
    let count = w.subject.many();
    let mut all: Vec<_> = (0..count).map(|i| place.meet((i % 3) as u16)).collect();
    assert_eq!(place.server.channels().len(), count);
    for (i, (ours, theirs)) in all.iter_mut().enumerate() {
        theirs.write_all(&bytes(i as u64, 0, 100)).unwrap();
        ours.write_all(&bytes(i as u64, 0, 100)).unwrap();
    }
    // In another order than they were written.
    for (i, (ours, theirs)) in all.iter_mut().enumerate().rev() {
        expect(ours.reader_mut(), i as u64, 0, 100);
        expect(theirs.reader_mut(), i as u64, 0, 100);
    }
    for (i, (ours, theirs)) in all.into_iter().enumerate() {
        let (mut stays, leaves) = match i % 2 {
            0 => (ours, theirs),
            _ => (theirs, ours),
        };
        drop(leaves);
        expect_all(stays.reader_mut(), 0, 0);
    }
}

pub(crate) fn b2_a_stalled_channel_stalls_no_other(w: &World) {
    let place = w.place();
    let (mut stalled, mut full) = place.meet(1);
    let (mut ours, mut theirs) = place.meet(1);
    let there = fill(full.writer_mut(), 1, 0);
    let back = fill(stalled.writer_mut(), 2, 0);
    // Its neighbour of the same listener does what it did before, also with a lot of bytes.
    let length = w.large();
    let (mut reader, writer) = ours.split();
    let writing = crate::suite::support::go(move || {
        theirs
            .write_all_timeout(&bytes(3, 0, length), left())
            .map(|()| theirs)
    });
    expect(&mut reader, 3, 0, length);
    theirs = writing.join("a writer beside a stalled channel").unwrap();
    ours = channel::Channel::unsplit(reader, writer).unwrap();
    talk(&mut ours, &mut theirs);
    // New ones come.
    place.serves(1);
    // Nothing of the stalled one was lost.
    expect(stalled.reader_mut(), 1, 0, there);
    expect(full.reader_mut(), 2, 0, back);
}

pub(crate) fn b2_one_that_ends_ends_no_other(w: &World) {
    let place = w.place();
    let (mut ours, mut theirs) = place.meet(1);
    for way in 0..5 {
        let (a, mut b) = place.meet(1);
        b.write_all(b"unread").unwrap();
        match way {
            0 => drop((a, b)),
            1 => a.disconnect(),
            2 => a.handle().abort(),
            3 => b.handle().abort(),
            _ => {
                let (reader, writer) = a.split();
                drop(reader);
                drop(writer);
                assert_eq!(b.read(&mut [0; 1]).unwrap(), 0);
            }
        }
        talk(&mut ours, &mut theirs);
        talk(&mut theirs, &mut ours);
    }
    let nothing = ours.try_read(&mut [0; 1]);
    assert!(matches!(nothing, Err(ReadError::WouldBlock)), "{nothing:?}");
}

pub(crate) fn b2_channels_come_and_go(w: &World) {
    let place = w.place();
    let (mut ours, mut theirs) = place.meet(1);
    for round in 0..w.subject.many() {
        let (mut a, mut b) = place.meet(2);
        b.write_all(&bytes(1, 0, round)).unwrap();
        drop(b);
        expect_all(a.reader_mut(), 1, round);
    }
    talk(&mut ours, &mut theirs);
}
