//! Waiting for a moment, or for something at most until then.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::Reception;

/// Ready when `until` has passed; never, if there is none. For transports: the background thread looks
/// at the clock.
pub fn sleep_until(until: Option<Instant>) -> Sleep {
    Sleep { until, timer: None }
}

/// See [`sleep_until`].
#[derive(Debug)]
pub struct Sleep {
    until: Option<Instant>,
    timer: Option<u64>,
}

impl Sleep {
    /// When it ends.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else {
            return Poll::Pending;
        };
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        let reception = Reception::get();
        // Cloned and dropped outside of the lock: it may be anybody's code.
        let waker = cx.waker().clone();
        let mut state = reception.state.lock();
        let number = *self.timer.get_or_insert_with(|| state.timers.number());
        let old = state.timers.set((until, number), waker);
        reception.call_by(until, state);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let (Some(until), Some(number)) = (self.until, self.timer) {
            let old = Reception::get().state.lock().timers.remove((until, number));
            drop(old);
        }
    }
}

/// `future`'s result, or `None` once `until` has passed.
pub(crate) async fn within<F: Future>(until: Option<Instant>, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut sleep = sleep_until(until);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| None),
    })
    .await
}
