//! A standing place in the line of those who accept at a port.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::broker::{Broker, accepted};
use crate::channel::Channel;
use crate::error::AcceptError;
use crate::poller::{Key, Poller, Registration};
use crate::reader::deadline;
use crate::table::AcceptTicket;
use crate::wait;

/// Accepts at one port of a broker, again and again.
///
/// Once it has been asked and found nobody, it keeps its place in the line: it counts as somebody
/// who waits, so a connector may be matched with it, and believe itself connected, before the next
/// call takes the channel. Dropping the acceptor gives the place up; a connector that was matched
/// goes back to the head of its line.
pub struct Acceptor {
    // Before the broker: the place is given up first.
    ticket: Option<AcceptTicket>,
    registration: Option<Registration>,
    broker: Broker,
    port: u16,
}

impl Acceptor {
    pub(crate) fn new(broker: Broker, port: u16) -> Acceptor {
        Acceptor {
            ticket: None,
            registration: None,
            broker,
            port,
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Waits until somebody connects.
    ///
    /// # Errors
    /// [`AcceptError::Closed`].
    pub fn accept(&mut self) -> Result<Channel, AcceptError> {
        self.accept_within(None)
    }

    /// Waits for at most `limit`. After [`AcceptError::TimedOut`] the place in the line is given up,
    /// unless the acceptor is registered at a poller, which goes on waiting for it.
    pub fn accept_timeout(&mut self, limit: Duration) -> Result<Channel, AcceptError> {
        self.accept_within(deadline(limit))
    }

    pub(crate) fn accept_within(&mut self, until: Option<Instant>) -> Result<Channel, AcceptError> {
        if let Some(result) = wait::block_on_partner(until, |cx| self.poll_accept(cx)) {
            return result;
        }
        // Registered, it keeps its place, so that the key comes.
        let last = match self.registration {
            Some(_) => self.try_accept(),
            None => self.take_or_leave(),
        };
        last.map_err(|error| match error {
            AcceptError::WouldBlock { broker, port } => AcceptError::TimedOut { broker, port },
            other => other,
        })
    }

    /// Takes a channel if somebody was matched; never blocks. After [`AcceptError::WouldBlock`] a
    /// poller at which this acceptor is registered hears when somebody is.
    pub fn try_accept(&mut self) -> Result<Channel, AcceptError> {
        let registration = self.registration.take();
        let poll = match &registration {
            Some(registration) => registration.poll(|cx| self.poll_accept(cx)),
            None => self.poll_accept(&mut Context::from_waker(Waker::noop())),
        };
        self.registration = registration;
        self.or_would_block(poll)
    }

    /// Waits without blocking the thread. A future that is dropped keeps the acceptor's place.
    pub async fn accept_async(&mut self) -> Result<Channel, AcceptError> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The poll function behind [`accept_async`](Acceptor::accept_async).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Channel, AcceptError>> {
        self.poll_ticket(cx, false)
    }

    fn poll_ticket(
        &mut self,
        cx: &mut Context<'_>,
        last: bool,
    ) -> Poll<Result<Channel, AcceptError>> {
        let ticket = self
            .ticket
            .get_or_insert_with(|| self.broker.0.table.accept(self.port));
        match ticket.poll(cx, last) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(arrived) => {
                self.ticket = None;
                // The place was given up with the waker in it.
                if let Some(registration) = &self.registration {
                    registration.settle();
                }
                Poll::Ready(accepted(&self.broker, self.port, arrived))
            }
        }
    }

    /// Takes a channel if somebody was matched, and gives up the place if not.
    pub(crate) fn take_or_leave(&mut self) -> Result<Channel, AcceptError> {
        let poll = self.poll_ticket(&mut Context::from_waker(Waker::noop()), true);
        self.ticket = None;
        self.or_would_block(poll)
    }

    fn or_would_block(
        &self,
        poll: Poll<Result<Channel, AcceptError>>,
    ) -> Result<Channel, AcceptError> {
        match poll {
            Poll::Ready(result) => result,
            Poll::Pending => Err(AcceptError::WouldBlock {
                broker: self.broker.name().to_owned(),
                port: self.port,
            }),
        }
    }

    /// Registers at a poller, and takes a place in the line. `key` is delivered once now, also if
    /// nobody is there (the next [`try_accept`](Acceptor::try_accept) tells), and then once after
    /// each call that said `WouldBlock` or `TimedOut`, when somebody was matched or the broker is
    /// closed. Replaces an earlier registration.
    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.ticket
            .get_or_insert_with(|| self.broker.0.table.accept(self.port));
        let registration = poller.registration(key);
        registration.deliver();
        self.registration = Some(registration);
    }

    /// Ends the registration at a poller.
    pub fn deregister(&mut self) {
        self.registration = None;
    }
}

/// Accepts for ever, until the broker is closed.
impl Iterator for Acceptor {
    type Item = Channel;

    fn next(&mut self) -> Option<Channel> {
        self.accept().ok()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("broker", &self.broker.name())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
