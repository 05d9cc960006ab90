//! What would hold up whoever polls is done aside.

use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

struct State<T> {
    result: Option<io::Result<T>>,
    waker: Option<Waker>,
}

/// Does the work on a thread of its own, which ends with it; also when nobody waits for it any more.
///
/// # Errors
/// Those of the work; and there is no thread left, or it panicked.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let ours = Arc::new(Mutex::new(State {
        result: None,
        waker: None,
    }));
    let theirs = ours.clone();
    thread::Builder::new().name("usb".into()).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        let result = result.unwrap_or_else(|_| Err(io::Error::other("a look at USB panicked")));
        let mut state = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    })?;
    poll_fn(move |cx| {
        // Cloned outside of the lock: it may be anybody's code.
        let waker = cx.waker().clone();
        let mut state = ours.lock().unwrap_or_else(PoisonError::into_inner);
        let old = match state.result.take() {
            Some(result) => return Poll::Ready(result),
            None => state.waker.replace(waker),
        };
        drop(state);
        drop(old);
        Poll::Pending
    })
    .await
}
