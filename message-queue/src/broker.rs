//! Rendezvous for queues: a broker whose channels carry messages.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use channel::{
    AcceptError, Bound, Broker, BrokerError, Channel, ConnectError, Endpoint, ListenError, Options,
};

use crate::codec::DEFAULT_MAX_MESSAGE;
use crate::queue::MessageQueue;

/// A [`Broker`] that hands out message queues: the same rendezvous, and the same errors. Cheap to
/// clone; clones are the same broker.
///
/// The other end may be any program that speaks the wire form (see [`codec`](crate::codec)), through
/// a queue or a bare channel.
#[derive(Clone)]
pub struct QueueBroker {
    broker: Broker,
    max_message: usize,
}

impl From<Broker> for QueueBroker {
    fn from(broker: Broker) -> QueueBroker {
        QueueBroker {
            broker,
            max_message: DEFAULT_MAX_MESSAGE,
        }
    }
}

impl QueueBroker {
    /// Makes a broker in the process's domain, with default options; see [`Broker::new`]. For another
    /// domain or other options: `QueueBroker::from(domain.broker(name)?)`.
    pub fn new(name: &str) -> Result<QueueBroker, BrokerError> {
        Broker::new(name).map(QueueBroker::from)
    }

    /// Sets the largest message that its queues send and take, in bytes. Queues that exist keep
    /// theirs.
    pub fn with_max_message(mut self, bytes: usize) -> QueueBroker {
        self.max_message = bytes;
        self
    }

    /// The broker below, for all that is not about messages.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The broker's name.
    pub fn name(&self) -> &str {
        self.broker.name()
    }

    /// Makes a queue of a channel that was obtained otherwise (from an
    /// [`Acceptor`](channel::Acceptor), say).
    pub fn queue(&self, channel: Channel) -> MessageQueue {
        MessageQueue::with_max_message(channel, self.max_message)
    }

    /// Makes the broker reachable at an endpoint too; see [`Broker::listen`].
    pub fn listen(&self, at: &Endpoint) -> Result<Bound, ListenError> {
        self.broker.listen(at)
    }

    /// Accepts at a port: waits until somebody connects to it. See [`Broker::accept`].
    pub fn accept(&self, port: u16) -> Result<MessageQueue, AcceptError> {
        self.broker.accept(port).map(|channel| self.queue(channel))
    }

    /// Accepts somebody who waits at the port; never blocks. See [`Broker::try_accept`].
    pub fn try_accept(&self, port: u16) -> Result<MessageQueue, AcceptError> {
        let channel = self.broker.try_accept(port)?;
        Ok(self.queue(channel))
    }

    /// Accepts at a port, for at most `limit`. See [`Broker::accept_timeout`].
    pub fn accept_timeout(&self, port: u16, limit: Duration) -> Result<MessageQueue, AcceptError> {
        let channel = self.broker.accept_timeout(port, limit)?;
        Ok(self.queue(channel))
    }

    /// Accepts at a port without blocking the thread. See [`Broker::accept_async`].
    pub fn accept_async(
        &self,
        port: u16,
    ) -> impl Future<Output = Result<MessageQueue, AcceptError>> + Send + 'static + use<> {
        let this = self.clone();
        async move { Ok(this.queue(this.broker.accept_async(port).await?)) }
    }

    /// Connects to a port of the broker `name`: waits until somebody accepts there. See
    /// [`Broker::connect`].
    pub fn connect(&self, name: &str, port: u16) -> Result<MessageQueue, ConnectError> {
        let channel = self.broker.connect(name, port)?;
        Ok(self.queue(channel))
    }

    /// Connects if somebody accepts there now; never blocks. See [`Broker::try_connect`].
    pub fn try_connect(&self, name: &str, port: u16) -> Result<MessageQueue, ConnectError> {
        let channel = self.broker.try_connect(name, port)?;
        Ok(self.queue(channel))
    }

    /// Connects, for at most `limit`. See [`Broker::connect_timeout`].
    pub fn connect_timeout(
        &self,
        name: &str,
        port: u16,
        limit: Duration,
    ) -> Result<MessageQueue, ConnectError> {
        let channel = self.broker.connect_timeout(name, port, limit)?;
        Ok(self.queue(channel))
    }

    /// Connects with options of its own, within `limit` if there is one. See
    /// [`Broker::connect_with`].
    pub fn connect_with(
        &self,
        name: &str,
        port: u16,
        options: &Options,
        limit: Option<Duration>,
    ) -> Result<MessageQueue, ConnectError> {
        let channel = self.broker.connect_with(name, port, options, limit)?;
        Ok(self.queue(channel))
    }

    /// Connects without blocking the thread. See [`Broker::connect_async`].
    pub fn connect_async(
        &self,
        name: &str,
        port: u16,
    ) -> impl Future<Output = Result<MessageQueue, ConnectError>> + Send + 'static + use<> {
        let this = self.clone();
        let connecting = self.broker.connect_async(name, port);
        async move { Ok(this.queue(connecting.await?)) }
    }

    /// Connects to a port of the broker that listens at an endpoint, within `limit` if there is one.
    /// See [`Broker::connect_at`].
    pub fn connect_at(
        &self,
        endpoint: &Endpoint,
        port: u16,
        limit: Option<Duration>,
    ) -> Result<MessageQueue, ConnectError> {
        let channel = self.broker.connect_at(endpoint, port, limit)?;
        Ok(self.queue(channel))
    }

    /// As [`connect_at`](QueueBroker::connect_at), without blocking the thread.
    pub fn connect_at_async(
        &self,
        endpoint: &Endpoint,
        port: u16,
    ) -> impl Future<Output = Result<MessageQueue, ConnectError>> + Send + 'static + use<> {
        let this = self.clone();
        let connecting = self.broker.connect_at_async(endpoint, port);
        async move { Ok(this.queue(connecting.await?)) }
    }

    /// Closes the broker; established queues live on. See [`Broker::close`].
    pub fn close(&self) {
        self.broker.close();
    }
}

impl fmt::Debug for QueueBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueBroker")
            .field("broker", &self.broker)
            .field("max_message", &self.max_message)
            .finish()
    }
}
