//! What is drawn for each operation of one half: whether it is put off, how long, and how much of
//! it may pass.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_io::Timer;

use super::link::Link;
use super::plan::Plan;
use super::rng::Rng;

/// Longest and shortest delay, in microseconds.
const DELAY: std::ops::Range<u64> = 20..200;

pub(super) struct Pace {
    rng: Rng,
    plan: Plan,
    direction: u8,
    /// The operation that has begun and is not through.
    op: Option<Op>,
}

struct Op {
    pause: Option<Pause>,
    /// How many bytes may pass.
    most: usize,
}

struct Pause {
    end: Instant,
    timer: Option<Timer>,
}

impl Pace {
    pub(super) fn new(rng: Rng, plan: Plan, direction: u8) -> Pace {
        Pace {
            rng,
            plan,
            direction,
            op: None,
        }
    }

    /// The operation under way, or a new one. Always draws as many numbers, so that what one
    /// operation is like does not depend on whether another was hit.
    fn op(&mut self, link: &Link) -> &mut Op {
        let (rng, plan) = (&mut self.rng, &self.plan);
        self.op.get_or_insert_with(|| {
            let stalls = rng.chance(plan.stall);
            let delays = rng.chance(plan.delay);
            let splits = rng.chance(plan.split);
            let (time, few, many) = (rng.next(), rng.below(2) == 0, rng.next());
            let length = if link.no_pause() {
                None
            } else if stalls {
                link.counters.stalls.add();
                let longest = plan.longest_stall.as_micros() as u64;
                Some(1_000 + time % longest.saturating_sub(1_000).max(1))
            } else if delays {
                link.counters.delays.add();
                Some(DELAY.start + time % (DELAY.end - DELAY.start))
            } else {
                None
            };
            // Few bytes find the edges of headers and of messages, more those of buffers.
            let most = 1 + many % if few { 8 } else { 4096 };
            Op {
                pause: length.map(|micros| Pause {
                    end: Instant::now() + Duration::from_micros(micros),
                    timer: None,
                }),
                most: if splits { most as usize } else { usize::MAX },
            }
        })
    }

    /// Ready when the operation may go on.
    pub(super) fn poll_pause(&mut self, link: &Link, cx: &mut Context<'_>) -> Poll<()> {
        let direction = self.direction;
        let op = self.op(link);
        if let Some(pause) = &mut op.pause {
            let timer = pause.timer.get_or_insert_with(|| Timer::at(pause.end));
            link.pausing(direction, Some(cx.waker()));
            if !link.no_pause() {
                ready!(Pin::new(timer).poll(cx));
            }
            link.pausing(direction, None);
            op.pause = None;
        }
        Poll::Ready(())
    }

    /// The same for a blocking call; `false` when its time is up. The rest of the pause is for the
    /// next call.
    pub(super) fn pause(&mut self, link: &Link, until: Option<Instant>) -> bool {
        let op = self.op(link);
        if let Some(pause) = &op.pause {
            let end = until.map_or(pause.end, |until| until.min(pause.end));
            link.pause_until(end);
            if end < pause.end && !link.no_pause() {
                return false;
            }
            op.pause = None;
        }
        true
    }

    /// How many bytes of the operation may pass.
    pub(super) fn most(&self) -> usize {
        self.op.as_ref().map_or(usize::MAX, |op| op.most)
    }

    /// The operation is through.
    pub(super) fn done(&mut self) {
        self.op = None;
    }

    /// An operation was made shorter.
    pub(super) fn split(&self, link: &Link) {
        link.counters.splits.add();
    }
}

/// How many bytes may pass before the byte at which the direction is cut.
pub(super) fn room_before(cut: Option<u64>, passed: u64) -> usize {
    cut.map_or(usize::MAX, |at| {
        usize::try_from(at.saturating_sub(passed)).unwrap_or(usize::MAX)
    })
}
