//! C1: first in, first out, lossless, nothing duplicated.

use std::io::{IoSlice, IoSliceMut};

use channel::{Channel, Reader, Writer};

use crate::suite::streams::{check, expect, expect_all, read_in_all_forms, write_in_all_forms};
use crate::suite::support::{Going, Rng, bytes, go, left};
use crate::suite::world::World;

/// Writes `length` bytes in odd pieces, then finishes.
fn send(mut writer: Writer, stream: u64, length: usize, mut rng: Rng) -> Going<Writer> {
    go(move || {
        let mut at = 0;
        while at < length {
            let n = (1 + rng.below(30_001)).min(length - at);
            if let Err(error) = writer.write_all_timeout(&bytes(stream, at, n), left()) {
                panic!("writing, after {at} bytes: {error}");
            }
            at += n;
        }
        writer.finish().unwrap();
        writer
    })
}

fn receive(mut reader: Reader, stream: u64, length: usize) -> Going<Reader> {
    go(move || {
        expect_all(&mut reader, stream, length);
        reader
    })
}

/// Sends one stream from one end to the other.
fn transfer(from: Channel, to: Channel, stream: u64, length: usize, rng: Rng) {
    let ((_from_reader, writer), (reader, _to_writer)) = (from.split(), to.split());
    let sending = send(writer, stream, length, rng);
    receive(reader, stream, length).join("the reader");
    sending.join("the writer");
}

pub(crate) fn c1_a_large_transfer_arrives_whole(w: &World) {
    let (ours, theirs) = w.pair();
    transfer(theirs, ours, 1, 3 * w.large(), w.rng(0));
}

pub(crate) fn c1_a_large_transfer_back_arrives_whole(w: &World) {
    let (ours, theirs) = w.pair();
    transfer(ours, theirs, 1, 3 * w.large(), w.rng(0));
}

pub(crate) fn c1_both_directions_at_once(w: &World) {
    let (ours, theirs) = w.pair_of(4096);
    let ((our_reader, our_writer), (their_reader, their_writer)) = (ours.split(), theirs.split());
    let length = 2 * w.large();
    let sending = [
        send(our_writer, 1, length, w.rng(1)),
        send(their_writer, 2, length, w.rng(2)),
    ];
    let receiving = [
        receive(our_reader, 2, length),
        receive(their_reader, 1, length),
    ];
    let readers = receiving.map(|going| going.join("a reader"));
    let writers = sending.map(|going| going.join("a writer"));
    drop((readers, writers));
}

pub(crate) fn c1_single_bytes_arrive_in_order(w: &World) {
    let (ours, mut theirs) = w.pair();
    let (mut reader, mut writer) = ours.split();
    let writing = go(move || {
        for at in 0..2000 {
            theirs.write_all_timeout(&bytes(1, at, 1), left()).unwrap();
        }
        theirs
    });
    expect(&mut reader, 1, 0, 2000);
    let mut theirs = writing.join("the writer");
    for at in 0..200 {
        writer.write_all_timeout(&bytes(2, at, 1), left()).unwrap();
        expect(theirs.reader_mut(), 2, at, 1);
    }
}

pub(crate) fn c1_odd_pieces_through_a_small_buffer(w: &World) {
    for round in 0..6 {
        let mut rng = w.rng(round);
        let capacity = 1 << rng.below(10);
        let (ours, theirs) = w.pair_of(capacity);
        let (mut rr, mut wr) = (w.rng(round | 1 << 20), w.rng(round | 2 << 20));
        let ((_r, mut writer), (mut reader, _w)) = (ours.split(), theirs.split());
        // Some hundred times around: through a tiny buffer, each byte may cost a switch of processes.
        let length = 1 + rng.below((500 * capacity).min(20_000));
        let writing = go(move || {
            let (written, error) = write_in_all_forms(&mut writer, round, length, 700, &mut wr);
            assert!(error.is_none(), "writing, after {written} bytes: {error:?}");
        });
        let (read, error) = read_in_all_forms(&mut reader, round, 700, &mut rr);
        assert!(error.is_none(), "reading, after {read} bytes: {error:?}");
        assert_eq!(read, length, "bytes read, bytes written");
        writing.join("the writer");
    }
}

pub(crate) fn c1_vectored_calls_keep_the_order(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let data = bytes(1, 0, 100);
    let parts = [&data[..1], &[], &data[1..60], &data[60..]];
    let slices = parts.map(IoSlice::new);
    let mut taken = theirs.write_vectored(&slices).unwrap();
    assert!(
        (1..=100).contains(&taken),
        "{taken} bytes of 100 were taken"
    );
    while taken < 100 {
        taken += theirs.write(&data[taken..]).unwrap();
    }
    let (mut a, mut b, mut c) = ([0; 7], [0; 0], [0; 93]);
    let mut read = 0;
    while read < 100 {
        let mut out = [&mut a[..], &mut b[..], &mut c[..]].map(IoSliceMut::new);
        let n = ours.read_vectored(&mut out).unwrap();
        assert!(n > 0, "the end came after {read} of 100 bytes");
        let got = [&a[..], &b[..], &c[..]].concat();
        check(1, read, &got[..n]);
        read += n;
    }
}

pub(crate) fn c1_lent_bytes_are_the_same_bytes(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let length = w.large() / 4;
    let writing = go(move || {
        theirs
            .write_all_timeout(&bytes(1, 0, length), left())
            .unwrap();
    });
    let (reader, mut at) = (ours.reader_mut(), 0);
    let mut rng = w.rng(0);
    loop {
        let lent = reader.fill_buf().unwrap();
        if lent.is_empty() {
            break;
        }
        check(1, at, lent);
        // Not all of it: the rest is lent again, in front.
        let n = 1 + rng.below(lent.len());
        reader.consume(n);
        at += n;
    }
    assert_eq!(at, length, "bytes lent, bytes written");
    writing.join("the writer");
}

pub(crate) fn c1_question_and_answer(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let echo = go(move || {
        let mut buf = [0; 64];
        loop {
            match ours.read(&mut buf).unwrap() {
                0 => return,
                n => ours.write_all_timeout(&buf[..n], left()).unwrap(),
            }
        }
    });
    for at in (0..500).map(|i| i * 8) {
        theirs.write_all_timeout(&bytes(1, at, 8), left()).unwrap();
        expect(theirs.reader_mut(), 1, at, 8);
    }
    drop(theirs);
    echo.join("the echo");
}

pub(crate) fn c1_channels_do_not_mix(w: &World) {
    let place = w.place();
    let length = w.large() / 16;
    let going: Vec<_> = (0..16)
        .map(|i| {
            let (ours, theirs) = place.meet(i as u16 % 3);
            let ((our_reader, our_writer), (their_reader, their_writer)) =
                (ours.split(), theirs.split());
            (
                send(our_writer, 2 * i, length, w.rng(2 * i)),
                send(their_writer, 2 * i + 1, length, w.rng(2 * i + 1)),
                receive(our_reader, 2 * i + 1, length),
                receive(their_reader, 2 * i, length),
            )
        })
        .collect();
    for (a, b, c, d) in going {
        let readers = (c.join("a reader"), d.join("a reader"));
        drop((readers, a.join("a writer"), b.join("a writer")));
    }
}
