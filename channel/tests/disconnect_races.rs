//! Disconnects at random moments, thousands of times: counts are exact, nobody hangs.

mod support;

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use channel::{Handle, ReadError, Reader, WriteError, Writer};
use support::{Rng, block_on, drain, pair_of, pattern, pattern_bytes, seed, within};

/// Writes up to `length` bytes in a random form; how many were taken, and why it ended.
fn write_some(writer: &mut Writer, length: usize, rng: &mut Rng) -> (usize, Option<WriteError>) {
    let bytes = pattern_bytes(0, length);
    if rng.one_in(3) {
        return match writer.write_all(&bytes) {
            Ok(()) => (length, None),
            Err(cut) => (cut.written, Some(cut.error)),
        };
    }
    let form = rng.below(4);
    let mut written = 0;
    while written < length {
        let end = length.min(written + 1 + rng.below(100) as usize);
        let part = &bytes[written..end];
        let result = match form {
            0 => writer.write(part),
            1 => writer.try_write(part),
            2 => writer.write_timeout(part, Duration::from_micros(20)),
            _ => block_on(writer.write_async(part)),
        };
        match result {
            Ok(n) => written += n,
            Err(WriteError::WouldBlock) => thread::yield_now(),
            Err(WriteError::TimedOut) => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

/// Reads in random forms to the end; how many bytes (each checked), and the error if it was one.
fn read_all(reader: &mut Reader, rng: &mut Rng) -> (usize, Option<ReadError>) {
    let form = rng.below(5);
    let mut buf = [0; 100];
    let mut total = 0;
    loop {
        let length = 1 + rng.below(100) as usize;
        let result = match form {
            0 => reader.read(&mut buf[..length]),
            1 => reader.try_read(&mut buf[..length]),
            2 => reader.read_timeout(&mut buf[..length], Duration::from_micros(20)),
            3 => block_on(reader.read_async(&mut buf[..length])),
            _ => reader.fill_buf().map(|lent| {
                let n = lent.len().min(length);
                buf[..n].copy_from_slice(&lent[..n]);
                n
            }),
        };
        match result {
            Ok(0) => return (total, None),
            Ok(n) => {
                if form == 4 {
                    // Disconnected since: then nothing is lent any more, and nothing to be taken.
                    if reader.buffer().len() < n {
                        continue;
                    }
                    reader.consume(n);
                }
                for &byte in &buf[..n] {
                    assert_eq!(byte, pattern(total as u64), "byte {total}");
                    total += 1;
                }
            }
            Err(ReadError::WouldBlock) => thread::yield_now(),
            Err(ReadError::TimedOut) => {}
            Err(error) => return (total, Some(error)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Writer,
    WriterAborts,
    Reader,
    ReaderAborts,
    Both,
    Nobody,
}

const ALL: [Who; 6] = [
    Who::Writer,
    Who::WriterAborts,
    Who::Reader,
    Who::ReaderAborts,
    Who::Both,
    Who::Nobody,
];

fn cut(who: Who, writer: &Handle, reader: &Handle, rng: &mut Rng) {
    rng.spin(3000);
    match who {
        Who::Writer => writer.disconnect(),
        Who::WriterAborts => writer.abort(),
        Who::Reader => reader.disconnect(),
        Who::ReaderAborts => reader.abort(),
        Who::Both => thread::scope(|scope| {
            scope.spawn(|| writer.disconnect());
            reader.disconnect();
        }),
        Who::Nobody => {}
    }
}

fn one_race(round: u64, seed: u64) {
    let mut rng = Rng::of(seed, round);
    let who = ALL[rng.below(6) as usize];
    let capacity = 1 << rng.below(9);
    let length = rng.below(6 * capacity as u64) as usize;
    let (ours, theirs) = pair_of(capacity);
    let (our_handle, their_handle) = (ours.handle(), theirs.handle());
    let (_our_reader, mut writer) = ours.split();
    let (mut reader, _their_writer) = theirs.split();
    let start = Barrier::new(3);
    let (mut wr, mut rr) = (
        Rng::of(seed, round ^ (1 << 40)),
        Rng::of(seed, round ^ (2 << 40)),
    );
    let ((written, failed), (read, ended)) = thread::scope(|scope| {
        let start = &start;
        let write = scope.spawn(move || {
            start.wait();
            let result = write_some(&mut writer, length, &mut wr);
            if result.1.is_none() {
                drop(writer);
            }
            result
        });
        let read = scope.spawn(move || {
            start.wait();
            read_all(&mut reader, &mut rr)
        });
        start.wait();
        cut(who, &our_handle, &their_handle, &mut rng);
        (write.join().unwrap(), read.join().unwrap())
    });
    let what = format!(
        "round {round}: {who:?}, capacity {capacity}: {written} of {length} written ({failed:?}), \
         {read} read ({ended:?})"
    );
    // A write that says it took bytes is believed: the far side gets exactly those.
    match who {
        Who::Nobody => assert!(
            failed.is_none() && ended.is_none() && read == length,
            "{what}"
        ),
        Who::Writer => {
            assert!(read == written && ended.is_none(), "{what}");
            assert!(
                matches!(failed, None | Some(WriteError::Disconnected)),
                "{what}"
            );
        }
        Who::WriterAborts => {
            assert!(read == written, "{what}");
            assert!(
                matches!(ended, None | Some(ReadError::PeerLost(_))),
                "{what}"
            );
            assert!(ended.is_some() || failed.is_none(), "{what}");
            assert!(
                matches!(failed, None | Some(WriteError::Disconnected)),
                "{what}"
            );
        }
        Who::Reader | Who::ReaderAborts => {
            assert!(read <= written, "{what}");
            let fits = match &failed {
                None => true,
                Some(WriteError::PeerClosed) => who == Who::Reader,
                Some(WriteError::PeerLost(_)) => who == Who::ReaderAborts,
                Some(_) => false,
            };
            assert!(fits, "{what}");
            assert!(
                matches!(ended, None | Some(ReadError::Disconnected)),
                "{what}"
            );
        }
        Who::Both => {
            assert!(read <= written, "{what}");
            assert!(
                matches!(
                    failed,
                    None | Some(WriteError::Disconnected | WriteError::PeerClosed)
                ),
                "{what}"
            );
            assert!(
                matches!(ended, None | Some(ReadError::Disconnected)),
                "{what}"
            );
        }
    }
}

// shows C4, C6, C1: in the middle of writing and reading, in every form, at tiny capacities.
#[test]
fn counts_are_exact_whoever_disconnects_when() {
    let seed = seed("counts_are_exact_whoever_disconnects_when");
    within("disconnect races", move || {
        for round in 0..4000 {
            one_race(round, seed);
        }
    });
}

// shows C4: both directions busy, four threads in blocking calls, and many who disconnect at once.
#[test]
fn many_disconnect_many_times_while_all_are_busy() {
    let seed = seed("many_disconnect_many_times_while_all_are_busy");
    within("many disconnects", move || {
        for round in 0..500 {
            let mut rng = Rng::of(seed, round);
            let (ours, theirs) = pair_of(1 << rng.below(7));
            let handles = [ours.handle(), theirs.handle()];
            let (our_reader, our_writer) = ours.split();
            let (their_reader, their_writer) = theirs.split();
            let one_side_only = rng.one_in(2);
            thread::scope(|scope| {
                for mut writer in [our_writer, their_writer] {
                    scope.spawn(move || {
                        let error = writer.write_all(&vec![1; 1 << 22]).unwrap_err().error;
                        let fits =
                            matches!(error, WriteError::Disconnected | WriteError::PeerClosed);
                        assert!(fits, "{error:?}");
                    });
                }
                for mut reader in [our_reader, their_reader] {
                    scope.spawn(move || match drain(&mut reader) {
                        Ok(_) | Err((_, ReadError::Disconnected)) => {}
                        Err((_, other)) => panic!("{other:?}"),
                    });
                }
                for disconnector in 0..3 {
                    let handle = handles[if one_side_only { 0 } else { disconnector % 2 }].clone();
                    let mut rng = Rng::of(seed, round ^ (disconnector as u64 + 1) << 40);
                    scope.spawn(move || {
                        rng.spin(2000);
                        for _ in 0..3 {
                            handle.disconnect();
                        }
                    });
                }
            });
            assert!(handles[0].disconnected());
        }
    });
}
