//! A socket that the reactor gets to know when somebody first waits there.
//!
//! A connection that is used by blocking calls alone costs no registration.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;

use crate::reactor::{Registration, Waited};

/// A connected stream.
pub(crate) type Stream = Watched<TcpStream>;

/// A socket in non-blocking mode.
pub(crate) struct Watched<T> {
    // Before the socket: it ends while the descriptor is its own.
    registration: Mutex<Option<Registration>>,
    socket: T,
}

impl<T: AsRawFd> Watched<T> {
    /// `socket` is in non-blocking mode.
    pub(crate) fn new(socket: T) -> Watched<T> {
        Watched {
            registration: Mutex::default(),
            socket,
        }
    }

    pub(crate) fn get_ref(&self) -> &T {
        &self.socket
    }

    /// Ready when a read is worth another try; it must have been tried before.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|registration| registration.poll_readable(cx))
    }

    /// Ready when a write is worth another try; it must have been tried before.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|registration| registration.poll_writable(cx))
    }

    fn poll(&self, poll: impl FnOnce(&Registration) -> Waited) -> Poll<io::Result<()>> {
        let mut slot = self.registration.lock();
        let registration = match &mut *slot {
            Some(registration) => registration,
            none => none.insert(Registration::new(&self.socket)?),
        };
        let waited = poll(registration);
        drop(slot);
        ready!(waited.poll());
        Poll::Ready(Ok(()))
    }

    /// Before a thread waits for the socket by itself: the reactor need not hear of each arrival, unless
    /// somebody else waits there.
    pub(crate) fn leave_reactor(&self) {
        let mut slot = self.registration.lock();
        if slot.as_ref().is_some_and(|one| !one.is_awaited()) {
            *slot = None;
        }
    }
}
