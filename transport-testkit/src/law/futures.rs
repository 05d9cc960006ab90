//! C3: the forms for async programs.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use crate::suite::streams::{check, expect, expect_all, fill_until};
use crate::suite::support::{block_on, bytes, counter, eventually, go, left};
use crate::suite::world::World;

pub(crate) fn c3_a_pending_read_is_woken(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    for at in 0..20 {
        let (wakes, waker) = counter();
        let mut cx = Context::from_waker(&waker);
        let mut buf = [0; 8];
        let first = ours.poll_read(&mut cx, &mut buf);
        assert!(first.is_pending(), "nothing is there: {first:?}");
        theirs.write_all(&bytes(1, at, 1)).unwrap();
        let mut seen = 0;
        let n = loop {
            eventually("a pending read is woken by a byte", || wakes.count() > seen);
            seen = wakes.count();
            // Woken for nothing is allowed.
            if let Poll::Ready(result) = ours.poll_read(&mut cx, &mut buf) {
                break result.unwrap();
            }
        };
        assert_eq!(n, 1);
        check(1, at, &buf[..1]);
    }
}

pub(crate) fn c3_a_pending_write_is_woken(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let (wakes, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let filled = fill_until(theirs.writer_mut(), 1, |writer, next| {
        match writer.poll_write(&mut cx, next) {
            Poll::Ready(result) => Some(result.unwrap()),
            Poll::Pending => None,
        }
    });
    let data = bytes(1, filled, 1);
    expect(ours.reader_mut(), 1, 0, filled);
    let mut seen = 0;
    loop {
        eventually("a pending write is woken by room", || wakes.count() > seen);
        seen = wakes.count();
        if let Poll::Ready(result) = theirs.poll_write(&mut cx, &data) {
            assert_eq!(result.unwrap(), 1);
            break;
        }
    }
    expect(ours.reader_mut(), 1, filled, 1);
}

pub(crate) fn c3_futures_carry_a_large_transfer(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(4096);
    let length = w.large();
    let writing = go(move || {
        block_on(async {
            for at in (0..length).step_by(10_000) {
                let n = (length - at).min(10_000);
                theirs.write_all_async(&bytes(1, at, n)).await.unwrap();
            }
            theirs.writer_mut().flush_async().await.unwrap();
        });
    });
    block_on(async {
        let (mut at, mut buf) = (0, vec![0; 7777]);
        loop {
            let n = ours.read_async(&mut buf).await.unwrap();
            if n == 0 {
                break;
            }
            check(1, at, &buf[..n]);
            at += n;
        }
        assert_eq!(at, length, "bytes read, bytes written");
    });
    writing.join("the writer");
}

pub(crate) fn c3_a_dropped_read_future_loses_nothing(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    let length = 2000;
    let mut rng = w.rng(0);
    let writing = go(move || {
        for at in 0..length {
            theirs.write_all(&bytes(1, at, 1)).unwrap();
            rng.spin(5000);
        }
    });
    let (mut at, mut buf) = (0, [0; 16]);
    while at < length {
        // Polled once, then dropped if it is not ready: again and again, while bytes come in.
        let mut future = Box::pin(ours.read_async(&mut buf));
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        drop(future);
        if let Poll::Ready(result) = polled {
            let n = result.unwrap();
            assert!(n > 0, "the end came after {at} of {length} bytes");
            check(1, at, &buf[..n]);
            at += n;
        }
        assert!(!left().is_zero(), "{at} of {length} bytes came");
    }
    expect_all(ours.reader_mut(), 1, 0);
    writing.join("the writer");
}

pub(crate) fn c3_a_dropped_write_future_takes_nothing(w: &World) {
    let (mut ours, theirs) = w.pair_of(256);
    let (_their_reader, mut writer) = theirs.split();
    let written = fill_until(&mut writer, 1, |writer, next| {
        let mut future = Box::pin(writer.write_async(next));
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        drop(future);
        match polled {
            Poll::Ready(result) => Some(result.unwrap()),
            Poll::Pending => None,
        }
    });
    drop(writer);
    expect_all(ours.reader_mut(), 1, written);
}
