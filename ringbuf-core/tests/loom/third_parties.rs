//! Models of decisions by third parties: where the stream ends, and where its
//! reading ended.
//!
//! A reader's two loads are sequentially consistent, which loom does not know;
//! it runs with a fence between them (see `cursor/end.rs`). The mutant
//! `head-look-acquire` shows what happens without.

use loom::thread;
use ringbuf_core::{Closer, Consumer, Heap, Producer, ring, ring_starting_at};

use super::{check, check_both_ways};

/// One byte written as a channel does it; whether it counts.
fn write_and_settle(producer: &mut Producer<Heap>, byte: u8) -> usize {
    let written = producer.write(&[byte]).unwrap();
    let _ = producer.signal();
    if producer.is_finished() || producer.is_abandoned() {
        written.saturating_sub(producer.settle())
    } else {
        written
    }
}

/// What is there, read as a channel does it; how many bytes count.
fn read_and_settle(consumer: &mut Consumer<Heap>, out: &mut [u8]) -> usize {
    let taken = consumer.read(out).unwrap();
    if consumer.is_finished() || consumer.is_abandoned() {
        taken.saturating_sub(consumer.settle())
    } else {
        taken
    }
}

// shows C4, C9: a third party's end is after a write, or the write is told.
#[test]
fn ends_against_a_write() {
    for end in [Closer::finish, Closer::abandon] {
        for third_first in [false, true] {
            check(move || {
                let (mut producer, consumer) = ring_starting_at(2, usize::MAX).unwrap();
                let closer = producer.closer();
                let observer = consumer.observer();
                let start = observer.read();
                let third = move || {
                    end(&closer);
                    closer.settle_end().unwrap()
                };
                let mut write = move || write_and_settle(&mut producer, 1);
                let (kept, end) = if third_first {
                    let writer = thread::spawn(write);
                    let end = third();
                    (writer.join().unwrap(), end)
                } else {
                    let third = thread::spawn(third);
                    (write(), third.join().unwrap())
                };
                assert_eq!(end.wrapping_sub(start), kept);
                assert_eq!(observer.counts(), (end, start));
            });
        }
    }
}

// shows C4, C9: what the writer keeps is what the reader gets, whoever decides.
#[test]
fn ends_against_a_read() {
    check(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        let closer = producer.closer();
        let writer = thread::spawn(move || write_and_settle(&mut producer, 1));
        let third = thread::spawn(move || {
            closer.finish();
            closer.settle_end().unwrap()
        });
        let mut out = [0; 4];
        let mut got = read_and_settle(&mut consumer, &mut out);
        let kept = writer.join().unwrap();
        assert!(got <= kept);
        assert_eq!(third.join().unwrap(), kept);
        while !consumer.at_end().unwrap() {
            got += read_and_settle(&mut consumer, &mut out[got..]);
        }
        assert_eq!(got, kept);
        assert_eq!(out[..got], [1][..got]);
        assert_eq!(consumer.observer().counts(), (kept, kept));
    });
}

// shows C4, C9: the same when the reader looks while the writer goes on.
#[test]
fn ends_between_two_writes() {
    check(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        let closer = producer.closer();
        let writer = thread::spawn(move || {
            write_and_settle(&mut producer, 1) + write_and_settle(&mut producer, 2)
        });
        let reader = thread::spawn(move || {
            let mut out = [0; 4];
            let got = read_and_settle(&mut consumer, &mut out);
            (got, out, consumer)
        });
        closer.finish();
        let end = closer.settle_end().unwrap();
        let kept = writer.join().unwrap();
        let (mut got, mut out, mut consumer) = reader.join().unwrap();
        assert!(got <= kept && kept == end);
        while !consumer.at_end().unwrap() {
            got += read_and_settle(&mut consumer, &mut out[got..]);
        }
        assert_eq!(got, kept);
        assert_eq!(out[..got], [1, 2][..got]);
    });
}

// shows C9: a reader that passes a barrier, and a third party that decides how
// far it came.
#[test]
fn ends_reading() {
    check_both_ways(|| {
        let (mut producer, mut consumer) = ring(4).unwrap();
        assert_eq!(producer.write(&[1, 2, 3]), Ok(3));
        let closer = producer.closer();
        let observer = producer.observer();
        (
            Box::new(move || {
                closer.abandon();
                (closer.settle_read().unwrap(), closer.settle_end())
            }),
            Box::new(move || {
                // In two pieces, of which the first can count alone.
                let taken = consumer.read(&mut [0; 3]).unwrap();
                let _ = consumer.signal();
                if consumer.is_abandoned() {
                    taken.saturating_sub(consumer.settle())
                } else {
                    taken
                }
            }),
            Box::new(move |(read, end), given| {
                assert_eq!((read, end), (given, Some(3)));
                assert_eq!(observer.counts(), (3, given));
            }),
        )
    });
}

// shows C9: what an observer takes for read is not taken back.
#[test]
fn counts_are_final_until_abandoned() {
    check(|| {
        let (mut producer, mut consumer) = ring(2).unwrap();
        assert_eq!(producer.write(&[1]), Ok(1));
        producer.finish();
        let closer = producer.closer();
        let observer = producer.observer();
        let third = thread::spawn(move || {
            closer.abandon();
            closer.settle_read().unwrap()
        });
        let reader = thread::spawn(move || {
            let _ = consumer.read(&mut [0]).unwrap();
        });
        let (written, read) = observer.counts();
        let complete = read == written && !observer.is_abandoned();
        reader.join().unwrap();
        let decided = third.join().unwrap();
        assert!(!complete || decided == 1);
        assert_eq!(observer.counts(), (1, decided));
    });
}
