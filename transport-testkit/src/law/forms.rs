//! C3: time limits, and calls that never block.

use std::time::{Duration, Instant};

use channel::{ReadError, WriteError};

use crate::suite::streams::{check, expect, expect_all, fill, fill_until};
use crate::suite::support::{bytes, eventually, go, left};
use crate::suite::world::World;

/// The limits that are tried: below and above the spinning and the ticks of most timers.
const LIMITS: [u64; 6] = [1, 3, 7, 15, 30, 60];

pub(crate) fn c3_a_read_never_times_out_early(w: &World) {
    let (mut ours, _theirs) = w.pair();
    for limit in LIMITS.map(Duration::from_millis) {
        let start = Instant::now();
        let result = ours.read_timeout(&mut [0; 8], limit);
        let took = start.elapsed();
        assert!(matches!(result, Err(ReadError::TimedOut)), "{result:?}");
        assert!(
            took >= limit,
            "a limit of {limit:?} was over after {took:?}"
        );
        let start = Instant::now();
        let result = ours.reader_mut().fill_buf_timeout(limit).map(<[u8]>::len);
        let took = start.elapsed();
        assert!(matches!(result, Err(ReadError::TimedOut)), "{result:?}");
        assert!(
            took >= limit,
            "a limit of {limit:?} was over after {took:?}"
        );
    }
}

pub(crate) fn c3_a_write_never_times_out_early(w: &World) {
    let (_ours, mut theirs) = w.pair_of(256);
    fill(theirs.writer_mut(), 1, 0);
    for limit in LIMITS.map(Duration::from_millis) {
        loop {
            let start = Instant::now();
            let result = theirs.write_timeout(b"x", limit);
            let took = start.elapsed();
            // A carrier may still find some room; then it is tried again.
            if result.is_ok() && !left().is_zero() {
                continue;
            }
            assert!(matches!(result, Err(WriteError::TimedOut)), "{result:?}");
            assert!(
                took >= limit,
                "a limit of {limit:?} was over after {took:?}"
            );
            break;
        }
    }
}

pub(crate) fn c3_a_time_limit_ends_with_the_byte(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let reading = go(move || (ours.read_timeout(&mut [0; 8], Duration::MAX), ours));
    theirs.write_all(b"x").unwrap();
    let (result, mut ours) = reading.join("a read with a limit, for which a byte came");
    assert_eq!(result.unwrap(), 1);
    // And at once, if it is there already.
    theirs.write_all(b"y").unwrap();
    eventually("a byte lies there", || {
        ours.reader_mut().try_fill_buf().is_ok()
    });
    assert_eq!(ours.read_timeout(&mut [0; 8], Duration::ZERO).unwrap(), 1);
}

pub(crate) fn c3_a_timed_out_read_loses_nothing(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let length = 1500;
    let mut rng = w.rng(0);
    let writing = go(move || {
        for at in 0..length {
            theirs.write_all(&bytes(1, at, 1)).unwrap();
            rng.spin(6_000);
        }
    });
    let (mut at, mut late, mut buf) = (0, 0, [0; 16]);
    loop {
        match ours.read_timeout(&mut buf, Duration::from_micros(20)) {
            Ok(0) => break,
            Ok(n) => {
                check(1, at, &buf[..n]);
                at += n;
            }
            Err(ReadError::TimedOut) => late += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(
            !left().is_zero(),
            "{at} of {length} bytes, {late} reads timed out"
        );
    }
    assert_eq!(
        at, length,
        "bytes read ({late} reads timed out), bytes written"
    );
    writing.join("the writer");
}

pub(crate) fn c3_a_timed_out_write_takes_nothing(w: &World) {
    let (ours, mut theirs) = w.pair_of(256);
    let (mut our_reader, our_writer) = ours.split();
    let mut written = fill(theirs.writer_mut(), 1, 0);
    let target = written + w.large() / 4;
    let mut late = 0;
    // It starts to read only when some writes have timed out.
    let (tell, told) = std::sync::mpsc::channel();
    let reading = go(move || {
        let _ = told.recv();
        let (read, error) = crate::suite::streams::read_to_end(&mut our_reader, 1);
        drop(our_writer);
        (read, error)
    });
    while written < target {
        match theirs.write_timeout(&bytes(1, written, 999), Duration::from_micros(50)) {
            Ok(n) => written += n,
            Err(WriteError::TimedOut) => late += 1,
            Err(error) => panic!("{error}"),
        }
        if late == 5 {
            let _ = tell.send(());
        }
        assert!(
            !left().is_zero(),
            "{written} of {target} bytes, {late} writes timed out"
        );
    }
    drop(theirs);
    drop(tell);
    let (read, error) = reading.join("the reader");
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        read, written,
        "bytes read, bytes written ({late} writes timed out)"
    );
}

pub(crate) fn c3_a_call_that_never_blocks(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let mut buf = [0; 8];
    let nothing = ours.try_read(&mut buf);
    assert!(matches!(nothing, Err(ReadError::WouldBlock)), "{nothing:?}");
    assert!(matches!(
        ours.reader_mut().try_fill_buf(),
        Err(ReadError::WouldBlock)
    ));
    theirs.write_all(&bytes(1, 0, 5)).unwrap();
    let mut at = 0;
    eventually("five bytes can be read without blocking", || {
        match ours.try_read(&mut buf) {
            Ok(n) => {
                check(1, at, &buf[..n]);
                at += n;
            }
            Err(ReadError::WouldBlock) => {}
            Err(error) => panic!("{error}"),
        }
        at == 5
    });
    let filled = fill_until(theirs.writer_mut(), 2, |writer, next| {
        match writer.try_write(next) {
            Err(WriteError::WouldBlock) => None,
            taken => Some(taken.unwrap()),
        }
    });
    expect(ours.reader_mut(), 2, 0, filled);
    let mut more = 0;
    eventually("there is room without blocking", || {
        match theirs.try_write(&bytes(2, filled, 3)) {
            Ok(n) => more = n,
            Err(WriteError::WouldBlock) => {}
            Err(error) => panic!("{error}"),
        }
        more > 0
    });
    theirs.finish().unwrap();
    let (mut reader, _writer) = ours.split();
    expect(&mut reader, 2, filled, more);
    expect_all(&mut reader, 2, 0);
}

pub(crate) fn c3_a_cut_read_exact_tells_what_it_read(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 3)).unwrap();
    let mut buf = [0; 8];
    let limit = Duration::from_millis(100);
    let start = Instant::now();
    let cut = ours.read_exact_timeout(&mut buf, limit).unwrap_err();
    assert!(
        start.elapsed() >= limit,
        "it was over after {:?}",
        start.elapsed()
    );
    assert!(matches!(cut.error, Some(ReadError::TimedOut)), "{cut:?}");
    assert_eq!(cut.wanted, 8);
    check(1, 0, &buf[..cut.read]);
    theirs.write_all(&bytes(1, 3, 2)).unwrap();
    expect(ours.reader_mut(), 1, cut.read, 5 - cut.read);
    theirs.finish().unwrap();
    let end = ours.read_exact(&mut buf).unwrap_err();
    assert!(end.error.is_none() && end.read == 0, "{end:?}");
}

pub(crate) fn c3_forms_can_be_mixed(w: &World) {
    // Each call leaves a waker of another kind; the last one is the one that counts.
    let (mut ours, mut theirs) = w.pair();
    for at in 0..50 {
        let mut buf = [0; 1];
        let (wakes, waker) = crate::suite::support::counter();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(ours.poll_read(&mut cx, &mut buf).is_pending());
        assert!(matches!(
            ours.try_read(&mut buf),
            Err(ReadError::WouldBlock)
        ));
        let reading = go(move || {
            let mut buf = [0; 1];
            let n = ours.read_timeout(&mut buf, Duration::MAX);
            (n, buf, ours)
        });
        theirs.write_all(&bytes(1, at, 1)).unwrap();
        let (n, buf, back) = reading.join("a blocking read after a poll");
        assert_eq!(n.unwrap(), 1);
        check(1, at, &buf);
        ours = back;
        drop(wakes);
    }
}
