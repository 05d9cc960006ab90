//! C3: no limit is over much too late, or is cut down; calls that never block are fast, and what
//! waits is left in peace.

use std::task::Context;
use std::time::{Duration, Instant};

use channel::{ReadError, WriteError};

use crate::suite::streams::{fill, must_end};
use crate::suite::support::{blocked, counter, left};
use crate::suite::world::World;

/// What a call may take beyond its limit, in the best of a few tries.
const GRACE: Duration = Duration::from_millis(200);

/// How often what is to be fast is tried: on a busy machine it may have to wait for its turn, but not
/// every time.
pub(super) const TRIES: usize = 10;

/// The shortest of [`TRIES`]; the rest is not tried once one is below `enough`.
pub(super) fn fastest(enough: Duration, mut once: impl FnMut() -> Duration) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        best = best.min(once());
        if best < enough {
            break;
        }
    }
    best
}

#[track_caller]
fn is_over_in_time(what: &str, limit: Duration, mut times_out: impl FnMut() -> bool) {
    let took = fastest(limit + GRACE, || {
        loop {
            let start = Instant::now();
            let timed_out = times_out();
            let took = start.elapsed();
            if timed_out {
                return took;
            }
        }
    });
    assert!(
        took < limit + GRACE,
        "{what}: a limit of {limit:?} was over after {took:?}, in the best of {TRIES} tries"
    );
}

pub(crate) fn c3_no_limit_is_over_late(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    for limit in [0, 5, 50].map(Duration::from_millis) {
        is_over_in_time("read", limit, || {
            let nothing = theirs.read_timeout(&mut [0; 8], limit);
            assert!(matches!(nothing, Err(ReadError::TimedOut)), "{nothing:?}");
            true
        });
        is_over_in_time("fill_buf", limit, || {
            let nothing = theirs.reader_mut().fill_buf_timeout(limit).map(<[u8]>::len);
            assert!(matches!(nothing, Err(ReadError::TimedOut)), "{nothing:?}");
            true
        });
    }
    fill(theirs.writer_mut(), 1, 0);
    for limit in [0, 5, 50].map(Duration::from_millis) {
        is_over_in_time("write", limit, || {
            match theirs.write_timeout(b"x", limit) {
                Err(WriteError::TimedOut) => true,
                // A carrier may still find some room; then it is tried again.
                Ok(_) if !left().is_zero() => false,
                other => panic!("{other:?}"),
            }
        });
    }
    ours.reader_mut().fill_buf().unwrap();
}

pub(crate) fn c3_a_long_limit_is_kept(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(256));
    let hour = Duration::from_secs(3600);
    let (ours, theirs) = place.meet(1);
    let handles = (ours.handle(), theirs.handle());
    let (mut full, mut flooded) = place.meet(1);
    fill(full.writer_mut(), 1, 0);
    fill(flooded.writer_mut(), 2, 0);
    let full_handles = (full.handle(), flooded.handle());
    let reads = [(ours, hour), (theirs, Duration::MAX)];
    let reads = reads.map(|(mut channel, limit)| {
        blocked(move || channel.read_timeout(&mut [0; 8], limit).map(drop))
    });
    let writes = [(full, Duration::MAX), (flooded, hour)];
    let writes = writes.map(|(mut channel, limit)| {
        blocked(move || {
            loop {
                // A carrier may have taken a little more meanwhile.
                if let Err(error) = channel.write_timeout(b"x", limit) {
                    return error;
                }
            }
        })
    });
    // Here time itself is the matter: nothing happens in it.
    std::thread::sleep(Duration::from_millis(1100));
    let early = reads.iter().filter(|going| going.is_over()).count();
    assert_eq!(early, 0, "reads with an hour or more were over in a second");
    let early = writes.iter().filter(|going| going.is_over()).count();
    assert_eq!(
        early, 0,
        "writes with an hour or more were over in a second"
    );
    for handle in [handles.0, handles.1, full_handles.0, full_handles.1] {
        handle.disconnect();
    }
    for read in reads {
        let _ = read.join("a read with a long limit, after a disconnect");
    }
    for write in writes {
        write.join("a write with a long limit, after a disconnect");
    }
}

/// Takes the slowest of 20 calls, for the round where it was fastest.
#[track_caller]
fn never_blocks(what: &str, mut call: impl FnMut()) {
    let slow = Duration::from_millis(15);
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let start = Instant::now();
            call();
            slowest = slowest.max(start.elapsed());
        }
        best = best.min(slowest);
        if best < slow {
            return;
        }
    }
    panic!("{what}: of 20 calls one took {best:?}, in the best of {TRIES} rounds");
}

pub(crate) fn c3_a_try_is_fast(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    never_blocks("try_read", || drop(theirs.try_read(&mut [0; 8])));
    never_blocks("try_fill_buf", || {
        let _ = theirs.reader_mut().try_fill_buf().map(<[u8]>::len);
    });
    never_blocks("poll_read", || {
        let _ = theirs.poll_read(&mut cx, &mut [0; 8]);
    });
    fill(theirs.writer_mut(), 1, 0);
    never_blocks("try_write", || drop(theirs.try_write(b"x")));
    never_blocks("poll_write", || {
        let _ = theirs.poll_write(&mut cx, b"x");
    });
    ours.reader_mut().fill_buf().unwrap();
}

/// What a poll came to that may have been woken in vain.
#[derive(PartialEq)]
enum Came {
    Nothing,
    Something,
}

/// Polls whenever it is woken, for a tenth of a second and a number of looks (a machine that is busy
/// elsewhere may have time for very few): how often that was for nothing.
fn wakes_for_nothing(mut poll: impl FnMut(&mut Context<'_>) -> Came) -> usize {
    let (wakes, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    poll(&mut cx);
    let start = Instant::now();
    let (mut seen, mut in_vain, mut looks) = (0, 0, 0);
    while start.elapsed() < Duration::from_millis(100) || looks < 10 * FEW {
        looks += 1;
        if wakes.count() > seen {
            seen = wakes.count();
            in_vain += usize::from(poll(&mut cx) == Came::Nothing);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    in_vain
}

/// Few: a carrier that puts things off, or clears up after itself, may wake in vain now and then.
const FEW: usize = 12;

pub(crate) fn c3_what_waits_is_left_in_peace(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let woken = wakes_for_nothing(|cx| {
        let read = theirs.poll_read(cx, &mut [0; 8]);
        assert!(read.is_pending(), "there is nothing to be read: {read:?}");
        Came::Nothing
    });
    assert!(
        woken <= FEW,
        "a read was woken {woken} times, and no byte came"
    );
    fill(theirs.writer_mut(), 1, 0);
    let woken = wakes_for_nothing(|cx| {
        // A carrier may find a little more room, time and again: then the wake was not in vain.
        let mut came = Came::Nothing;
        for taken in 0.. {
            if theirs.poll_write(cx, b"x").is_pending() {
                break;
            }
            came = Came::Something;
            must_end(taken);
        }
        came
    });
    assert!(
        woken <= FEW,
        "a write was woken {woken} times, and no room came"
    );
    ours.reader_mut().fill_buf().unwrap();
}
