//! What became of the tail of the outbound stream (SPEC C9).
//!
//! Where the stream ends, and how far it was read, are decided in the ring's header, each once, by whoever
//! needs it first: see `ringbuf_core::Closer`. A reader makes no memory barrier after each read, so nobody
//! decides in its stead before a grace is over: by then whatever it stored before is seen, and each later
//! look of it finds the flag. (The bound is the hardware's: see Morrison and Afek, "Temporally Bounding TSO
//! for Fence-Free Asymmetric Synchronization", ASPLOS 2015. If a machine broke it, a receipt would say less
//! than what was read, not more.)

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::transport::{Receipt, background};

use crate::side::Side;

/// How long that is: stores are seen after nanoseconds, and an interrupt does not hold them up. A wide
/// margin, and short for a person.
const GRACE: Duration = Duration::from_millis(1);

/// Since when the flags are known to be up.
#[derive(Default)]
pub(crate) struct Grace {
    finished: Option<Instant>,
    abandoned: Option<Instant>,
    /// Somebody looks again when it is over.
    looking: bool,
}

impl Grace {
    /// When it ends, for the flag that was raised last.
    fn end(&mut self, abandoned: bool) -> Instant {
        let since = if abandoned {
            if self.abandoned.is_none() {
                self.looking = false;
            }
            &mut self.abandoned
        } else {
            &mut self.finished
        };
        *since.get_or_insert_with(Instant::now) + GRACE
    }
}

impl Side {
    /// The receipt, if it is known.
    fn receipt(&self) -> Option<Receipt> {
        let ring = &self.outbound;
        let abandoned = ring.closer.is_abandoned();
        if !abandoned && !ring.closer.is_finished() {
            return None;
        }
        let may_decide = self.grace.lock().end(abandoned) <= Instant::now();
        if abandoned {
            if !may_decide && !ring.closer.is_read_settled() {
                return None;
            }
            let read = ring.closer.settle_read()?;
            // Nobody reads any more, so this needs no grace.
            let end = ring.closer.settle_end()?;
            return Some(match beyond(end, read) {
                0 => Receipt::Complete,
                unread => Receipt::Partial {
                    read: read as u64,
                    unread: unread as u64,
                },
            });
        }
        if !may_decide && !ring.closer.is_end_settled() {
            return None;
        }
        ring.closer.settle_end()?;
        let (written, read) = ring.observer.counts();
        // The order matters: a reader that was abandoned before this look may have taken more than counts.
        (written == read && !ring.closer.is_abandoned()).then_some(Receipt::Complete)
    }

    pub(crate) fn poll_receipt(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Receipt> {
        if let Some(receipt) = self.receipt() {
            return Poll::Ready(receipt);
        }
        self.writer.waiting().receipt.register(cx.waker());
        // Where that cannot be waited for, nobody will ever know.
        let news = loop {
            if let Some(receipt) = self.receipt() {
                return Poll::Ready(receipt);
            }
            match self.writer.poll() {
                Poll::Ready(Ok(())) => self.writer.waiting().receipt.register(cx.waker()),
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Pending => break self.watch(),
            }
        };
        if let Err(error) = news {
            tracing::warn!(target: "transport_shm", %error, "a receipt cannot be waited for");
            return Poll::Ready(Receipt::Unknown);
        }
        self.look_after_grace();
        // What happened before the watch began.
        self.receipt().map_or(Poll::Pending, Poll::Ready)
    }

    /// Has whoever waits for the receipt look once more after the grace: a read that missed the flag has not
    /// told of its last byte.
    fn look_after_grace(self: &Arc<Self>) {
        let abandoned = self.outbound.closer.is_abandoned();
        if !abandoned && !self.outbound.closer.is_finished() {
            return;
        }
        let mut grace = self.grace.lock();
        let until = grace.end(abandoned);
        if until <= Instant::now() || std::mem::replace(&mut grace.looking, true) {
            return;
        }
        drop(grace);
        let side = Arc::downgrade(self);
        background::run(async move {
            background::sleep_until(Some(until)).await;
            if let Some(side) = side.upgrade() {
                side.writer.waiting().receipt.wake();
            }
        });
    }
}

/// How far position `at` lies behind `limit`; 0 if it does not. Positions wrap.
fn beyond(at: usize, limit: usize) -> usize {
    let distance = at.wrapping_sub(limit);
    if distance <= usize::MAX / 2 {
        distance
    } else {
        0
    }
}
