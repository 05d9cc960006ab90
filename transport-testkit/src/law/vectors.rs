//! C1: many slices at once, what a partial consume leaves, and a very long stream.

use std::io::{IoSlice, IoSliceMut};

use crate::suite::streams::{check, expect_all};
use crate::suite::support::{Rng, bytes, go, left};
use crate::suite::world::World;

/// Cuts bytes into `count` slices of all lengths, empty ones in front, in the middle and at the back.
fn slices<'a>(mut data: &'a [u8], count: usize, rng: &mut Rng) -> Vec<IoSlice<'a>> {
    let mut all = Vec::new();
    for i in 0..count {
        let n = match (i + 1 == count, rng.below(4)) {
            (true, _) => data.len(),
            (_, 0) => 0,
            _ => rng.below(data.len() + 1) / 2,
        };
        let (slice, rest) = data.split_at(n);
        all.push(IoSlice::new(slice));
        data = rest;
    }
    let empty = [IoSlice::new(&[]), IoSlice::new(&[])];
    match rng.below(3) {
        0 => drop(all.splice(0..0, empty)),
        1 => all.extend(empty),
        _ => {}
    }
    all
}

pub(crate) fn c1_many_slices_are_written_in_order(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(4096);
    let mut rng = w.rng(0);
    let rounds = 200;
    let writing = go(move || {
        let mut at = 0;
        for round in 0..rounds {
            let n = 1 + rng.below(900);
            let data = bytes(1, at, n);
            let all = slices(&data, 1 + round % 40, &mut rng);
            let taken = theirs.writer_mut().write_vectored_timeout(&all, left());
            let taken = taken.unwrap();
            assert!((1..=n).contains(&taken), "{taken} of {n} bytes were taken");
            at += taken;
        }
        at
    });
    let mut all = Vec::new();
    std::io::Read::read_to_end(ours.reader_mut(), &mut all).unwrap();
    check(1, 0, &all);
    assert_eq!(all.len(), writing.join("the writer"), "read, and written");
}

pub(crate) fn c1_many_slices_are_filled_in_order(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(4096);
    let length = 100_000;
    let writing = go(move || theirs.write_all_timeout(&bytes(1, 0, length), left()));
    let mut rng = w.rng(0);
    let mut at = 0;
    for round in 0.. {
        // Of unequal lengths, the first one empty now and then, never all of them.
        let mut parts: Vec<_> = (0..1 + round % 20)
            .map(|i| match (i, round % 3) {
                (0, 0) => Vec::new(),
                _ => vec![0; rng.below(100)],
            })
            .collect();
        parts.push(vec![0; 1 + rng.below(50)]);
        let room: usize = parts.iter().map(Vec::len).sum();
        let mut out: Vec<_> = parts.iter_mut().map(|p| IoSliceMut::new(p)).collect();
        let n = ours.reader_mut().read_vectored(&mut out).unwrap();
        if n == 0 {
            break;
        }
        assert!(n <= room, "{n} bytes were read into {room}");
        check(1, at, &parts.concat()[..n]);
        at += n;
    }
    assert_eq!(at, length, "the end came after another number of bytes");
    writing.join("the writer").unwrap();
}

pub(crate) fn c1_what_was_not_consumed_stays_lent(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(4096);
    let length = 20_000;
    let writing = go(move || theirs.write_all_timeout(&bytes(1, 0, length), left()));
    let mut rng = w.rng(0);
    let (reader, mut at) = (ours.reader_mut(), 0);
    loop {
        let mut lent = reader.fill_buf().unwrap().to_vec();
        if lent.is_empty() {
            break;
        }
        check(1, at, &lent);
        for _ in 0..rng.below(4) {
            let n = rng.below(lent.len() + 1);
            reader.consume(n);
            lent.drain(..n);
            at += n;
            assert!(
                reader.buffer().starts_with(&lent),
                "{} bytes are lent after a partial consume, {} were left",
                reader.buffer().len(),
                lent.len()
            );
            // What has come since may be lent already.
            check(1, at, reader.buffer());
        }
    }
    assert_eq!(at, length, "the end came after another number of bytes");
    expect_all(reader, 0, 0);
    writing.join("the writer").unwrap();
}

/// Where a very long stream begins again: no power of two.
const PERIOD: usize = 65_521;

pub(crate) fn c1_a_very_long_stream_stays_whole(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    // More than 24 bits count, unless lines are slow.
    let length = 17 * w.large();
    let period = bytes(1, 0, PERIOD);
    let same = period.clone();
    let writing = go(move || {
        let mut at = 0;
        while at < length {
            let from = at % PERIOD;
            let n = (PERIOD - from).min(length - at);
            at += theirs.write(&same[from..from + n]).unwrap();
        }
    });
    let mut buf = vec![0; 64 << 10];
    let mut at = 0;
    loop {
        let n = ours.read_timeout(&mut buf, left()).unwrap();
        if n == 0 {
            break;
        }
        let mut got = &buf[..n];
        // Whole pieces are compared: in a stream this long that counts.
        while !got.is_empty() {
            let from = at % PERIOD;
            let n = got.len().min(PERIOD - from);
            assert!(
                got[..n] == period[from..from + n],
                "other bytes between {at} and {} of the stream",
                at + n
            );
            at += n;
            got = &got[n..];
        }
    }
    assert_eq!(at, length, "the end came after another number of bytes");
    writing.join("the writer");
}
