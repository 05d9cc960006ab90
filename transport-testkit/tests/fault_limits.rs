//! A call that is put off keeps its contract: its time limit, its waker, its end by a disconnect.
#![cfg(unix)]

mod fault_support;

use std::io::{IoSlice, IoSliceMut};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use channel::{Poller, ReadError, WriteError};
use fault_support::{BOTH, LONG, World, counter, eventually, pattern_bytes, within};
use transport_testkit::fault::{MAX_STALL, Plan, seed};

/// Every operation of the connector is put off, for up to a minute: nothing waits that long here.
const STALLED: [(&str, &str); 2] = [("stall", "1"), ("stall-ms", "60000")];

/// Short enough for a handshake to get through them.
const STALLED_A_LITTLE: [(&str, &str); 2] = [("stall", "1"), ("stall-ms", "500")];

// shows T7, C3: a time limit is never over early, and what a call that ran out of time has not
// moved is moved by a later one.
#[test]
fn time_limits_hold_under_stalls() {
    let seed = seed("time_limits_hold_under_stalls");
    for over in BOTH {
        within("time limits", move || {
            let plan = Plan::new(seed).stall(0.5, Duration::from_millis(8));
            let world = World::new(over, plan);
            let (mut ours, mut theirs) = world.pair(&[]);
            let sent = pattern_bytes(0, 200);
            let (mut written, mut late) = (0, 0);
            let mut got = Vec::new();
            while got.len() < sent.len() {
                for limit in [0, 1, 3].map(Duration::from_millis) {
                    let start = Instant::now();
                    let end = sent.len().min(written + 7);
                    if end > written {
                        match ours.write_timeout(&sent[written..end], limit) {
                            Ok(n) => written += n,
                            Err(WriteError::TimedOut) => {
                                late += 1;
                                assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                    let (start, mut buf) = (Instant::now(), [0; 16]);
                    let read = match got.len() % 2 {
                        0 => theirs.read_timeout(&mut buf, limit),
                        _ => theirs.reader_mut().fill_buf_timeout(limit).map(|lent| {
                            buf[0] = lent[0];
                            1
                        }),
                    };
                    match read {
                        Ok(n) => {
                            if got.len() % 2 == 1 {
                                theirs.reader_mut().consume(1);
                            }
                            got.extend_from_slice(&buf[..n]);
                        }
                        Err(ReadError::TimedOut) => {
                            late += 1;
                            assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_eq!(got, sent);
            assert!(late > 0, "no limit was hit");
            let fired = world.fired().expect_some();
            assert!(fired.stalls > 0, "{fired}");
        });
    }
}

// shows T7, C3: a call in a stall that is longer than its limit ends with the limit.
#[test]
fn a_long_stall_ends_with_the_time_limit() {
    for over in BOTH {
        within("a limit inside of a stall", move || {
            let world = World::new(over, Plan::new(1));
            let (mut theirs, mut ours) = world.pair(&STALLED_A_LITTLE);
            let limit = Duration::from_millis(20);
            // Now and then a stall is shorter than that.
            let (start, error) = loop {
                theirs.write_all(b"there").unwrap();
                let start = Instant::now();
                if let Err(error) = ours.read_timeout(&mut [0; 8], limit) {
                    break (start, error);
                }
            };
            assert!(matches!(error, ReadError::TimedOut), "{error}");
            assert!(start.elapsed() >= limit);
            assert!(start.elapsed() < MAX_STALL / 4, "{:?}", start.elapsed());
        });
    }
}

// shows T7, C4: whoever is put off is not beyond a disconnect.
#[test]
fn a_disconnect_ends_a_stall() {
    within("a disconnect in a stall", || {
        let world = World::new(fault_support::Over::Mem, Plan::new(1));
        let start = Instant::now();
        // A blocking call.
        let (_theirs, ours) = world.pair(&STALLED);
        let handle = ours.handle();
        let reading = thread::spawn(move || {
            let mut ours = ours;
            ours.read(&mut [0; 8]).unwrap_err()
        });
        eventually("stalled", || world.fired().stalls == 1);
        handle.disconnect();
        assert!(matches!(reading.join().unwrap(), ReadError::Disconnected));
        // A poll.
        let (_theirs, mut ours) = world.pair(&STALLED);
        let (wakes, waker) = counter();
        let mut cx = Context::from_waker(&waker);
        assert!(ours.poll_write(&mut cx, b"x").is_pending());
        assert_eq!(wakes.count(), 0, "not from inside of the call");
        ours.handle().disconnect();
        eventually("woken", || wakes.count() > 0);
        assert!(ours.poll_write(&mut cx, b"x").is_ready());
        assert!(start.elapsed() < MAX_STALL / 4, "{:?}", start.elapsed());
    });
}

// shows T7: only the waker of the last call counts, also while a call is put off.
#[test]
fn the_waker_of_the_last_call_is_woken() {
    within("wakers", || {
        let world = World::new(fault_support::Over::Mem, Plan::new(1));
        let (mut theirs, mut ours) = world.pair(&[("stall", "1"), ("stall-ms", "100")]);
        theirs.write_all(b"there").unwrap();
        for _ in 0..5 {
            let (first, first_waker) = counter();
            let (last, last_waker) = counter();
            let mut buf = [0; 1];
            let poll = ours.poll_read(&mut Context::from_waker(&first_waker), &mut buf);
            assert!(poll.is_pending());
            let poll = ours.poll_read(&mut Context::from_waker(&last_waker), &mut buf);
            // Ready only if this thread did not run for as long as the stall.
            if poll.is_pending() {
                eventually("the last one is woken", || last.count() > 0);
                assert_eq!(first.count(), 0, "the first one counts no more");
                let poll = ours.poll_read(&mut Context::from_waker(&last_waker), &mut buf);
                assert!(matches!(poll, Poll::Ready(Ok(1))), "{poll:?}");
            }
        }
        // When the time is up it waits for the wrapped connection, with the same waker.
        let (wakes, waker) = counter();
        let (mut cx, mut buf) = (Context::from_waker(&waker), [0; 1]);
        assert!(ours.poll_read(&mut cx, &mut buf).is_pending());
        eventually("the stall is over", || wakes.count() == 1);
        assert!(ours.poll_read(&mut cx, &mut buf).is_pending(), "no byte");
        theirs.write_all(b"x").unwrap();
        eventually("the byte is told", || wakes.count() == 2);
        let poll = ours.poll_read(&mut cx, &mut buf);
        assert!(matches!(poll, Poll::Ready(Ok(1))), "{poll:?}");
    });
}

// shows T7, C4: a refusal stays one: what has failed is not put off, or it would look like no room.
#[test]
fn what_has_failed_fails_at_once() {
    within("refusals", || {
        let plan = Plan::new(1).delay(1.0);
        let world = World::new(fault_support::Over::Mem, plan);
        let (ours, mut theirs) = world.pair(&[]);
        drop(ours);
        let error = theirs.write(b"x").unwrap_err();
        assert!(matches!(error, WriteError::PeerClosed), "{error}");
        let delays = world.fired().delays;
        for _ in 0..20 {
            let error = theirs.try_write(b"x").unwrap_err();
            assert!(matches!(error, WriteError::PeerClosed), "{error}");
        }
        // The other half, which may be asked why, says its part at once too.
        assert_eq!(theirs.try_read(&mut [0]).unwrap(), 0);
        assert_eq!(world.fired().delays, delays);
    });
}

// shows T7, C3: the poller hears when a put-off call can go on.
#[test]
fn a_poller_is_told_after_a_stall() {
    for over in BOTH {
        within("poller", move || {
            let world = World::new(over, Plan::new(1));
            let (mut theirs, mut ours) = world.pair(&[("stall", "1"), ("stall-ms", "3")]);
            let poller = Poller::new();
            ours.reader_mut().register(&poller, 1);
            theirs.write_all(&pattern_bytes(0, 50)).unwrap();
            let (mut got, mut keys) = (Vec::new(), Vec::new());
            while got.len() < 50 {
                poller.wait_timeout(&mut keys, LONG).expect("a key");
                let mut buf = [0; 9];
                loop {
                    match ours.try_read(&mut buf) {
                        Ok(n) => got.extend_from_slice(&buf[..n]),
                        Err(ReadError::WouldBlock) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            assert_eq!(got, pattern_bytes(0, 50));
            assert!(world.fired().stalls > 5, "{}", world.fired());
        });
    }
}

// shows T7, C3: what a fill has shown is there, and no read has to wait for it.
#[test]
fn what_was_shown_is_read_at_once() {
    for over in BOTH {
        within("shown and read", move || {
            let world = World::new(over, Plan::new(5));
            let (mut theirs, mut ours) = world.pair(&[("stall", "1"), ("stall-ms", "3")]);
            for round in 0..20 {
                theirs.write_all(b"y").unwrap();
                assert_eq!(ours.reader_mut().fill_buf().unwrap(), b"y");
                let read = match round % 2 {
                    0 => ours.read_timeout(&mut [0; 8], Duration::ZERO),
                    _ => ours.try_read(&mut [0; 8]),
                };
                assert_eq!(read.unwrap(), 1, "round {round}");
            }
        });
    }
}

// shows T7: a short fill shows fewer bytes than there are, and those behind them come later.
#[test]
fn a_short_fill_hides_the_rest_for_a_while() {
    let world = World::new(fault_support::Over::Mem, Plan::new(5));
    let (mut theirs, ours) = world.pair(&[("split", "1")]);
    let sent = pattern_bytes(0, 10_000);
    theirs.write_all(&sent).unwrap();
    let (mut reader, _writer) = ours.split();
    let (mut got, mut fills) = (Vec::new(), 0);
    while got.len() < sent.len() {
        let shown = reader.fill_buf().unwrap().to_vec();
        assert_eq!(shown, reader.buffer());
        assert_eq!(shown, reader.fill_buf().unwrap(), "the same until consumed");
        reader.consume(shown.len());
        assert!(reader.buffer().is_empty());
        got.extend_from_slice(&shown);
        fills += 1;
    }
    assert!(got == sent);
    assert!(fills > 5, "{fills} fills");
    assert!(world.fired().splits >= fills - 1, "{}", world.fired());
}

// shows T7: poll functions of the seam, without anything around them.
#[test]
fn polls_go_through_the_faults_too() {
    use channel::transport::{Listener, Transport};
    // Longer than this thread may have to wait for its turn in the middle of a call.
    let longest = Duration::from_secs(1);
    let plan = Plan::new(1).split(1.0).stall(1.0, longest);
    let fault = transport_testkit::fault::Fault::new(channel::mem::Mem::new(), plan);
    let at = "fault+mem://x".parse().unwrap();
    let options = channel::Options::new();
    let mut listener: Box<dyn Listener> = fault.listen(&at, &options).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut dial = fault.dial(&at, &options);
    let Poll::Ready(Ok(mut ours)) = dial.as_mut().poll(&mut cx) else {
        panic!("memory answers at once");
    };
    let Poll::Ready(Ok(mut theirs)) = listener.poll_accept(&mut cx) else {
        panic!("memory answers at once");
    };
    let (wakes, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let sent = [5; 9000];
    let bufs = [IoSlice::new(&sent)];
    assert!(ours.sink.poll_write(&mut cx, &bufs).is_pending());
    eventually("woken", || wakes.count() == 1);
    let Poll::Ready(Ok(n)) = ours.sink.poll_write(&mut cx, &bufs) else {
        panic!("it was put off once");
    };
    assert!(n < 9000);
    let mut buf = [0; 9000];
    let mut slices = [IoSliceMut::new(&mut buf)];
    assert!(theirs.source.poll_read(&mut cx, &mut slices).is_pending());
    eventually("woken", || wakes.count() == 2);
    let read = theirs.source.poll_read(&mut cx, &mut slices);
    assert!(matches!(read, Poll::Ready(Ok(m)) if m <= n), "{read:?}");
    assert!(ours.sink.poll_flush(&mut cx).is_pending());
    eventually("woken", || wakes.count() == 3);
    assert!(matches!(ours.sink.poll_flush(&mut cx), Poll::Ready(Ok(()))));
    let fired = fault.fired();
    assert_eq!((fired.stalls, fired.calls), (3, 8), "{fired}");
}
