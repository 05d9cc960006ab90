//! C2: reads and writes move at least one byte and may move fewer than asked.

use std::io::{Read, Write};

use channel::WriteError;

use crate::suite::streams::{BOUNDLESS, check, expect, expect_all, fill, must_end};
use crate::suite::support::{blocked, bytes, go, left};
use crate::suite::world::World;

pub(crate) fn c2_a_read_takes_what_is_there(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 10)).unwrap();
    // Larger than what will ever come: it must not wait for more.
    let (mut buf, mut at) = ([0; 1000], 0);
    while at < 10 {
        let n = ours.read(&mut buf).unwrap();
        assert!(
            (1..=10 - at).contains(&n),
            "a read of {n} bytes after {at} of 10"
        );
        check(1, at, &buf[..n]);
        at += n;
    }
}

pub(crate) fn c2_a_read_blocks_until_a_byte_comes(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let read = blocked(move || {
        let mut buf = [0; 8];
        let n = ours.read(&mut buf);
        (n, buf)
    });
    assert!(
        !read.is_over(),
        "a read returned though nothing was written"
    );
    theirs.write_all(&bytes(1, 0, 1)).unwrap();
    let (n, buf) = read.join("a read for which a byte came");
    assert_eq!(n.unwrap(), 1);
    check(1, 0, &buf[..1]);
}

pub(crate) fn c2_a_write_blocks_until_a_byte_fits(w: &World) {
    let (ours, mut theirs) = w.pair_of(256);
    let (mut our_reader, _our_writer) = ours.split();
    let mut filled = fill(theirs.writer_mut(), 1, 0);
    let write = loop {
        let write = blocked(move || (theirs.write(&bytes(1, filled, 100)), theirs));
        if !write.is_over() {
            break write;
        }
        // A carrier may find a little more room; in the end there is none.
        let n;
        (n, theirs) = write.join("a write that was over");
        filled += n.unwrap();
        must_end(filled);
    };
    // All of it: a carrier may tell of room only when there is a lot.
    expect(&mut our_reader, 1, 0, filled);
    let (n, _theirs) = write.join("a write for which there is room");
    let n = n.unwrap();
    assert!((1..=100).contains(&n), "{n} bytes of 100 were taken");
    expect(&mut our_reader, 1, filled, n);
}

pub(crate) fn c2_a_write_tells_how_much_it_took(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let data = bytes(1, 0, 4 * w.large());
    let n = theirs.write(&data).unwrap();
    assert!((1..=data.len()).contains(&n), "{n} bytes were taken");
    drop(theirs);
    expect_all(ours.reader_mut(), 1, n);
}

pub(crate) fn c2_a_write_of_any_size_is_taken_in_the_end(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let length = 2 * w.large();
    let writing = go(move || theirs.write_all(&bytes(1, 0, length)).map(|()| theirs));
    expect(ours.reader_mut(), 1, 0, length);
    writing.join("the write").unwrap();
}

pub(crate) fn c2_what_nobody_reads_is_bounded(w: &World) {
    let (_ours, mut theirs) = w.pair_of(256);
    let data = vec![0; 64 << 10];
    let mut taken = 0;
    loop {
        match theirs.try_write(&data) {
            Ok(n) => taken += n,
            Err(WriteError::WouldBlock) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(
            taken < BOUNDLESS,
            "{taken} bytes were taken and nobody reads"
        );
    }
}

pub(crate) fn c2_empty_buffers_move_nothing(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    assert_eq!(
        ours.read(&mut []).unwrap(),
        0,
        "with nothing there it does not wait"
    );
    assert_eq!(theirs.write(&[]).unwrap(), 0);
    theirs.write_all(&[]).unwrap();
    theirs.write_all(&bytes(1, 0, 3)).unwrap();
    assert_eq!(theirs.write(&[]).unwrap(), 0);
    assert_eq!(ours.read(&mut []).unwrap(), 0);
    theirs.finish().unwrap();
    // An empty write is no end, and no byte.
    expect_all(ours.reader_mut(), 1, 3);
}

pub(crate) fn c2_nothing_waits_for_a_flush(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    for at in 0..20 {
        theirs.write_all(&bytes(1, at, 1)).unwrap();
        expect(ours.reader_mut(), 1, at, 1);
    }
    theirs.flush().unwrap();
}

pub(crate) fn c2_the_end_stays_the_end(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 5)).unwrap();
    theirs.finish().unwrap();
    expect_all(ours.reader_mut(), 1, 5);
    for _ in 0..3 {
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(ours.try_read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(ours.read_timeout(&mut [0; 8], left()).unwrap(), 0);
        assert!(ours.reader_mut().fill_buf().unwrap().is_empty());
    }
    drop(theirs);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
}

pub(crate) fn c2_the_traits_of_std_work(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let length = w.large() / 2;
    let writing = go(move || {
        let mut from = &bytes(1, 0, length)[..];
        let copied = std::io::copy(&mut from, &mut theirs).unwrap();
        Write::flush(&mut theirs).unwrap();
        copied
    });
    let mut all = Vec::new();
    Read::read_to_end(&mut ours, &mut all).unwrap();
    assert_eq!(all.len(), length);
    check(1, 0, &all);
    assert_eq!(writing.join("the writer"), length as u64);
}
