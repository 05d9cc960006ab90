//! One descriptor's place at the reactor, and what was heard of it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mio::Interest;
use parking_lot::Mutex;

use crate::reactor::Reactor;

/// What is known of a descriptor.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) inbound: Side,
    pub(crate) outbound: Side,
}

/// One direction.
#[derive(Default)]
pub(crate) struct Side(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    /// There was news since the last try.
    news: bool,
    waiter: Option<Waker>,
}

impl Side {
    fn poll(&self, cx: &mut Context<'_>) -> Waited {
        let mut heard = self.0.lock();
        if std::mem::take(&mut heard.news) {
            return Waited::Ready;
        }
        match &mut heard.waiter {
            Some(old) if old.will_wake(cx.waker()) => Waited::Pending(None),
            other => Waited::Pending(other.replace(cx.waker().clone())),
        }
    }

    pub(crate) fn news(&self, woken: &mut Vec<Waker>) {
        let mut heard = self.0.lock();
        heard.news = true;
        woken.extend(heard.waiter.take());
    }

    fn is_awaited(&self) -> bool {
        self.0.lock().waiter.is_some()
    }
}

/// What a poll of a [`Registration`] came to.
#[must_use]
pub enum Waited {
    /// There was news since the last time: try.
    Ready,
    /// The waker is left behind and will be woken. The one that it replaced, if any, is the caller's to wake,
    /// once it holds no lock: whoever that is finds its place taken, or tries again.
    Pending(Option<Waker>),
}

impl Waited {
    /// Wakes who was replaced. Not to be called under a lock that a waker may take.
    pub fn poll(self) -> Poll<()> {
        match self {
            Waited::Ready => Poll::Ready(()),
            Waited::Pending(replaced) => {
                replaced.into_iter().for_each(Waker::wake);
                Poll::Pending
            }
        }
    }
}

/// A descriptor's place at the reactor, until it is dropped. To be dropped before the descriptor is closed: its
/// number may be another one's afterwards, whose place would be lost ([`Watched`](crate::Watched) sees to it).
pub struct Registration {
    watch: Arc<Watch>,
    key: usize,
    fd: RawFd,
}

impl Registration {
    /// Registers a descriptor for both directions; starts the reactor if nobody has. Never blocks.
    ///
    /// # Errors
    /// `AlreadyExists` if the descriptor is registered, `PermissionDenied` if it is of a kind that cannot be
    /// waited for (a file); whatever the system says when it runs out of memory, descriptors or threads. After
    /// [`start`](crate::start) has succeeded, it needs no further descriptor or thread.
    pub fn new(fd: &impl AsFd) -> io::Result<Registration> {
        Registration::with(fd, Interest::READABLE | Interest::WRITABLE)
    }

    /// Registers a descriptor for inbound news alone, where [`new`](Registration::new) would hear of more:
    /// of an event, say, also that somebody has read it. Nobody is woken in
    /// [`poll_writable`](Registration::poll_writable), unless the connection breaks.
    ///
    /// # Errors
    /// As [`new`](Registration::new).
    pub fn inbound(fd: &impl AsFd) -> io::Result<Registration> {
        Registration::with(fd, Interest::READABLE)
    }

    pub(crate) fn with(fd: &impl AsFd, interest: Interest) -> io::Result<Registration> {
        let fd = fd.as_fd().as_raw_fd();
        let watch = Arc::new(Watch::default());
        let key = Reactor::get()?.enter(fd, interest, &watch)?;
        Ok(Registration { watch, key, fd })
    }

    /// Ready once after each inbound news: bytes, a connection to accept, the peer's end, a hang-up, an event, a
    /// death, an error. The waker of the last call counts. Never blocks.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Waited {
        self.watch.inbound.poll(cx)
    }

    /// Ready once after each outbound news: room, a connection made, a hang-up, an error. The waker of the last
    /// call counts. Never blocks.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Waited {
        self.watch.outbound.poll(cx)
    }

    /// Whether somebody waits here, in either direction.
    pub fn is_awaited(&self) -> bool {
        self.watch.inbound.is_awaited() || self.watch.outbound.is_awaited()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Ok(reactor) = Reactor::get() {
            reactor.leave(self.fd, self.key);
        }
    }
}
