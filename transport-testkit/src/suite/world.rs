//! The stage of one test: two domains that only the transport connects.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use channel::{Broker, Channel, ConnectError, Domain, Endpoint, Options};

use super::outcome::not_applicable;
use super::support::{Going, Rng, add_peer, go, left};
use crate::across::{Across, Peer, Relay};
use crate::subject::Subject;

pub(crate) struct World {
    pub(crate) subject: Arc<dyn Subject>,
    pub(crate) seed: u64,
    listening: Domain,
    connecting: Connecting,
    local: bool,
    swapped: bool,
    paired: Cell<bool>,
}

/// Where the side is that connects.
enum Connecting {
    /// In this process.
    Here(Domain),
    /// In another one, which is started when it is needed.
    Across(Arc<Across>, OnceCell<Arc<Peer>>),
}

/// A broker "server" that listens, and a broker "client" that knows nothing of it but the endpoint.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) server: Broker,
    pub(crate) client: Broker,
    pub(crate) at: Endpoint,
}

impl World {
    /// With `swapped`, the two ends of a pair change places: what a test does with the acceptor's it
    /// then does with the connector's.
    pub(crate) fn new(
        subject: Arc<dyn Subject>,
        seed: u64,
        swapped: bool,
        across: Option<Arc<Across>>,
    ) -> World {
        let listening = Domain::new();
        subject.add_to(&listening);
        let local = listening.is_local(&subject.endpoint("server")) == Some(true);
        let connecting = match across {
            Some(_) if local => not_applicable("both ends lie in one domain, and in one process"),
            Some(across) => Connecting::Across(across, OnceCell::new()),
            None if local => Connecting::Here(listening.clone()),
            None => {
                let domain = Domain::new();
                subject.add_to(&domain);
                Connecting::Here(domain)
            }
        };
        World {
            subject,
            seed,
            listening,
            connecting,
            local,
            swapped,
            paired: Cell::new(false),
        }
    }

    /// Whether the test was about a pair, so that it is to be run for the other end as well.
    pub(super) fn has_paired(&self) -> bool {
        self.paired.get()
    }

    /// Whether both ends lie in one domain.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// A generator for part `part` of the test.
    pub(crate) fn rng(&self, part: u64) -> Rng {
        Rng::of(self.seed, part)
    }

    /// More than all buffers on the way hold.
    pub(crate) fn large(&self) -> usize {
        self.subject.large()
    }

    /// A broker of the listening side, which listens nowhere yet.
    pub(crate) fn server_named(&self, name: &str, options: &Options) -> Broker {
        broker(&self.listening, name, options)
    }

    /// A broker of the connecting side.
    pub(crate) fn client_named(&self, name: &str) -> Broker {
        self.client_with(name, &Options::new())
    }

    pub(crate) fn client_with(&self, name: &str, options: &Options) -> Broker {
        match &self.connecting {
            Connecting::Here(domain) => broker(domain, name, options),
            Connecting::Across(..) => self.client_at(&self.peer(), name, options),
        }
    }

    /// A broker in another process.
    pub(crate) fn client_at(&self, peer: &Arc<Peer>, name: &str, options: &Options) -> Broker {
        let at = self.subject.endpoint("server");
        let relay = Relay::new(peer.clone(), name, options, &at);
        let relay = relay.unwrap_or_else(|error| panic!("the broker \"{name}\": {error}"));
        let domain = Domain::new();
        domain.add(relay);
        broker(&domain, name, options)
    }

    /// The process of the side that connects.
    pub(crate) fn peer(&self) -> Arc<Peer> {
        match &self.connecting {
            Connecting::Here(_) => not_applicable("both ends are in one process"),
            Connecting::Across(_, peer) => peer.get_or_init(|| self.another_peer()).clone(),
        }
    }

    /// One more process.
    pub(crate) fn another_peer(&self) -> Arc<Peer> {
        let Connecting::Across(across, _) = &self.connecting else {
            not_applicable("both ends are in one process");
        };
        let peer = across.start(self.seed);
        let peer = peer.unwrap_or_else(|error| panic!("the other process does not start: {error}"));
        add_peer(peer.clone());
        peer
    }

    pub(crate) fn place(&self) -> Place {
        self.place_with(&Options::new())
    }

    pub(crate) fn place_with(&self, options: &Options) -> Place {
        let server = self.server_named("server", options);
        let at = listen(&server, &self.subject.endpoint("server"));
        Place {
            server,
            client: self.client_with("client", options),
            at,
        }
    }

    /// Two connected channels: the acceptor's and the connector's, and the other way round in the
    /// test's second run.
    pub(crate) fn pair(&self) -> (Channel, Channel) {
        self.pair_with(&Options::new())
    }

    /// As [`pair`](World::pair), with buffers of about `capacity` bytes where the transport has any.
    pub(crate) fn pair_of(&self, capacity: usize) -> (Channel, Channel) {
        self.pair_with(&Options::new().with_capacity(capacity))
    }

    fn pair_with(&self, options: &Options) -> (Channel, Channel) {
        self.paired.set(true);
        let (ours, theirs) = self.place_with(options).meet(1);
        match self.swapped {
            true => (theirs, ours),
            false => (ours, theirs),
        }
    }
}

fn broker(domain: &Domain, name: &str, options: &Options) -> Broker {
    domain
        .broker_with(name, options.clone())
        .unwrap_or_else(|error| panic!("the broker \"{name}\": {error}"))
}

/// Has a broker listen; where it is reached.
#[track_caller]
pub(crate) fn listen(server: &Broker, at: &Endpoint) -> Endpoint {
    match server.listen(at) {
        Ok(bound) => bound.endpoint().clone(),
        Err(error) => panic!("cannot listen at {at}: {error}"),
    }
}

impl Place {
    /// The two ends of a rendezvous: the acceptor's and the connector's.
    #[track_caller]
    pub(crate) fn meet(&self, port: u16) -> (Channel, Channel) {
        let connecting = self.connect(port);
        let ours = match self.server.accept_timeout(port, left()) {
            Ok(channel) => channel,
            Err(error) => match connecting.is_over() {
                true => panic!("{error}; and: {:?}", connecting.join("the connect")),
                false => panic!("{error}"),
            },
        };
        let theirs = connecting.join("the connect, after the accept returned");
        (
            ours,
            theirs.unwrap_or_else(|error| panic!("connect: {error}")),
        )
    }

    /// Connects on a thread of its own.
    pub(crate) fn connect(&self, port: u16) -> Going<Result<Channel, ConnectError>> {
        connect(&self.client, &self.at, port)
    }

    /// Shows that the place still serves: two meet there and talk.
    #[track_caller]
    pub(crate) fn serves(&self, port: u16) {
        let (mut ours, mut theirs) = self.meet(port);
        assert_eq!(
            ours.handle().peer_name(),
            self.client.name(),
            "the wrong partner"
        );
        talk(&mut ours, &mut theirs);
        talk(&mut theirs, &mut ours);
    }
}

/// Connects on a thread of its own.
pub(crate) fn connect(
    client: &Broker,
    at: &Endpoint,
    port: u16,
) -> Going<Result<Channel, ConnectError>> {
    let (client, at) = (client.clone(), at.clone());
    go(move || client.connect_at(&at, port, Some(left())))
}

/// A few bytes from one end to the other.
#[track_caller]
pub(crate) fn talk(from: &mut Channel, to: &mut Channel) {
    from.write_all_timeout(b"hello", left())
        .unwrap_or_else(|error| panic!("a few bytes could not be written: {error}"));
    let mut buf = [0; 5];
    to.read_exact_timeout(&mut buf, left())
        .unwrap_or_else(|error| panic!("a few bytes did not arrive: {error}"));
    assert_eq!(&buf, b"hello", "other bytes arrived");
}
