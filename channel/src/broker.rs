//! Brokers: where tasks meet.

mod bound;
mod inner;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::acceptor::Acceptor;
use crate::channel::Channel;
use crate::connect::{self, Attempt, Target};
use crate::domain::Domain;
use crate::endpoint::Endpoint;
use crate::error::{AcceptError, BrokerError, ConnectError, ListenError};
use crate::handshake::Desk;
use crate::listening::serve;
use crate::mem::Mem;
use crate::options::Options;
use crate::reader::deadline;
use crate::reception::{Job, spawn};
use crate::shared::ChannelInfo;
use crate::table::{Arrival, Closed, Table, Waiting};
use crate::transport::Transport;
use crate::wait;
pub use bound::Bound;
pub(crate) use inner::{BrokerInner, Held};
use inner::{Connects, check_name, no_plain};

/// A broker: tasks ask it to [`accept`](Broker::accept) and to [`connect`](Broker::connect), and
/// both wait until they meet, whichever comes first. One broker serves many ports and many tasks at
/// once, first come, first served.
///
/// Cheap to clone; clones are the same broker. It is closed by [`close`](Broker::close), or when
/// its last clone is dropped; established channels live on.
///
/// ```
/// use channel::Domain;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let domain = Domain::new();
/// let (server, client) = (domain.broker("server")?, domain.broker("client")?);
/// let connecting = std::thread::spawn(move || client.connect("server", 7));
/// let mut ours = server.accept(7)?;
/// let mut theirs = connecting.join().unwrap()?;
/// theirs.write_all(b"hello")?;
/// let mut buf = [0; 5];
/// ours.read_exact(&mut buf)?;
/// assert_eq!(&buf, b"hello");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Broker(pub(crate) Arc<Held>);

impl Broker {
    /// Makes a broker in the process's domain, with default options.
    ///
    /// # Errors
    /// [`BrokerError::NameTaken`] while another broker of that name lives there,
    /// [`BrokerError::BadName`] unless the name is 1 to 255 letters, digits, `.`, `_` or `-`.
    pub fn new(name: &str) -> Result<Broker, BrokerError> {
        Domain::default().broker(name)
    }

    pub(crate) fn in_domain(
        domain: &Domain,
        name: &str,
        options: Options,
    ) -> Result<Broker, BrokerError> {
        check_name(name)?;
        for capacity in options.capacities() {
            ringbuf_core::rounded_capacity(capacity)?;
        }
        let at = Mem::endpoint(name).map_err(ListenError::Endpoint)?;
        let name: Arc<str> = name.into();
        let inner = Arc::new(BrokerInner {
            name: name.clone(),
            domain: domain.clone(),
            options,
            table: Table::new(name.clone()),
            at: at.clone(),
            members: Arc::default(),
            local: Mutex::default(),
            jobs: Mutex::default(),
            connects: Connects::default(),
        });
        // Whoever finds the name waits for the listener that goes with it.
        let mut local = inner.local.lock();
        if !domain.enter(name.clone(), &inner) {
            return Err(BrokerError::NameTaken {
                name: name.to_string(),
            });
        }
        let broker = Broker(Arc::new(Held(inner.clone())));
        let listening = match domain.transport(&at) {
            Ok(memory) => inner.listen_in(&mut local, &*memory, &at).map(drop),
            Err(unknown) => Err(unknown.into()),
        };
        drop(local);
        listening?;
        broker.bound(at, None)?;
        Ok(broker)
    }

    /// The broker's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The broker's domain.
    pub fn domain(&self) -> &Domain {
        &self.0.domain
    }

    /// The broker's options.
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// Makes the broker reachable at an endpoint too, until it is closed or [`Bound::close`] is
    /// called. A broker may listen at any number of endpoints; whoever connects at one of them waits
    /// in the same line as all others.
    ///
    /// At a `+plain` endpoint every connection is for the port that its option `port=N` names, and
    /// its bytes are the channel's from the first one on.
    ///
    /// # Errors
    /// [`ListenError::UnknownScheme`] lists the schemes that the domain knows;
    /// [`ListenError::Closed`]; whatever the transport says.
    pub fn listen(&self, at: &Endpoint) -> Result<Bound, ListenError> {
        let transport = self.0.domain.transport(at)?;
        if self.0.table.is_closed() {
            return Err(ListenError::Closed(self.name().to_owned()));
        }
        if transport.is_local() {
            return self.listen_locally(&*transport, at);
        }
        let plain = match at.is_plain() {
            false => None,
            true => Some(at.port_option()?.ok_or_else(|| {
                ListenError::Unsupported(format!(
                    "a plain endpoint has no hello that names the port: write {at}?port=N"
                ))
            })?),
        };
        let listener = transport.listen(at, &self.0.options)?;
        let endpoint = listener.local().clone();
        let job = spawn(serve(listener, Desk::of(&self.0), plain));
        self.0.jobs.lock().push(job.clone());
        self.bound(endpoint, Some(job))
    }

    /// At a local transport, whoever connects looks for the broker by its name.
    fn listen_locally(
        &self,
        transport: &dyn Transport,
        at: &Endpoint,
    ) -> Result<Bound, ListenError> {
        no_plain(at).map_err(ListenError::Unsupported)?;
        if transport.broker_of(at) != self.name() {
            return Err(ListenError::Unsupported(format!(
                "inside a domain a broker is found by its own name, \"{}\", and {at} says another",
                self.name()
            )));
        }
        let endpoint = self.0.listen_in(&mut self.0.local.lock(), transport, at)?;
        self.bound(endpoint, None)
    }

    fn bound(&self, endpoint: Endpoint, job: Option<Job>) -> Result<Bound, ListenError> {
        tracing::debug!(target: "channel", broker = %self.name(), %endpoint, "listen");
        let bound = Bound {
            broker: Arc::downgrade(&self.0),
            endpoint,
            job,
        };
        if self.0.table.is_closed() {
            // Closed at the same moment: then nobody else ends it.
            bound.close();
            return Err(ListenError::Closed(self.name().to_owned()));
        }
        Ok(bound)
    }

    /// Accepts at a port: waits until somebody connects to it.
    ///
    /// # Errors
    /// [`AcceptError::Closed`].
    pub fn accept(&self, port: u16) -> Result<Channel, AcceptError> {
        self.accept_within(port, None)
    }

    /// Accepts somebody who waits at the port; never blocks. A remote connector needs time to
    /// answer: to take part in the rendezvous without blocking, use an [`Acceptor`].
    ///
    /// # Errors
    /// [`AcceptError::WouldBlock`], [`AcceptError::Closed`].
    pub fn try_accept(&self, port: u16) -> Result<Channel, AcceptError> {
        self.acceptor(port).take_or_leave()
    }

    /// Accepts at a port, for at most `limit`.
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`], never before the limit, and then nobody is matched with this call
    /// any more; [`AcceptError::Closed`].
    pub fn accept_timeout(&self, port: u16, limit: Duration) -> Result<Channel, AcceptError> {
        self.accept_within(port, deadline(limit))
    }

    /// Accepts at a port without blocking the thread. Its place in the line is taken by the first
    /// poll; dropping the future gives it up.
    pub fn accept_async(
        &self,
        port: u16,
    ) -> impl Future<Output = Result<Channel, AcceptError>> + Send + 'static + use<> {
        let mut acceptor = self.acceptor(port);
        async move { acceptor.accept_async().await }
    }

    /// An acceptor for one port, which keeps its place in the line between calls and can be
    /// registered at a [`Poller`](crate::Poller).
    pub fn acceptor(&self, port: u16) -> Acceptor {
        Acceptor::new(self.clone(), port)
    }

    fn accept_within(&self, port: u16, until: Option<Instant>) -> Result<Channel, AcceptError> {
        let mut acceptor = self.acceptor(port);
        acceptor.accept_within(until)
    }

    /// Connects to a port of the broker `name`: waits until somebody accepts there.
    ///
    /// The domain's resolvers are asked where the broker is; its endpoints are tried in order.
    ///
    /// # Errors
    /// [`ConnectError::NoSuchBroker`] at once if nobody knows the name; [`ConnectError::Closed`]
    /// when either broker is closed; others for endpoints that cannot be reached.
    pub fn connect(&self, name: &str, port: u16) -> Result<Channel, ConnectError> {
        self.connect_within(Target::Name(name), port, &self.0.options, None)
    }

    /// Connects if somebody accepts there now; never blocks. To a broker of another process this
    /// cannot succeed, since that takes a message there and back: use a time limit.
    ///
    /// # Errors
    /// As [`connect`](Broker::connect), and [`ConnectError::WouldBlock`].
    pub fn try_connect(&self, name: &str, port: u16) -> Result<Channel, ConnectError> {
        self.try_connect_to(Target::Name(name), port)
    }

    fn try_connect_to(&self, target: Target<'_>, port: u16) -> Result<Channel, ConnectError> {
        let attempt = Attempt::default();
        // Relaxed: the same thread reads it.
        attempt.last.store(true, Ordering::Relaxed);
        let future = connect::connect(self, target, port, &self.0.options, &attempt);
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ConnectError::WouldBlock {
                to: attempt.about(target),
                port,
            }),
        }
    }

    /// As [`try_connect`](Broker::try_connect), to an endpoint.
    pub fn try_connect_at(&self, endpoint: &Endpoint, port: u16) -> Result<Channel, ConnectError> {
        self.try_connect_to(Target::Endpoint(endpoint), port)
    }

    /// Connects, for at most `limit`.
    ///
    /// # Errors
    /// As [`connect`](Broker::connect), and [`ConnectError::TimedOut`], never before the limit; then
    /// nobody is matched with this call any more.
    pub fn connect_timeout(
        &self,
        name: &str,
        port: u16,
        limit: Duration,
    ) -> Result<Channel, ConnectError> {
        self.connect_within(Target::Name(name), port, &self.0.options, deadline(limit))
    }

    /// Connects with options of its own, within `limit` if there is one.
    ///
    /// # Errors
    /// As [`connect_timeout`](Broker::connect_timeout), and for a capacity that cannot be had.
    pub fn connect_with(
        &self,
        name: &str,
        port: u16,
        options: &Options,
        limit: Option<Duration>,
    ) -> Result<Channel, ConnectError> {
        self.connect_within(Target::Name(name), port, options, limit.and_then(deadline))
    }

    /// Connects without blocking the thread. Dropping the future withdraws.
    pub fn connect_async(
        &self,
        name: &str,
        port: u16,
    ) -> impl Future<Output = Result<Channel, ConnectError>> + Send + 'static + use<> {
        let (broker, name) = (self.clone(), name.to_owned());
        async move {
            let options = &broker.0.options;
            let attempt = Attempt::default();
            connect::connect(&broker, Target::Name(&name), port, options, &attempt).await
        }
    }

    /// Connects to a port of the broker that listens at an endpoint, without asking any resolver;
    /// within `limit` if there is one.
    ///
    /// # Errors
    /// As [`connect_timeout`](Broker::connect_timeout); an unknown scheme lists the known ones.
    pub fn connect_at(
        &self,
        endpoint: &Endpoint,
        port: u16,
        limit: Option<Duration>,
    ) -> Result<Channel, ConnectError> {
        self.connect_at_with(endpoint, port, &self.0.options, limit)
    }

    /// As [`connect_at`](Broker::connect_at), with options of its own.
    pub fn connect_at_with(
        &self,
        endpoint: &Endpoint,
        port: u16,
        options: &Options,
        limit: Option<Duration>,
    ) -> Result<Channel, ConnectError> {
        self.connect_within(
            Target::Endpoint(endpoint),
            port,
            options,
            limit.and_then(deadline),
        )
    }

    /// As [`connect_at`](Broker::connect_at), without blocking the thread. Dropping the future
    /// withdraws.
    pub fn connect_at_async(
        &self,
        endpoint: &Endpoint,
        port: u16,
    ) -> impl Future<Output = Result<Channel, ConnectError>> + Send + 'static + use<> {
        let (broker, endpoint) = (self.clone(), endpoint.clone());
        async move {
            connect::connect(
                &broker,
                Target::Endpoint(&endpoint),
                port,
                &broker.0.options,
                &Attempt::default(),
            )
            .await
        }
    }

    fn connect_within(
        &self,
        target: Target<'_>,
        port: u16,
        options: &Options,
        until: Option<Instant>,
    ) -> Result<Channel, ConnectError> {
        let attempt = Attempt::default();
        let mut future = pin!(connect::connect(self, target, port, options, &attempt));
        if let Some(result) = wait::block_on_partner(until, |cx| future.as_mut().poll(cx)) {
            return result;
        }
        // Relaxed: the same thread reads it.
        attempt.last.store(true, Ordering::Relaxed);
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ConnectError::TimedOut {
                to: attempt.about(target),
                port,
            }),
        }
    }

    /// The channels that were obtained through this broker and are not dropped yet.
    pub fn channels(&self) -> Vec<ChannelInfo> {
        self.0
            .members
            .living()
            .iter()
            .map(|shared| shared.info())
            .collect()
    }

    /// Who waits at a port.
    pub fn waiting(&self, port: u16) -> Waiting {
        self.0.table.waiting(port)
    }

    /// Closes the broker: whoever waits to accept here, to connect here, or to connect from here
    /// gets an error, the name is free, and nothing listens any more. Established channels live on.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether the broker was closed.
    pub fn is_closed(&self) -> bool {
        self.0.table.is_closed()
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("name", &self.name())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

pub(crate) fn accepted(
    broker: &Broker,
    port: u16,
    arrived: Result<Arrival, Closed>,
) -> Result<Channel, AcceptError> {
    match arrived {
        Ok(Arrival {
            connection, from, ..
        }) => Ok(broker.0.open(connection, from, port, &broker.0.options)),
        Err(Closed) => Err(AcceptError::Closed {
            broker: broker.name().to_owned(),
        }),
    }
}
