//! Bytes through channels of every small size, in random pieces, both ways at once.

mod support;

use std::thread;
use std::time::Duration;

use channel::{ReadError, Reader, WriteError, Writer};
use support::{Rng, block_on, pair_of, pattern, seed, within};

fn send(mut writer: Writer, total: u64, largest: u64, mut rng: Rng) {
    let mut at = 0;
    while at < total {
        let end = total.min(at + 1 + rng.below(largest));
        let piece: Vec<u8> = (at..end).map(pattern).collect();
        let result = match rng.below(6) {
            0 => writer.try_write(&piece),
            1 => writer.write_timeout(&piece, Duration::from_micros(rng.below(50))),
            2 => block_on(writer.write_async(&piece)),
            3 => {
                let (a, b) = piece.split_at(piece.len() / 2);
                writer.write_vectored(&[std::io::IoSlice::new(a), std::io::IoSlice::new(b)])
            }
            4 => {
                writer.write_all(&piece).unwrap();
                Ok(piece.len())
            }
            _ => writer.write(&piece),
        };
        match result {
            Ok(n) => {
                assert!(n >= 1 && n <= piece.len());
                at += n as u64;
            }
            Err(WriteError::WouldBlock) => thread::yield_now(),
            Err(WriteError::TimedOut) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn receive(mut reader: Reader, total: u64, largest: u64, mut rng: Rng) {
    let mut at = 0;
    let mut buf = vec![0; largest as usize];
    let mut check = |bytes: &[u8]| {
        for &byte in bytes {
            assert_eq!(byte, pattern(at), "byte {at}");
            at += 1;
        }
    };
    loop {
        let wanted = 1 + rng.below(largest) as usize;
        let out = &mut buf[..wanted];
        let result = match rng.below(6) {
            0 => reader.try_read(out),
            1 => reader.read_timeout(out, Duration::from_micros(rng.below(50))),
            2 => block_on(reader.read_async(out)),
            3 => {
                let (a, b) = out.split_at_mut(wanted / 2);
                let mut bufs = [std::io::IoSliceMut::new(a), std::io::IoSliceMut::new(b)];
                reader.read_vectored(&mut bufs)
            }
            4 => match reader.fill_buf() {
                Ok([]) => Ok(0),
                Ok(lent) => {
                    let n = lent.len().min(wanted);
                    check(&lent[..n]);
                    reader.consume(n);
                    continue;
                }
                Err(error) => Err(error),
            },
            _ => reader.read(out),
        };
        match result {
            Ok(0) => break,
            Ok(n) => check(&buf[..n]),
            Err(ReadError::WouldBlock) => thread::yield_now(),
            Err(ReadError::TimedOut) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(at, total, "the end comes behind the last byte");
}

// shows C1, C2, C3: first in first out, lossless, nothing twice: in every form, at every capacity.
#[test]
fn both_ways_at_once_at_every_capacity() {
    let seed = seed("both_ways_at_once_at_every_capacity");
    within("transfer", move || {
        for power in 0..=13u64 {
            let capacity = 1 << power;
            // Tiny buffers are slow: a wake-up for every byte.
            let total = (capacity as u64 * 4000).clamp(20_000, 1_000_000);
            let (ours, theirs) = pair_of(capacity);
            let ((r1, w1), (r2, w2)) = (ours.split(), theirs.split());
            let largest = 3 * capacity as u64;
            thread::scope(|scope| {
                let rng = |part: u64| Rng::of(seed, power << 8 | part);
                scope.spawn(move || send(w1, total, largest, rng(1)));
                scope.spawn(move || send(w2, total, largest, rng(2)));
                scope.spawn(move || receive(r1, total, largest, rng(3)));
                receive(r2, total, largest, rng(4));
            });
        }
    });
}

// shows C1: an echo by one thread a side: it writes all it read, and nobody blocks for ever though
// both buffers fill.
#[test]
fn an_echo_in_blocking_calls() {
    let seed = seed("an_echo_in_blocking_calls");
    within("echo", move || {
        for power in 0..=8 {
            let (mut ours, mut theirs) = pair_of(1 << power);
            let mut rng = Rng::of(seed, power);
            thread::scope(|scope| {
                scope.spawn(move || {
                    let mut buf = [0; 300];
                    loop {
                        match theirs.read(&mut buf).unwrap() {
                            0 => break,
                            n => theirs.write_all(&buf[..n]).unwrap(),
                        }
                    }
                });
                // A question at most as large as a buffer: then each side may write before it reads.
                for _ in 0..300 {
                    let sent = rng.bytes(1 + rng.clone().below(1 << power) as usize);
                    ours.write_all(&sent).unwrap();
                    let mut got = vec![0; sent.len()];
                    ours.read_exact(&mut got).unwrap();
                    assert_eq!(got, sent);
                }
                drop(ours);
            });
        }
    });
}
