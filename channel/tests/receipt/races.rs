//! Everything at once, with exact bookkeeping: whatever the receipt says is what the application at the
//! other end has read.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use channel::{Options, ReadError, Reader, Receipt, WriteError, Writer};

use crate::support::{Rng, block_on, pattern_bytes, seed, within};
use crate::world::{Over, World, exact};

/// Writes up to `length` bytes in random pieces and forms; how many were taken.
fn write_some(writer: &mut Writer, length: usize, rng: &mut Rng) -> usize {
    let form = rng.below(5);
    let most = 1 + rng.below(700);
    let mut written = 0;
    while written < length {
        let end = length.min(written + 1 + rng.below(most) as usize);
        let part = &vec![7; end - written];
        let result = match form {
            0 => writer.write(part),
            1 => writer.try_write(part),
            2 => writer.write_timeout(part, Duration::from_micros(20)),
            3 => block_on(writer.write_async(part)),
            _ => match writer.write_all(part) {
                Ok(()) => Ok(part.len()),
                Err(cut) => {
                    written += cut.written;
                    Err(cut.error)
                }
            },
        };
        match result {
            Ok(n) => written += n,
            Err(WriteError::WouldBlock) => thread::yield_now(),
            Err(WriteError::TimedOut) => {}
            Err(_) => break,
        }
    }
    written
}

/// Reads at most `most` bytes, to the end or an error, in random forms; how many the application got.
fn read_some(reader: &mut Reader, most: usize, lends: bool, rng: &mut Rng) -> usize {
    let form = if lends { 4 } else { rng.below(4) };
    let piece = 1 + rng.below(700);
    let mut buf = [0; 700];
    let mut total = 0;
    while total < most {
        let length = (1 + rng.below(piece) as usize).min(most - total);
        let result = match form {
            0 => reader.read(&mut buf[..length]),
            1 => reader.try_read(&mut buf[..length]),
            2 => reader.read_timeout(&mut buf[..length], Duration::from_micros(20)),
            3 => block_on(reader.read_async(&mut buf[..length])),
            _ => reader.fill_buf().map(|lent| lent.len().min(length)),
        };
        match result {
            Ok(0) => break,
            Ok(n) => {
                if form == 4 {
                    reader.consume(n);
                }
                total += n;
            }
            Err(ReadError::WouldBlock) => thread::yield_now(),
            Err(ReadError::TimedOut) => {}
            Err(_) => break,
        }
    }
    total
}

/// One channel's life: a writer, a reader, somebody who disconnects either side at a random moment,
/// and several who want to know.
fn round(world: &World, rng: &mut Rng) -> Receipt {
    let (ours, theirs) = world.pair();
    let (at_ours, at_theirs) = (ours.handle(), theirs.handle());
    let (ours_reader, mut writer) = ours.split();
    let (mut reader, theirs_writer) = theirs.split();
    let length = match rng.below(3) {
        0 => rng.below(200) as usize,
        1 => rng.below(5000) as usize,
        _ => 100_000,
    };
    let most = match rng.below(3) {
        0 => rng.below(length as u64 + 1) as usize,
        1 => length,
        _ => usize::MAX,
    };
    let action = rng.below(6);
    // Whether bytes that were lent count is not for the reader to say if its own side is disconnected
    // by another hand meanwhile.
    let lends = !(1..=3).contains(&action) && rng.one_in(3);
    let start = &Barrier::new(3);
    let [mut writers, mut readers] = [rng.next(), rng.next()].map(Rng::new);
    let outcome = thread::scope(|scope| {
        let asking = scope.spawn({
            let handle = at_ours.clone();
            move || handle.receipt()
        });
        let writing = scope.spawn(move || {
            start.wait();
            let written = write_some(&mut writer, length, &mut writers);
            let idle = match writers.below(3) {
                0 => {
                    drop(writer);
                    None
                }
                1 => {
                    drop(writer.finish());
                    None
                }
                _ => {
                    let _ = writer.finish();
                    // Kept to the end of the round: it must not be needed any more.
                    Some(writer)
                }
            };
            (written, idle)
        });
        let reading = scope.spawn(move || {
            start.wait();
            let read = read_some(&mut reader, most, lends, &mut readers);
            (read, reader)
        });
        start.wait();
        rng.spin(20_000);
        match action {
            0 => at_ours.disconnect(),
            1 => at_theirs.disconnect(),
            2 => at_theirs.abort(),
            3 => {
                at_theirs.disconnect();
                at_ours.disconnect();
            }
            _ => {}
        }
        let (read, reader) = reading.join().unwrap();
        // A reader that has stopped says so in one way or another.
        let _idle = match rng.below(4) {
            0 => {
                drop(reader);
                None
            }
            1 => {
                drop((reader, theirs_writer));
                None
            }
            2 => {
                at_theirs.disconnect();
                Some(reader)
            }
            _ => {
                at_theirs.abort();
                Some(reader)
            }
        };
        let (written, _idle_writer) = writing.join().unwrap();
        let told = at_ours.close();
        let expected = exact(read, written);
        assert_eq!(told, expected, "{read} of {written}, action {action}");
        assert_eq!(asking.join().unwrap(), expected);
        assert_eq!(at_ours.receipt(), expected);
        assert_eq!(at_theirs.totals().read, read as u64);
        assert_eq!(at_ours.totals().written, written as u64);
        told
    });
    drop(ours_reader);
    outcome
}

fn storm(over: Over, rounds: u64) {
    let seed = seed("storm");
    within("the storm", move || {
        let mut complete = 0;
        for capacity in [64, 4096] {
            let world = World::new(over, &Options::new().with_capacity(capacity));
            for number in 0..rounds / 2 {
                let mut rng = Rng::of(seed, number << 1 | u64::from(capacity == 64));
                if round(&world, &mut rng) == Receipt::Complete {
                    complete += 1;
                }
            }
        }
        println!("{complete} of {rounds} complete");
        assert!(complete > 0 && complete < rounds, "both outcomes are tried");
    });
}

// shows C4, C9: whenever the ends come, the receipt is exact: never complete if something was not read.
#[test]
fn exact_whenever_the_ends_come_in_memory() {
    storm(Over::Memory, 1000);
}

// shows C4, C9
#[test]
fn exact_whenever_the_ends_come_over_a_socket() {
    storm(Over::Socket, 500);
}

/// The last byte and the end of the stream, as close together as can be: reader that never looks again
/// against an end that comes right then.
fn last_byte(over: Over, rounds: u64) {
    let seed = seed("last byte");
    within("the last byte", move || {
        let world = World::new(over, &Options::new().with_capacity(64));
        for number in 0..rounds {
            let mut rng = Rng::of(seed, number);
            let (mut ours, mut theirs) = world.pair();
            ours.write_all(&pattern_bytes(0, 10)).unwrap();
            let start = &Barrier::new(2);
            let mut other = Rng::new(rng.next());
            thread::scope(|scope| {
                let reading = scope.spawn(move || {
                    theirs.read_exact(&mut [0; 9]).unwrap();
                    start.wait();
                    other.spin(200);
                    theirs.read_exact(&mut [0; 1]).unwrap();
                    // In memory, the last byte is enough.
                    if over == Over::Socket {
                        assert_eq!(theirs.read(&mut [0; 1]).unwrap(), 0);
                    }
                    theirs
                });
                start.wait();
                rng.spin(200);
                let told = if rng.one_in(2) {
                    ours.finish().unwrap();
                    ours.handle().receipt()
                } else {
                    ours.close()
                };
                assert_eq!(told, Receipt::Complete, "round {number}");
                drop(reading.join().unwrap());
            });
        }
    });
}

// shows C9: no news is missed when the end and the last read meet.
#[test]
fn the_end_meets_the_last_byte_in_memory() {
    last_byte(Over::Memory, 1000);
}

// shows C9
#[test]
fn the_end_meets_the_last_byte_over_a_socket() {
    last_byte(Over::Socket, 200);
}

// shows C4, C9: a large write against a reader that leaves: what the write reports is what the receipt
// counts, though it may be told while the write is going on.
#[test]
fn a_write_that_is_going_on_when_the_reader_leaves() {
    const LENGTH: usize = 512 * 1024;
    let seed = seed("going on");
    within("a write that is going on", move || {
        let world = World::new(Over::Memory, &Options::new().with_capacity(LENGTH));
        for number in 0..200 {
            let mut rng = Rng::of(seed, number);
            let (mut ours, mut theirs) = world.pair();
            let handle = ours.handle();
            let start = &Barrier::new(2);
            let (told, read, written) = thread::scope(|scope| {
                let writing = scope.spawn(|| {
                    start.wait();
                    ours.write(&[7; LENGTH]).unwrap_or(0)
                });
                start.wait();
                rng.spin(2000);
                let read = match rng.one_in(2) {
                    true => theirs.read(&mut [0; 100]).unwrap(),
                    false => 0,
                };
                drop(theirs);
                (handle.receipt(), read, writing.join().unwrap())
            });
            assert_eq!(told, exact(read, written), "round {number}");
            assert_eq!(handle.totals().written, written as u64);
        }
    });
}
