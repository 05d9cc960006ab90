//! The job on the reception thread that sends what could not leave at once, and closes well.
//!
//! It runs only while there is something to send, or while this side closes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{CLOSED, Shared};
use crate::reception::{Sleep, sleep_until};
use crate::transport::Disconnect;

pub(super) async fn run(shared: Arc<Shared>) {
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
        let sent = out.poll_drain(&mut Context::from_waker(&self.outbound_news));
        let Some(since) = out.closing_since else {
            if sent.is_pending() {
                return Poll::Pending;
            }
            // Whoever has something to send after this takes the lock after this, finds that
            // nobody lingers, and starts another job.
            out.lingering = false;
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
        let sleep = sleep.get_or_insert_with(|| sleep_until(since.checked_add(self.linger)));
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
