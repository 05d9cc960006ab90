//! The background thread that closes connections well: it reads and discards what still comes inbound.
//!
//! A small waker executor, started by the first connection that needs it. Its futures never block and
//! hold no user's code.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use async_io::Timer;
use channel::transport::Lingering;
use parking_lot::Mutex;

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
    spawn(discard_all(socket, (Counted, Lingering::new())));
}

/// Runs a future that never blocks to its end.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    let Some(queue) = queue() else { return };
    let job = Arc::new(Job {
        future: Mutex::new(Some(Box::pin(future))),
        queued: AtomicBool::new(false),
        queue,
    });
    job.wake();
}

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        CLOSING.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn discard_all(socket: Arc<Socket>, _counted: (Counted, Lingering)) {
    let mut timer: Option<Timer> = None;
    poll_fn(|cx| {
        // The waker is left by `poll_discard`; and whoever ends the outbound stream wakes it.
        let inbound = poll_discard(&socket, cx);
        if inbound.is_ready() {
            return Poll::Ready(());
        }
        if !socket.state.is_through() {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Timer::after(socket.linger));
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

type Queue = Sender<Arc<Job>>;

struct Job {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    queued: AtomicBool,
    queue: &'static Queue,
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        // AcqRel, with the swap in `run`: what came before a wake that finds the job queued is seen by
        // the poll.
        if !self.queued.swap(true, Ordering::AcqRel) {
            let queue = self.queue;
            let _ = queue.send(self);
        }
    }
}

impl Job {
    fn run(self: Arc<Self>) {
        self.queued.swap(false, Ordering::AcqRel);
        let mut slot = self.future.lock();
        let Some(future) = &mut *slot else { return };
        let waker = Waker::from(self.clone());
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            let done = slot.take();
            drop(slot);
            drop(done);
        }
    }
}

/// Where the jobs of the thread are put; `None` if the system gave no thread, and then connections are
/// closed as any program closes them.
fn queue() -> Option<&'static Queue> {
    static QUEUE: OnceLock<Option<Queue>> = OnceLock::new();
    QUEUE
        .get_or_init(|| {
            let (sender, receiver) = channel::<Arc<Job>>();
            let run = move || receiver.into_iter().for_each(Job::run);
            let thread = std::thread::Builder::new().name("tcp-closer".into());
            match thread.spawn(run) {
                Ok(_) => Some(sender),
                Err(error) => {
                    tracing::error!(target: "transport_tcp", %error, "no thread to close connections");
                    None
                }
            }
        })
        .as_ref()
}
