//! A descriptor that the reactor gets to know when somebody first waits there.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use mio::Interest;
use parking_lot::Mutex;

use crate::registration::{Registration, Waited};

/// Something with a descriptor (a socket, say, in non-blocking mode) that the reactor gets to know when
/// somebody first waits there: what is used by blocking calls alone costs no registration.
pub struct Watched<T> {
    // Before its owner: it ends while the descriptor is its own.
    registration: Mutex<Option<Registration>>,
    owner: T,
    interest: Interest,
}

impl<T: AsFd> Watched<T> {
    /// `owner` keeps its descriptor for as long as it lives, and has it registered nowhere else.
    pub fn new(owner: T) -> Watched<T> {
        Watched::with(owner, Interest::READABLE | Interest::WRITABLE)
    }

    /// As [`new`](Watched::new), for what only inbound news is waited for, as
    /// [`Registration::inbound`] has it.
    pub fn inbound(owner: T) -> Watched<T> {
        Watched::with(owner, Interest::READABLE)
    }

    fn with(owner: T, interest: Interest) -> Watched<T> {
        Watched {
            registration: Mutex::default(),
            owner,
            interest,
        }
    }

    /// What is watched.
    pub fn get_ref(&self) -> &T {
        &self.owner
    }

    /// Ready when a read is worth another try; it must have been tried before. Never blocks.
    ///
    /// # Errors
    /// As [`Registration::new`].
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|registration| registration.poll_readable(cx))
    }

    /// Ready when a write is worth another try; it must have been tried before. Never blocks.
    ///
    /// # Errors
    /// As [`Registration::new`].
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|registration| registration.poll_writable(cx))
    }

    fn poll(&self, poll: impl FnOnce(&Registration) -> Waited) -> Poll<io::Result<()>> {
        let mut slot = self.registration.lock();
        let registration = match &mut *slot {
            Some(registration) => registration,
            none => none.insert(Registration::with(&self.owner, self.interest)?),
        };
        let waited = poll(registration);
        drop(slot);
        ready!(waited.poll());
        Poll::Ready(Ok(()))
    }

    /// Before a thread waits for the descriptor by itself: the reactor need not hear of each arrival, unless
    /// somebody else waits there. Whoever polls next is registered anew, and hears at once what holds then.
    pub fn leave_reactor(&self) {
        let mut slot = self.registration.lock();
        if slot.as_ref().is_some_and(|one| !one.is_awaited()) {
            *slot = None;
        }
    }
}
