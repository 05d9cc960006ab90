//! The job on the reception thread that sends what could not leave at once, and closes well.
//!
//! It runs only while there is something to send, or while this side closes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{CLOSED, Shared};
use crate::reception::{Sleep, sleep_until};
use crate::transport::{Disconnect, Lingering};

/// Writes that follow each other closely are held for so long, at most, and for as long again until the
/// system wakes the thread: short for a person, long against the cost of a system call.
const HELD_FOR: Duration = if cfg!(test) {
    // The tests show who else sends them.
    Duration::from_millis(300)
} else {
    Duration::from_micros(50)
};

pub(super) async fn run(shared: Arc<Shared>, _lingering: Lingering) {
    let mut sleep = None;
    poll_fn(|cx| shared.poll_linger(cx, &mut sleep)).await;
}

impl Shared {
    fn poll_linger(&self, cx: &mut Context<'_>, sleep: &mut Option<Sleep>) -> Poll<()> {
        self.wakers.linger.set(cx.waker());
        if self.has_any(CLOSED) {
            return Poll::Ready(());
        }
        if self.is_closing() {
            self.look(true);
        }
        let mut out = self.outbound.lock();
        if !self.is_closing()
            && let Some(since) = out.held_since()
            && let Some(due) = since.checked_add(HELD_FOR)
            && due > Instant::now()
        {
            out.waits_for_carrier = false;
            drop(out);
            return again_at(due, cx, sleep);
        }
        let held = out.take_held();
        let sent = out.poll_drain(&mut Context::from_waker(&self.outbound_news));
        out.waits_for_carrier = sent.is_pending();
        let Some(since) = out.closing_since else {
            if sent.is_pending() {
                return Poll::Pending;
            }
            if held {
                // A stream of writes needs the job again: it stays for as long as that goes on.
                drop(out);
                self.wakers.writer.wake();
                return again_at(Instant::now() + HELD_FOR, cx, sleep);
            }
            // Whoever has something to send after this takes the lock after this, finds that
            // nobody lingers, and starts another job.
            out.lingering = false;
            out.rest();
            drop(out);
            // The carrier's wake-up may have come here, and there is room now.
            self.wakers.writer.wake();
            return Poll::Ready(());
        };
        let unsent = out.pending();
        drop(out);
        if self.is_over() {
            self.close(Disconnect::Orderly);
            return Poll::Ready(());
        }
        // Until now it may have slept for held writes.
        let over = since.checked_add(self.linger);
        let sleep = match sleep {
            Some(sleep) if sleep.until() == over => sleep,
            other => other.insert(sleep_until(over)),
        };
        if Pin::new(sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        tracing::warn!(
            target: "channel", peer = %self.peer, unsent, "linger time over before the peer was through"
        );
        self.close(Disconnect::Orderly);
        Poll::Ready(())
    }
}

/// Has the job polled again at that time.
fn again_at(due: Instant, cx: &mut Context<'_>, sleep: &mut Option<Sleep>) -> Poll<()> {
    let sleep = sleep.insert(sleep_until(Some(due)));
    if Pin::new(sleep).poll(cx).is_ready() {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}
