//! The job on the reception thread that reads and throws away what comes after the reader was dropped, while the
//! writer goes on.
//!
//! Without it a peer that writes would be blocked for as long as this side writes nothing; and if bytes that it has
//! not read lie before the news that nobody reads, it cannot come by that either. It keeps no process from its exit.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{CLOSED, ENDED, SILENT, Shared};

pub(super) async fn run(shared: Arc<Shared>) {
    poll_fn(|cx| shared.poll_discard(cx)).await;
}

impl Shared {
    /// Ready when nothing more comes, or this side closes: then the linger job discards.
    fn poll_discard(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The reader's place is free.
        self.wakers.reader.set(cx.waker());
        let is_over = || self.is_closing() || self.has_any(ENDED | SILENT | CLOSED);
        if !is_over() {
            self.look_and_answer(true);
        }
        match is_over() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
