//! Waiting for the close receipt (SPEC C9): what became of what was written.
//!
//! A connection's control holds one waker, and any number of threads and futures may wait for one
//! channel's receipt. So the control is given the waker of a list, and the list wakes them all.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::reader::deadline;
use crate::shared::{Handle, Shared};
use crate::transport::{Control, Disconnect, Receipt};
use crate::wait;
use crate::wakers::WakerList;

/// Who waits for the receipt of one channel. Nothing is allocated before somebody does.
#[derive(Default)]
pub(crate) struct Waiters(OnceLock<Arc<WakerList>>);

impl Waiters {
    fn poll(&self, control: &dyn Control, waiter: u64, cx: &mut Context<'_>) -> Poll<Receipt> {
        let list = self.0.get_or_init(Arc::default);
        list.set(waiter, cx.waker());
        let news = Waker::from(list.clone());
        let poll = control.poll_receipt(&mut Context::from_waker(&news));
        if poll.is_ready() {
            // This poll may be what brought the news: nobody else hears of it otherwise.
            list.wake_all();
        }
        poll
    }
}

/// One call that waits; takes its waker out of the list when it is over, or dropped.
struct Waiting<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Waiting<'_> {
    fn new(shared: &Shared) -> Waiting<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(WakerList::BARE + 1);
        Waiting {
            shared,
            // Relaxed: only uniqueness counts.
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.shared.poll_receipt(self.number, cx)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(list) = self.shared.waiters.0.get() {
            list.remove(self.number);
        }
    }
}

impl Shared {
    fn poll_receipt(&self, waiter: u64, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.waiters.poll(self.control(), waiter, cx)
    }

    fn receipt_within(&self, until: Option<Instant>) -> Receipt {
        let waiting = Waiting::new(self);
        wait::block_on(until, |cx| waiting.poll(cx)).unwrap_or(Receipt::Unknown)
    }

    async fn receipt_async(&self) -> Receipt {
        let waiting = Waiting::new(self);
        poll_fn(|cx| waiting.poll(cx)).await
    }
}

/// # The receipt
///
/// `close` disconnects and tells what became of what was written; `receipt` does not disconnect, and
/// is for a side that has finished writing and goes on reading. The answer is about the outbound
/// stream alone:
///
/// - [`Receipt::Complete`]: the peer's application has read every byte that was written. A byte in
///   a buffer is not read, nor one that was lent (`fill_buf`) and not consumed.
/// - [`Receipt::Partial`]: the peer stopped reading before that (it disconnected, dropped its
///   reader, or its task panicked), and this is how far it came.
/// - [`Receipt::Unknown`]: the time limit passed (then it can be asked for again), or nobody knows:
///   the peer was killed or cut off before it could tell, or the endpoint is `+plain`. (Over shared memory
///   nobody has to tell: the answer is exact for a peer that was killed, too.)
///
/// While the peer may still read, the answer is pending. If this side has not finished writing, it
/// comes when the peer stops reading or is lost, or this side finishes and the peer has read all.
/// Asking again gives the same answer. Any number of threads and futures may wait at once; the halves
/// may be gone by then.
///
/// Over a bare byte stream (tcp, tls, a pipe) between our own ends:
///
/// - The peer's reader has to come to the end of the stream, or leave, before the answer is
///   `Complete`. (In memory, the last byte is enough.)
/// - The receipt comes inbound, behind what the peer has written before: a side that has not
///   disconnected has to read that. After `close` nobody reads, and what the peer still sends is
///   thrown away, so that it can't block on it. But bytes that were lent (`fill_buf`) and not consumed
///   are in the way until their reader is called again, or dropped.
/// - A side that has disconnected waits for its peer no longer than
///   [`Options::linger`](crate::Options::linger); after that the answer is `Unknown`.
/// - A peer that panics or aborts tells how much it had read, if it is not in the middle of a record
///   that the carrier did not take. One that is killed can tell nothing.
impl Handle {
    /// Disconnects in an orderly way, and waits until it is known what became of what was written: as
    /// long as the peer goes on without reading it, perhaps for ever. On a channel that has
    /// disconnected or aborted already it only tells.
    pub fn close(&self) -> Receipt {
        self.disconnect();
        self.receipt()
    }

    /// As [`close`](Handle::close), waits for at most `limit`; [`Receipt::Unknown`] after that, never
    /// before. The disconnect stands, and the peer may still read the rest.
    pub fn close_timeout(&self, limit: Duration) -> Receipt {
        // The limit is that of the whole call.
        let until = deadline(limit);
        self.disconnect();
        self.0.receipt_within(until)
    }

    /// As [`close`](Handle::close), waits without blocking the thread. It disconnects when it is
    /// first polled; dropping the future after that only ends the waiting.
    pub async fn close_async(&self) -> Receipt {
        self.disconnect();
        self.receipt_async().await
    }

    /// The poll function behind [`close_async`](Handle::close_async).
    pub fn poll_close(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.disconnect();
        self.poll_receipt(cx)
    }

    /// Waits until it is known what became of what was written, without disconnecting.
    pub fn receipt(&self) -> Receipt {
        self.0.receipt_within(None)
    }

    /// As [`receipt`](Handle::receipt), waits for at most `limit`; [`Receipt::Unknown`] after that,
    /// never before.
    pub fn receipt_timeout(&self, limit: Duration) -> Receipt {
        self.0.receipt_within(deadline(limit))
    }

    /// As [`receipt`](Handle::receipt), waits without blocking the thread.
    pub async fn receipt_async(&self) -> Receipt {
        self.0.receipt_async().await
    }

    /// The poll function behind [`receipt_async`](Handle::receipt_async). The wakers of all who
    /// poll are kept until there is news.
    pub fn poll_receipt(&self, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.0.poll_receipt(WakerList::BARE, cx)
    }
}

impl Channel {
    /// Disconnects, and waits until it is known what became of what was written. See
    /// [`Handle::close`].
    pub fn close(self) -> Receipt {
        self.into_closed().receipt()
    }

    /// As [`close`](Channel::close), waits for at most `limit`; [`Receipt::Unknown`] after that. See
    /// [`Handle::close_timeout`]; a [`handle`](Channel::handle) taken before can be asked again.
    pub fn close_timeout(self, limit: Duration) -> Receipt {
        let until = deadline(limit);
        self.into_closed().0.receipt_within(until)
    }

    /// As [`close`](Channel::close), waits without blocking the thread. See
    /// [`Handle::close_async`]. Dropping the future drops the channel.
    pub async fn close_async(self) -> Receipt {
        self.into_closed().receipt_async().await
    }

    fn into_closed(self) -> Handle {
        let handle = self.handle();
        handle.0.disconnect(Disconnect::Orderly);
        handle
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::task::Wake;

    use super::*;
    use crate::transport::Totals;

    /// Has the receipt when it is told, and wakes nobody: as a carrier whose news somebody's poll brings.
    struct Quiet(AtomicBool);

    impl Control for Quiet {
        fn disconnect(&self, _: Disconnect) {}

        fn peer_gone(&self) -> bool {
            false
        }

        fn totals(&self) -> Totals {
            Totals::default()
        }

        fn poll_receipt(&self, _: &mut Context<'_>) -> Poll<Receipt> {
            match self.0.load(Ordering::SeqCst) {
                true => Poll::Ready(Receipt::Complete),
                false => Poll::Pending,
            }
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    // shows C9: who brings the news by its own poll tells the others.
    #[test]
    fn who_finds_the_receipt_tells_the_others() {
        let control = Quiet(AtomicBool::new(false));
        let waiters = Waiters::default();
        let wakes: Vec<_> = (0..3).map(|_| Arc::<Wakes>::default()).collect();
        let poll = |waiter: u64| {
            let waker = Waker::from(wakes[waiter as usize].clone());
            waiters.poll(&control, waiter, &mut Context::from_waker(&waker))
        };
        assert!((0..3).all(|waiter| poll(waiter).is_pending()));
        control.0.store(true, Ordering::SeqCst);
        assert!(poll(1).is_ready());
        let counts: Vec<_> = wakes.iter().map(|w| w.0.load(Ordering::SeqCst)).collect();
        assert!(counts[0] == 1 && counts[2] == 1, "{counts:?}");
        // Nothing is kept of those who were told.
        assert!(waiters.0.get().unwrap().is_empty());
    }
}
