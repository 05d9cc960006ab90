//! Closing connections well, in the background: reading and discarding what still comes inbound.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use channel::transport::Lingering;
use channel::transport::background::{self, Sleep};
use transport_reactor::after;

use crate::socket::{Discarded, Socket};

/// Connections that may be closing at once; what closes beyond that is cut short. As many as a process
/// may have sensibly, at some 500 bytes each; it bounds what peers that never end can hold.
const MOST_CLOSING: usize = 16 * 1024;
/// Buffers full of bytes discarded in one go, before other connections get their turn.
const AT_ONCE: usize = 4;

static CLOSING: AtomicUsize = AtomicUsize::new(0);

/// Discards what comes, until the peer's end or until the time to linger is over.
pub(crate) fn discard(socket: Arc<Socket>) {
    // Relaxed: a count that guards nothing.
    if CLOSING.fetch_add(1, Ordering::Relaxed) >= MOST_CLOSING {
        CLOSING.fetch_sub(1, Ordering::Relaxed);
        tracing::warn!(target: "transport_tcp", "too many connections are closing: one is cut short");
        return;
    }
    background::run(discard_all(socket, (Counted, Lingering::new())));
}

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        CLOSING.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn discard_all(socket: Arc<Socket>, _counted: (Counted, Lingering)) {
    let mut timer: Option<Sleep> = None;
    poll_fn(|cx| {
        // The waker is left by `poll_discard`; and whoever ends the outbound stream wakes it.
        let inbound = poll_discard(&socket, cx);
        if inbound.is_ready() {
            return Poll::Ready(());
        }
        if !socket.state.is_through() {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| after(socket.linger));
        if Pin::new(timer).poll(cx).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!(target: "transport_tcp", "linger time over before the peer's end");
        Poll::Ready(())
    })
    .await;
}

fn poll_discard(socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
    for _ in 0..AT_ONCE {
        match socket.discard() {
            Discarded::All => return Poll::Ready(()),
            Discarded::Some => {}
            Discarded::Nothing => match socket.poll_discard(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            },
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
