//! Every call in its forms: blocking, never blocking, for a time, as a future, by polling.

mod support;

use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::{ReadError, WriteError};
use support::thread_state::blocked;
use support::{block_on, counter, pair, pair_of, pattern_bytes, within};

const SHORT: Duration = Duration::from_millis(20);

// shows C3: limits of time are never early, and lose nothing.
#[test]
fn limits_of_reading() {
    within("limits", || {
        let (mut ours, mut theirs) = pair();
        let mut buf = [0; 8];
        for limit in [Duration::ZERO, SHORT] {
            let start = Instant::now();
            let result = ours.read_timeout(&mut buf, limit);
            assert!(matches!(result, Err(ReadError::TimedOut)), "{result:?}");
            assert!(start.elapsed() >= limit, "early");
            let start = Instant::now();
            let result = ours.reader_mut().fill_buf_timeout(limit);
            assert!(matches!(result, Err(ReadError::TimedOut)), "{result:?}");
            assert!(start.elapsed() >= limit, "early");
        }
        theirs.write_all(b"abc").unwrap();
        let start = Instant::now();
        let cut = ours.read_exact_timeout(&mut buf, SHORT).unwrap_err();
        assert!(start.elapsed() >= SHORT, "early");
        assert_eq!((cut.read, cut.wanted, &buf[..3]), (3, 8, &b"abc"[..]));
        assert!(matches!(cut.error, Some(ReadError::TimedOut)));
        assert!(cut.to_string().contains("3 of 8"), "{cut}");
        // What is there is taken however short the limit, and a huge one is none.
        theirs.write_all(b"de").unwrap();
        assert_eq!(ours.read_timeout(&mut buf, Duration::ZERO).unwrap(), 2);
        let read = blocked(move || {
            let n = ours.read_timeout(&mut buf, Duration::MAX).unwrap();
            (n, ours)
        });
        theirs.write_all(b"f").unwrap();
        assert_eq!(read.returns().0, 1);
    });
}

// shows C3: limits of writing: nothing is taken when they pass.
#[test]
fn limits_of_writing() {
    within("limits", || {
        let (mut ours, mut theirs) = pair_of(16);
        ours.write_timeout(&[1; 16], Duration::ZERO).unwrap();
        for limit in [Duration::ZERO, SHORT] {
            let start = Instant::now();
            let result = ours.write_timeout(&[2; 4], limit);
            assert!(matches!(result, Err(WriteError::TimedOut)), "{result:?}");
            assert!(start.elapsed() >= limit, "early");
        }
        let mut buf = [0; 16];
        theirs.read_exact(&mut buf).unwrap();
        assert_eq!(buf, [1; 16]);
        let start = Instant::now();
        let cut = ours.write_all_timeout(&[3; 40], SHORT).unwrap_err();
        assert!(start.elapsed() >= SHORT, "early");
        assert!(matches!(cut.error, WriteError::TimedOut) && cut.written == 16);
        theirs.read_exact(&mut buf).unwrap();
        assert_eq!(buf, [3; 16]);
        assert!(matches!(
            theirs.try_read(&mut buf),
            Err(ReadError::WouldBlock)
        ));
        ours.write_all(&[4; 16]).unwrap();
        let write = blocked(move || ours.write_timeout(b"x", Duration::MAX));
        theirs.read_exact(&mut buf).unwrap();
        assert_eq!(write.returns().unwrap(), 1);
    });
}

// shows C2: a read returns what is there, a write takes what fits.
#[test]
fn short_reads_and_writes() {
    within("short", || {
        let (mut ours, mut theirs) = pair_of(16);
        assert_eq!(ours.write(&[7; 100]).unwrap(), 16);
        assert!(matches!(ours.try_write(b"x"), Err(WriteError::WouldBlock)));
        let mut buf = [0; 100];
        assert_eq!(theirs.read(&mut buf).unwrap(), 16);
        assert!(matches!(
            theirs.try_read(&mut buf),
            Err(ReadError::WouldBlock)
        ));
        ours.flush().unwrap();
        ours.writer_mut().try_flush().unwrap();
        ours.writer_mut().flush_timeout(Duration::ZERO).unwrap();
        block_on(ours.writer_mut().flush_async()).unwrap();
    });
}

// shows C3: futures and poll functions: they wait, are woken once there is something, and a future
// that is dropped takes nothing.
#[test]
fn futures_and_polls() {
    let (mut ours, mut theirs) = pair_of(16);
    let (wakes, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let mut buf = [0; 8];
    {
        let mut future = Box::pin(ours.read_async(&mut buf));
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    theirs.write_all(b"ab").unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(block_on(ours.read_async(&mut buf)).unwrap(), 2);
    let reader = ours.reader_mut();
    assert!(reader.poll_fill_buf(&mut cx).is_pending());
    theirs.write_all(b"cd").unwrap();
    assert_eq!(wakes.count(), 2);
    assert!(matches!(
        reader.poll_fill_buf(&mut cx),
        Poll::Ready(Ok(b"cd"))
    ));
    assert_eq!(reader.buffer(), b"cd");
    assert_eq!(block_on(reader.fill_buf_async()).unwrap(), b"cd");
    reader.consume(2);
    theirs.write_all(b"12345678").unwrap();
    block_on(ours.read_exact_async(&mut buf)).unwrap();
    assert_eq!(&buf, b"12345678");

    block_on(ours.write_all_async(&[1; 16])).unwrap();
    {
        let mut future = Box::pin(ours.write_async(b"lost?"));
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    let mut all = [0; 16];
    theirs.read_exact(&mut all).unwrap();
    assert_eq!(wakes.count(), 3);
    assert_eq!(block_on(ours.write_async(b"xy")).unwrap(), 2);
    drop(ours);
    let mut rest = Vec::new();
    theirs.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"xy", "a dropped future took nothing");
    let cut = block_on(theirs.read_exact_async(&mut buf)).unwrap_err();
    assert!(cut.read == 0 && cut.error.is_none());
    let error = io::Error::from(cut);
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

// shows C3: only the waker of the last call counts; an old one need not be woken.
#[test]
fn the_last_waker_counts() {
    let (mut ours, mut theirs) = pair();
    let (old, new) = (counter(), counter());
    let mut buf = [0; 8];
    for (_, waker) in [&old, &new] {
        let mut cx = Context::from_waker(waker);
        assert!(ours.reader_mut().poll_read(&mut cx, &mut buf).is_pending());
    }
    theirs.write_all(b"x").unwrap();
    assert_eq!(new.0.count(), 1);
}

// shows C2: vectored reads and writes, around the edge of the buffer at every offset.
#[test]
fn vectored() {
    within("vectored", || {
        let (mut ours, mut theirs) = pair_of(16);
        let mut at = 0;
        for turn in 0..50u64 {
            let sent = pattern_bytes(at, 1 + (turn as usize * 7) % 16);
            let (a, b) = sent.split_at(sent.len() / 3);
            let bufs = [IoSlice::new(a), IoSlice::new(&[]), IoSlice::new(b)];
            let n = match turn % 2 {
                0 => ours.write_vectored(&bufs).unwrap(),
                _ => Write::write_vectored(ours.writer_mut(), &bufs).unwrap(),
            };
            assert_eq!(n, sent.len());
            at += n as u64;
            let (mut x, mut y) = ([0; 5], [0; 11]);
            let mut bufs = [
                IoSliceMut::new(&mut x),
                IoSliceMut::new(&mut []),
                IoSliceMut::new(&mut y),
            ];
            let n = match turn % 2 {
                0 => theirs.read_vectored(&mut bufs).unwrap(),
                _ => Read::read_vectored(theirs.reader_mut(), &mut bufs).unwrap(),
            };
            assert_eq!(n, sent.len());
            assert_eq!([&x[..], &y[..]].concat()[..n], sent);
        }
        let (_, waker) = counter();
        let mut cx = Context::from_waker(&waker);
        let bufs = [IoSlice::new(&[1; 20]), IoSlice::new(&[2; 20])];
        let writer = ours.writer_mut();
        assert!(matches!(
            writer.poll_write_vectored(&mut cx, &bufs),
            Poll::Ready(Ok(16))
        ));
        assert!(writer.poll_write_vectored(&mut cx, &bufs).is_pending());
        let (mut x, mut y) = ([0; 4], [0; 40]);
        let mut bufs = [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)];
        let reader = theirs.reader_mut();
        assert!(matches!(
            reader.poll_read_vectored(&mut cx, &mut bufs),
            Poll::Ready(Ok(16))
        ));
        assert!(reader.poll_read_vectored(&mut cx, &mut bufs).is_pending());
    });
}

// shows C2: BufRead: lines, longer than the buffer too.
#[test]
fn lines() {
    within("lines", || {
        let (ours, theirs) = pair_of(16);
        let expected: Vec<String> = (0..200)
            .map(|n| format!("line {n} {}", "x".repeat(n)))
            .collect();
        let text = expected.join("\n");
        let writing = std::thread::spawn(move || {
            let (_reader, mut writer) = ours.split();
            writeln!(writer, "{text}").unwrap();
        });
        let (reader, _writer) = theirs.split();
        let got: Vec<String> = reader.lines().map(Result::unwrap).collect();
        assert_eq!(got, expected);
        writing.join().unwrap();
    });
}

// shows C2: the traits of std::io, on a channel as on its halves.
#[test]
fn std_io() {
    within("std::io", || {
        let (mut ours, mut theirs) = pair();
        let sent = pattern_bytes(3, 50_000);
        io::copy(&mut &sent[..], &mut ours).unwrap();
        ours.finish().unwrap();
        let mut first = [0; 7];
        Read::read_exact(&mut theirs, &mut first).unwrap();
        assert_eq!(BufRead::fill_buf(&mut theirs).unwrap()[0], sent[7]);
        BufRead::consume(&mut theirs, 0);
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).unwrap();
        assert_eq!([&first[..], &rest].concat(), sent);
        let error = Read::read_exact(&mut theirs, &mut first).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        drop(theirs);
        let (_reader, mut writer) = pair().0.split();
        let error = Write::write(&mut writer, b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        // Errors are the crate's own inside.
        let inner = error.get_ref().unwrap().downcast_ref::<WriteError>();
        assert!(matches!(inner, Some(WriteError::PeerClosed)));
        Write::flush(&mut writer).unwrap();
    });
}
