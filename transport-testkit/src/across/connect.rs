//! A connect of the child's: it can be withdrawn while it waits.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use channel::{Channel, ConnectError, DialError, Endpoint};
use parking_lot::Mutex;

use super::relay::answers;
use super::seat::{Seat, Seats};
use super::wire::Out;

/// A connect on a thread of its own, which can be withdrawn.
pub(super) struct Connect {
    withdrawn: Arc<Withdrawn>,
    thread: thread::JoinHandle<()>,
}

impl Connect {
    /// Starts `work`, which [waits](Withdrawn::wait) for the connect.
    pub(super) fn start(work: impl FnOnce(&Withdrawn) + Send + 'static) -> Connect {
        let withdrawn = Arc::<Withdrawn>::default();
        let same = withdrawn.clone();
        let thread = thread::spawn(move || work(&same));
        Connect { withdrawn, thread }
    }

    /// Returns when nothing of it is left: a poll that is under way may still say something to the peer,
    /// and whoever withdraws a connect may rely on its being silent from then on.
    pub(super) fn cancel(self) {
        self.withdrawn.0.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
        // A panic there was told on standard error, and the connect is over.
        let _ = self.thread.join();
    }
}

/// Whether a connect was withdrawn.
#[derive(Default)]
pub(super) struct Withdrawn(AtomicBool);

impl Withdrawn {
    /// Seats the channel, and tells where its peer is; nothing if the connect was withdrawn before.
    pub(super) fn wait(
        &self,
        future: impl Future<Output = Result<Channel, ConnectError>>,
        seats: &Seats,
        channel: u64,
    ) -> Option<Result<Endpoint, ConnectError>> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        let connected = loop {
            if self.0.load(Ordering::SeqCst) {
                return None;
            }
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(channel)) => break channel,
                Poll::Ready(Err(error)) => return Some(Err(error)),
                Poll::Pending => thread::park(),
            }
        };
        let handle = connected.handle();
        let peer = handle.peer().clone();
        let (reader, writer) = connected.split();
        let seat = Arc::new(Seat {
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(Some(writer)),
            handle,
        });
        seats.lock().insert(channel, seat);
        if self.0.load(Ordering::SeqCst) {
            let seat = seats.lock().remove(&channel);
            drop(seat);
            return None;
        }
        Some(Ok(peer))
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(super) fn failed(error: &ConnectError) -> Out {
    let what = match error {
        ConnectError::NoSuchBroker { .. } => answers::NO_SUCH_BROKER,
        ConnectError::Closed { .. } => answers::CLOSED,
        ConnectError::Refused { .. } => answers::REFUSED,
        ConnectError::Dial {
            error: DialError::NotFound,
            ..
        } => answers::NOT_FOUND,
        ConnectError::Dial {
            error: DialError::Unsupported(why),
            ..
        } => return Out::default().byte(answers::UNSUPPORTED).text(why),
        _ => answers::FAILED,
    };
    Out::default().byte(what).text(&error.to_string())
}
