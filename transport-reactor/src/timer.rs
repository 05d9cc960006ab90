//! Time limits of what goes on in the background.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use channel::transport::background::{Sleep, sleep_until};

/// Ready when so much time has passed from now; never, if that is later than the clock can tell.
pub fn after(limit: Duration) -> Sleep {
    sleep_until(Instant::now().checked_add(limit))
}

/// What `poll` comes to; `None` if that takes longer than `limit`.
pub async fn within<T>(
    limit: Duration,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let mut late = after(limit);
    poll_fn(|cx| match poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Pin::new(&mut late).poll(cx).map(|()| None),
    })
    .await
}
