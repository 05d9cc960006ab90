//! Writing what is left in the background, for owners that go away.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Writer;
use crate::error::WriteError;
use crate::reception;
use crate::transport::Lingering;

/// Writes at one go. A peer that reads as fast as it can must not keep the reception thread from
/// others.
const WRITES: usize = 16;

impl Writer {
    /// Writes `rest` behind what was written before, then finishes writing; never blocks. For an owner
    /// that goes away with bytes that it has promised to send, such as a message queue that is
    /// dropped.
    ///
    /// What does not fit at once is written by the process's background thread, for at most
    /// [`Options::linger`](crate::Options::linger), and the peer gets end of stream behind it. The
    /// reader is independent of that: it may go on, or be dropped. A [`Handle`](crate::Handle) can
    /// await the receipt, which counts `rest` as far as it was written.
    ///
    /// What cannot be written is lost, when the time is over or the peer is gone, or when this side
    /// is disconnected or aborted meanwhile (so not [`close`](crate::Handle::close), but
    /// [`receipt`](crate::Handle::receipt) is the call to wait with), or when the process exits.
    /// An event of level `warn` tells: message "bytes lost after the end of their writer", with the
    /// fields `peer`, `port`, `unsent` (how many bytes were lost) and `reason`.
    ///
    /// When the time is over, the channel is aborted, both ways: the peer must not take a part for the
    /// whole.
    ///
    /// If the thread panics, this is a drop: it aborts the channel, and `rest` is not written.
    pub fn finish_after(mut self, rest: Vec<u8>) {
        if std::thread::panicking() || rest.is_empty() {
            return;
        }
        // A poller's key is of no use to anybody any more; and its waker is no business of the
        // background's.
        self.deregister();
        let linger = self.shared.linger();
        let mut unsent = Unsent {
            writer: self,
            rest,
            written: 0,
        };
        match unsent.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => unsent.over(Some(result)),
            Poll::Pending => {
                let until = Instant::now().checked_add(linger);
                let lingering = Lingering::new();
                reception::spawn(async move {
                    let written = std::future::poll_fn(|cx| unsent.poll(cx));
                    let result = reception::within(until, written).await;
                    unsent.over(result);
                    drop(lingering);
                });
            }
        }
    }
}

/// A writer and what it has yet to write. Dropping it finishes writing.
struct Unsent {
    writer: Writer,
    rest: Vec<u8>,
    written: usize,
}

impl Unsent {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        for _ in 0..WRITES {
            if self.written == self.rest.len() {
                return Poll::Ready(Ok(()));
            }
            match self.writer.poll_write(cx, &self.rest[self.written..]) {
                Poll::Ready(Ok(n)) => self.written += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells what was lost. No result: the time is over.
    fn over(self, result: Option<Result<(), WriteError>>) {
        let unsent = self.rest.len() - self.written;
        if unsent == 0 {
            return;
        }
        let late = result.is_none();
        let reason = match result {
            Some(Err(error)) => error.to_string(),
            _ => "the linger time is over".to_owned(),
        };
        let handle = self.writer.handle();
        tracing::warn!(
            target: "channel", peer = %handle.peer(), port = handle.port(), unsent, %reason,
            "bytes lost after the end of their writer"
        );
        if late {
            // The peer could take an orderly end behind a part for the end of the whole.
            handle.abort();
        }
    }
}

/// The linger time as channels keep it: in milliseconds, to be small. More than 49 days are taken for
/// ever.
pub(crate) fn compact(linger: Duration) -> u32 {
    // Rounded up: a time that is asked for is given.
    let millis = linger.as_nanos().div_ceil(1_000_000);
    u32::try_from(millis).unwrap_or(u32::MAX)
}

/// What [`compact`] made.
pub(crate) fn expanded(millis: u32) -> Duration {
    match millis {
        u32::MAX => Duration::MAX,
        millis => Duration::from_millis(millis.into()),
    }
}
