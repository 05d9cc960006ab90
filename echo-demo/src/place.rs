//! Where server and clients meet: the only module that knows which transports there are.
//!
//! Everything else goes through [`Place::server`] and [`Place::connect`], whatever the endpoint.

mod limits;
pub mod links;
pub mod shared_memory;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "place/tls/none.rs"]
pub mod tls;
pub mod transports;
pub mod usb;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use channel::{Broker, Channel, ConnectError, Domain, Endpoint, EndpointError, Options};
use serde::Serialize;

use crate::args::Common;
use crate::certificates::{Certificates, Whose, with_files};
use crate::error::{Error, Result};
use crate::speech::Speech;
use links::Links;

/// The port of the server's broker, unless another one is asked for.
const USUAL_PORT: u16 = 7;

/// What a command does at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is the server.
    Server,
    /// It is a client of a server that runs elsewhere, unless nobody else could be there.
    Client,
    /// It is both, where it was given only what transport to try.
    Both {
        /// The server is to be another process in any case.
        spawn: bool,
    },
}

/// Where the server of a command's clients runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRuns {
    /// As tasks of this process.
    Here,
    /// In a second process that this one starts and ends.
    Spawned,
    Elsewhere,
}

impl std::fmt::Display for ServerRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ServerRuns::Here => "in this process",
            ServerRuns::Spawned => "in a second process",
            ServerRuns::Elsewhere => "another process's",
        })
    }
}

/// Endpoints and a port, how to get there, and what is spoken there.
#[derive(Clone, Debug)]
pub struct Place {
    pub domain: Domain,
    /// Links that were made for this place.
    pub links: Arc<Links>,
    /// At least one. They all lead to the same server.
    pub endpoints: Vec<Endpoint>,
    pub port: u16,
    pub options: Options,
    pub limit: Duration,
    pub speech: Speech,
    pub server: ServerRuns,
}

impl Place {
    pub fn new(common: &Common, role: Role) -> Result<Place> {
        let links = Arc::new(Links::default());
        let mut endpoints = common.endpoints.clone();
        let alone = common.transports.len() == 1;
        for transport in &common.transports {
            let at = transports::meet(transport, alone, role, &links, common.wire())?;
            endpoints.push(at);
        }
        if endpoints.is_empty() {
            endpoints.push(transports::USUAL.parse().expect("a test parses it"));
        }
        if let Some(flag) = common.wire().given().filter(|_| !links.has_line()) {
            return Err(Error::OnlyOwnLine { flag });
        }
        usb::leave_nothing_at(&endpoints);
        let mut options = Options::new();
        if let Some(capacity) = common.capacity.or_else(|| limits::fitting(&endpoints)) {
            options = options.with_capacity(capacity);
        }
        let mut place = Place {
            domain: transports::domain(&links),
            links,
            port: port(common.port, &endpoints)?,
            endpoints,
            options,
            limit: common.timeout,
            speech: common.speech()?,
            server: ServerRuns::Elsewhere,
        };
        let brought = |at: &Endpoint| {
            place.is_local(at) || transports::is_open(at) || place.links.across(at).is_some()
        };
        place.server = match role {
            Role::Server => ServerRuns::Here,
            Role::Both { spawn: true } => match place.local() {
                None => ServerRuns::Spawned,
                Some(at) => return Err(Error::NoSecondProcess { at: at.clone() }),
            },
            // Whoever is given a transport alone takes a place where nobody is, unless it found a device.
            Role::Both { .. } if !common.transports.is_empty() => {
                match place.endpoints.iter().any(usb::is_elsewhere) {
                    true => ServerRuns::Elsewhere,
                    false => ServerRuns::Here,
                }
            }
            _ if place.endpoints.iter().any(brought) => ServerRuns::Here,
            _ => ServerRuns::Elsewhere,
        };
        Ok(place)
    }

    /// Refuses more than one endpoint.
    pub fn with_one_endpoint(self, command: &'static str) -> Result<Place> {
        match self.endpoints.len() {
            1 => Ok(self),
            _ => Err(Error::OneEndpoint { command }),
        }
    }

    /// An endpoint that can be reached from inside this process only.
    fn local(&self) -> Option<&Endpoint> {
        self.endpoints.iter().find(|at| self.is_local(at))
    }

    fn is_local(&self, endpoint: &Endpoint) -> bool {
        self.domain.is_local(endpoint) == Some(true)
    }

    /// Whether no other process could ever come.
    pub fn is_private(&self) -> bool {
        self.endpoints.iter().all(|at| self.is_local(at))
    }

    /// The capacity of each side's receive buffer, as it is in the end.
    pub fn capacity(&self) -> usize {
        let asked = self.options.capacity(Some(self.port));
        asked.checked_next_power_of_two().unwrap_or(asked)
    }

    /// The server's broker, which can be reached at the endpoints, and where exactly that is.
    pub fn server(&self) -> Result<(Broker, Vec<Endpoint>)> {
        let broker = self.broker(self.server_name()?)?;
        let bound = self.endpoints.iter().map(|at| {
            let at = self.with_port(at);
            match broker.listen(&at) {
                Ok(bound) => Ok(bound.endpoint().clone()),
                Err(error) => Err(Error::Listen { at, error }),
            }
        });
        let bound = bound.collect::<Result<_>>()?;
        Ok((broker, bound))
    }

    /// Whether there is an endpoint that needs certificates and has none.
    pub fn lacks_certificates(&self) -> bool {
        self.endpoints.iter().any(transports::lacks_certificates)
    }

    /// What the server's certificate is to be for.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<_> = self.endpoints.iter().map(transports::host).collect();
        hosts.retain(|host| !host.is_empty());
        hosts
    }

    /// From now on this side shows one of these certificates, where the endpoint names none.
    pub fn show(&self, certificates: Option<&Certificates>, side: Whose) {
        if let Some(certificates) = certificates {
            tls::show(&self.domain, certificates.of(side));
        }
    }

    /// The same place with the certificates in a directory, where the endpoint names none.
    pub fn with_files(&self, directory: &Path, side: Whose) -> Result<Place> {
        self.map(|_, at| match transports::lacks_certificates(at) {
            true => with_files(at, directory, side),
            false => Ok(at.clone()),
        })
    }

    /// The same place for clients of a server that listens there, in the order of the endpoints.
    pub fn found(&self, bound: &[Endpoint]) -> Result<Place> {
        self.map(|i, at| match self.across(at) {
            Some(clients) => Ok(clients),
            None => at.clone().with_authority(bound[i].authority()),
        })
    }

    /// Where clients reach a server that listens at this end of a link of two ends.
    fn across(&self, server: &Endpoint) -> Option<Endpoint> {
        self.links.across(server).or_else(|| usb::across(server))
    }

    fn map(
        &self,
        change: impl Fn(usize, &Endpoint) -> Result<Endpoint, EndpointError>,
    ) -> Result<Place> {
        let endpoints = self.endpoints.iter().enumerate();
        let changed = endpoints.map(|(i, at)| change(i, at)).collect();
        Ok(Place {
            endpoints: Result::map_err(changed, Error::Endpoint)?,
            ..self.clone()
        })
    }

    /// The one name that all endpoints give.
    fn server_name(&self) -> Result<&str> {
        let mut names = self.endpoints.iter().filter_map(|at| match at {
            at if self.is_local(at) => Some(at.authority()),
            at => transports::broker(at),
        });
        let first = names.next().unwrap_or(transports::NAME);
        match names.find(|name| *name != first) {
            None => Ok(first),
            Some(second) => Err(Error::TwoNames {
                first: first.to_owned(),
                second: second.to_owned(),
            }),
        }
    }

    /// A plain stream cannot say which port it is for: whoever listens does.
    fn with_port(&self, at: &Endpoint) -> Endpoint {
        if !at.is_plain() || at.option("port").is_some() {
            return at.clone();
        }
        let with = at.clone().with_option("port", &self.port.to_string());
        // If that is too long, listening says what is missing.
        with.unwrap_or_else(|_| at.clone())
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
            at: self.endpoints[0].clone(),
            error,
        })
    }

    /// A channel to the server.
    pub fn connect(&self, from: &Broker) -> Result<Channel> {
        self.connect_nth(from, 0)
    }

    /// A channel to the server, by another endpoint for each number while there are others.
    pub fn connect_nth(&self, from: &Broker, number: u32) -> Result<Channel> {
        let at = &self.endpoints[number as usize % self.endpoints.len()];
        let connected = from.connect_at(at, self.port, Some(self.limit));
        connected.map_err(|error| self.unreachable(at, error))
    }

    fn unreachable(&self, at: &Endpoint, error: ConnectError) -> Error {
        Error::Connect {
            at: at.clone(),
            error,
        }
    }

    /// The endpoints, as they are printed: without the files of this side.
    pub fn names(&self) -> Vec<String> {
        let shared = self.endpoints.iter().map(transports::shared);
        shared.map(|at| at.to_string()).collect()
    }

    /// `mem://echo, port 7`, and what is spoken there if that is not bytes.
    pub fn name(&self) -> String {
        let what = match self.speech {
            Speech::Bytes => "",
            Speech::Messages { .. } => ", as messages",
        };
        format!("{}, port {}{what}", self.names().join(" + "), self.port)
    }
}

/// The port of the server: what was asked for, or what the plain endpoints name, which must agree.
fn port(asked: Option<u16>, endpoints: &[Endpoint]) -> Result<u16> {
    let mut port = asked;
    for at in endpoints.iter().filter(|at| at.is_plain()) {
        let named = at.port_option().map_err(Error::Endpoint)?;
        match (port, named) {
            (Some(port), Some(named)) if port != named => {
                return Err(Error::TwoPorts {
                    at: at.clone(),
                    port,
                });
            }
            _ => port = port.or(named),
        }
    }
    Ok(port.unwrap_or(USUAL_PORT))
}
