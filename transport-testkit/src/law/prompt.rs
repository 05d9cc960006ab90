//! C4, C5, C7: who leaves does not wait, however much of its bytes is underway.

use std::time::{Duration, Instant};

use channel::Channel;

use super::limits::{TRIES, fastest};
use crate::suite::streams::{expect_all, fill};
use crate::suite::world::World;

/// What counts as at once, in the best of a few tries.
const AT_ONCE: Duration = Duration::from_millis(120);

/// An end that has full buffers on both its ways leaves, and does not wait for that; what it wrote
/// arrives.
#[track_caller]
fn leaves_at_once(w: &World, leave: impl Fn(Channel) -> Option<Channel>) {
    let took = fastest(AT_ONCE, || {
        let (mut ours, mut theirs) = w.pair_of(4096);
        fill(ours.writer_mut(), 2, 0);
        let filled = fill(theirs.writer_mut(), 1, 0);
        let start = Instant::now();
        let kept = leave(theirs);
        let took = start.elapsed();
        expect_all(ours.reader_mut(), 1, filled);
        drop(kept);
        took
    });
    assert!(
        took < AT_ONCE,
        "it took {took:?}, in the best of {TRIES} tries"
    );
}

pub(crate) fn c4_a_disconnect_returns_at_once(w: &World) {
    leaves_at_once(w, |channel| {
        channel.disconnect();
        Some(channel)
    });
}

pub(crate) fn c5_a_finish_returns_at_once(w: &World) {
    leaves_at_once(w, |mut channel| {
        channel.finish().unwrap();
        Some(channel)
    });
}

pub(crate) fn c7_a_drop_returns_at_once(w: &World) {
    leaves_at_once(w, |channel| {
        drop(channel);
        None
    });
}
