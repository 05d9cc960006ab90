//! Reading and writing streams whose every byte is known.

use std::io::{IoSlice, IoSliceMut};
use std::thread;
use std::time::Duration;

use channel::{ReadError, Reader, WriteError, Writer};

use super::support::{Rng, block_on, bytes, left, pattern};

/// How long a call waits in vain before the way to the peer counts as full, or as empty.
pub(crate) const A_WHILE: Duration = Duration::from_millis(50);

/// No honest transport holds more than this between two ends: it counts as boundless.
pub(crate) const BOUNDLESS: usize = 256 << 20;

/// Checks that these are the bytes of `stream` from `at` on.
#[track_caller]
pub(crate) fn check(stream: u64, at: usize, got: &[u8]) {
    for (i, &byte) in got.iter().enumerate() {
        let expected = pattern(stream, at + i);
        assert!(
            byte == expected,
            "byte {} of the stream is {byte:#04x}, not {expected:#04x}: lost, doubled or moved",
            at + i
        );
    }
}

/// Reads to the end, checking each byte: how many, and the error if it did not end well.
pub(crate) fn read_to_end(reader: &mut Reader, stream: u64) -> (usize, Option<ReadError>) {
    let mut buf = vec![0; 16 << 10];
    let mut total = 0;
    loop {
        match reader.read(&mut buf) {
            Ok(0) => return (total, None),
            Ok(n) => {
                check(stream, total, &buf[..n]);
                total += n;
            }
            Err(error) => return (total, Some(error)),
        }
    }
}

/// Reads to the end; fails unless it is the orderly end after exactly `length` bytes of `stream`.
#[track_caller]
pub(crate) fn expect_all(reader: &mut Reader, stream: u64, length: usize) {
    let (read, error) = read_to_end(reader, stream);
    assert!(
        error.is_none(),
        "no orderly end after {read} of {length} bytes: {error:?}"
    );
    assert_eq!(
        read, length,
        "the end came after another number of bytes than were written"
    );
}

/// Reads exactly `length` bytes of `stream`, from its byte `at` on.
#[track_caller]
pub(crate) fn expect(reader: &mut Reader, stream: u64, at: usize, length: usize) {
    let mut buf = vec![0; length];
    if let Err(error) = reader.read_exact_timeout(&mut buf, left()) {
        panic!("bytes {at} to {} of the stream: {error}", at + length);
    }
    check(stream, at, &buf);
}

/// How often in a row there must be no room before the way to the peer counts as full: a carrier may
/// go on moving bytes for a while, and its threads may have to wait for their turn.
const FULL: u32 = 1;

/// Writes bytes of `stream`, from `at` on, until the way to the peer is full: how many.
#[track_caller]
pub(crate) fn fill(writer: &mut Writer, stream: u64, at: usize) -> usize {
    let (mut written, mut late) = (0, 0);
    let chunk = 4096;
    loop {
        match writer.write_timeout(&bytes(stream, at + written, chunk), A_WHILE) {
            Ok(n) => {
                written += n;
                late = 0;
            }
            Err(WriteError::TimedOut) if late + 1 < FULL => late += 1,
            Err(WriteError::TimedOut) => return written,
            Err(error) => panic!("filling, after {written} bytes: {error}"),
        }
        assert!(
            written < BOUNDLESS,
            "{written} bytes were taken though the peer reads nothing"
        );
    }
}

/// Fills the way to the peer, and goes on until `call`, too, finds no room: how many bytes in all. It is
/// given the writer and the stream's next bytes, and says how many were taken; none: there was no room.
///
/// A way that was full need not stay full, though nobody reads: a kernel moves bytes from one buffer to
/// the next when it has time to, and enlarges them as it likes. What is promised is that it is full in
/// the end.
#[track_caller]
pub(crate) fn fill_until(
    writer: &mut Writer,
    stream: u64,
    mut call: impl FnMut(&mut Writer, &[u8]) -> Option<usize>,
) -> usize {
    let mut written = fill(writer, stream, 0);
    while let Some(n) = call(writer, &bytes(stream, written, 100)) {
        assert!((1..=100).contains(&n), "{n} bytes of 100 were taken");
        written += n;
        must_end(written);
    }
    written
}

/// Whoever goes on writing until there is no room: it has to come.
#[track_caller]
pub(crate) fn must_end(taken: usize) {
    assert!(
        taken < BOUNDLESS && !left().is_zero(),
        "{taken} bytes were taken though the peer reads nothing, and there is still room"
    );
}

/// Blocking writes until one fails: the error. A carrier may have found a little more room.
pub(crate) fn write_until_refused(writer: &mut Writer) -> WriteError {
    loop {
        if let Err(error) = writer.write(b"x") {
            return error;
        }
    }
}

/// Writes until it fails for good: the error. What was taken until then is nobody's.
#[track_caller]
pub(crate) fn until_refused(writer: &mut Writer) -> WriteError {
    let mut taken = 0;
    loop {
        match writer.write_timeout(&[0; 64], A_WHILE) {
            Ok(n) => taken += n,
            Err(WriteError::TimedOut) => {}
            Err(error) => return error,
        }
        assert!(
            !left().is_zero(),
            "writes never failed; {taken} bytes were taken"
        );
        thread::yield_now();
    }
}

/// Writes `length` bytes of `stream` in pieces and forms of all kinds: how many, and why it ended.
pub(crate) fn write_in_all_forms(
    writer: &mut Writer,
    stream: u64,
    length: usize,
    piece: usize,
    rng: &mut Rng,
) -> (usize, Option<WriteError>) {
    let mut written = 0;
    while written < length {
        let n = (1 + rng.below(piece)).min(length - written);
        let data = bytes(stream, written, n);
        let (a, b) = data.split_at(rng.below(n + 1));
        let both = [IoSlice::new(a), IoSlice::new(b)];
        let result = match rng.below(7) {
            0 => writer.write(&data),
            1 => writer.try_write(&data),
            2 => writer.write_timeout(&data, Duration::from_micros(50)),
            3 => block_on(writer.write_async(&data)),
            4 => writer.write_vectored(&both),
            5 => writer.try_write_vectored(&both),
            _ => match writer.write_all(&data) {
                Ok(()) => Ok(n),
                Err(cut) => return (written + cut.written, Some(cut.error)),
            },
        };
        match result {
            Ok(0) => return (written, None),
            Ok(n) => written += n,
            Err(WriteError::WouldBlock) => thread::yield_now(),
            Err(WriteError::TimedOut) => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

/// Reads to the end in pieces and forms of all kinds, checking each byte: how many, and the error if
/// it did not end well.
pub(crate) fn read_in_all_forms(
    reader: &mut Reader,
    stream: u64,
    piece: usize,
    rng: &mut Rng,
) -> (usize, Option<ReadError>) {
    let mut buf = vec![0; piece];
    let mut total = 0;
    loop {
        let length = 1 + rng.below(piece);
        let out = &mut buf[..length];
        let result = match rng.below(6) {
            0 => reader.read(out),
            1 => reader.try_read(out),
            2 => reader.read_timeout(out, Duration::from_micros(50)),
            3 => block_on(reader.read_async(out)),
            4 => {
                let (a, b) = out.split_at_mut(length / 2);
                reader.read_vectored(&mut [IoSliceMut::new(a), IoSliceMut::new(b)])
            }
            _ => reader
                .fill_buf()
                .map(|lent| {
                    let n = lent.len().min(length);
                    out[..n].copy_from_slice(&lent[..n]);
                    n
                })
                .map(|n| {
                    // Fewer if this side was disconnected since: then nothing is lent any more.
                    let n = n.min(reader.buffer().len());
                    reader.consume(n);
                    n
                }),
        };
        match result {
            Ok(0) if reader.is_disconnected() => return (total, Some(ReadError::Disconnected)),
            Ok(0) => return (total, None),
            Ok(n) => {
                check(stream, total, &buf[..n]);
                total += n;
            }
            Err(ReadError::WouldBlock) => thread::yield_now(),
            Err(ReadError::TimedOut) => {}
            Err(error) => return (total, Some(error)),
        }
    }
}
