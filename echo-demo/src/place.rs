//! Where server and client meet: the only module that knows which transports there are.
//!
//! Everything else goes through [`Place::server`] and [`Place::connect`], whatever the endpoint.

use std::time::Duration;

use channel::{Broker, Channel, ConnectError, Domain, Endpoint, Options};

use crate::args::Common;
use crate::error::{Error, Result};
use crate::speech::Speech;

/// The endpoint unless another one is asked for.
const USUAL: &str = "mem://echo";

/// A domain with every transport of this build.
pub fn domain() -> Domain {
    Domain::new()
}

/// An endpoint and a port, how to get there, and what is spoken there.
#[derive(Clone, Debug)]
pub struct Place {
    pub domain: Domain,
    pub endpoint: Endpoint,
    pub port: u16,
    pub options: Options,
    pub limit: Duration,
    pub speech: Speech,
}

impl Place {
    pub fn new(common: &Common) -> Result<Place> {
        let given = common.endpoint.as_ref().or(common.transport.as_ref());
        let endpoint = match given {
            Some(endpoint) => endpoint.clone(),
            None => USUAL.parse().expect("a constant that a test parses"),
        };
        let mut options = Options::new();
        if let Some(capacity) = common.capacity {
            options = options.with_capacity(capacity);
        }
        Ok(Place {
            domain: domain(),
            endpoint,
            port: common.port,
            options,
            limit: common.timeout,
            speech: common.speech()?,
        })
    }

    /// Whether server and clients are tasks of this process, so that a client brings its server.
    pub fn in_process(&self) -> bool {
        self.domain.is_local(&self.endpoint) == Some(true)
    }

    /// The capacity of each side's receive buffer, as it is in the end.
    pub fn capacity(&self) -> usize {
        let asked = self.options.capacity(Some(self.port));
        asked.checked_next_power_of_two().unwrap_or(asked)
    }

    /// The server's broker, which can be reached at the endpoint, and where exactly that is.
    pub fn server(&self) -> Result<(Broker, Endpoint)> {
        let name = if self.in_process() {
            self.endpoint.authority()
        } else {
            self.endpoint.broker().unwrap_or("echo")
        };
        let broker = self.broker(name)?;
        match broker.listen(&self.endpoint) {
            Ok(bound) => Ok((broker, bound.endpoint().clone())),
            Err(error) => Err(Error::Listen {
                at: self.endpoint.clone(),
                error,
            }),
        }
    }

    /// The broker that clients connect from.
    pub fn client(&self) -> Result<Broker> {
        // In one process the server may have been called so.
        let taken = self.domain.brokers().iter().any(|name| name == "client");
        let name = if taken { "client-2" } else { "client" };
        self.broker(name)
    }

    fn broker(&self, name: &str) -> Result<Broker> {
        let made = self.domain.broker_with(name, self.options.clone());
        made.map_err(|error| Error::Broker {
            at: self.endpoint.clone(),
            error,
        })
    }

    /// A channel to the server.
    pub fn connect(&self, from: &Broker) -> Result<Channel> {
        from.connect_at(&self.endpoint, self.port, Some(self.limit))
            .map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: ConnectError) -> Error {
        Error::Connect {
            at: self.endpoint.clone(),
            error,
        }
    }

    /// `mem://echo, port 7`, and what is spoken there if that is not bytes.
    pub fn name(&self) -> String {
        let what = match self.speech {
            Speech::Bytes => "",
            Speech::Messages { .. } => ", as messages",
        };
        format!("{}, port {}{what}", self.endpoint, self.port)
    }
}
