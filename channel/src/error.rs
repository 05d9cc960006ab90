//! One error type per operation, each with a fixed mapping to [`io::ErrorKind`].

/// Maps an operation's error to the [`io::Error`] that carries it as payload.
macro_rules! into_io {
    ($error:ident: $($pattern:pat => $kind:expr,)+) => {
        impl $error {
            /// The [`io::ErrorKind`] that stands for this error.
            pub fn kind(&self) -> io::ErrorKind {
                use $error::*;
                match self { $($pattern => $kind,)+ }
            }
        }
        impl From<$error> for io::Error {
            fn from(error: $error) -> io::Error {
                io::Error::new(error.kind(), error)
            }
        }
    };
}

mod stream;

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::endpoint::{Endpoint, EndpointError};
use crate::wire::hello::Version;

/// A capacity that cannot be had.
pub use ringbuf_core::CapacityError;
pub use stream::{ReadError, ReadExactError, WriteAllError, WriteError};

/// Why a broker could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// A broker of this name lives in the domain.
    #[error(
        "the name \"{name}\" is taken by another broker of this domain; choose another name, close that broker, or use a domain of your own"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The name cannot be used.
    #[error("\"{name}\" cannot be a broker's name: {why}")]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A capacity among the options cannot be had.
    #[error("the broker's options: {0}")]
    Capacity(#[from] CapacityError),
    /// The domain's transport for local partners could not be listened at.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Why an accept gave no channel.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptError {
    /// The broker was closed, before or while the accept waited.
    #[error("broker \"{broker}\" is closed; make a new one to accept")]
    Closed {
        /// The broker's name.
        broker: String,
    },
    /// Nobody connected within the time limit.
    #[error("nobody connected to broker \"{broker}\" port {port} within the time limit")]
    TimedOut {
        /// The broker's name.
        broker: String,
        /// The port.
        port: u16,
    },
    /// A call that never blocks found no connector.
    #[error("nobody waits at broker \"{broker}\" port {port}")]
    WouldBlock {
        /// The broker's name.
        broker: String,
        /// The port.
        port: u16,
    },
}

/// Why a connect gave no channel.
#[derive(Debug, Error, Clone)]
#[non_exhaustive]
pub enum ConnectError {
    /// No resolver of the domain knows a broker of that name.
    #[error(
        "no broker \"{name}\" is known here (asked: {asked}); start it first, check the name, or connect by endpoint"
    )]
    NoSuchBroker {
        /// The name.
        name: String,
        /// Who was asked: the resolvers, or the endpoint.
        asked: String,
    },
    /// The connecting broker, or the one connected to, was closed.
    #[error("broker \"{broker}\" is closed")]
    Closed {
        /// The broker that was closed.
        broker: String,
    },
    /// Nobody accepted within the time limit.
    #[error("nobody accepted at \"{to}\" port {port} within the time limit")]
    TimedOut {
        /// The name or endpoint connected to; of a name, also its endpoint that was tried to the last.
        to: String,
        /// The port.
        port: u16,
    },
    /// A call that never blocks found nobody who accepts.
    #[error("nobody accepts at \"{to}\" port {port} now")]
    WouldBlock {
        /// The name or endpoint connected to; of a name, also its endpoint that was tried to the last.
        to: String,
        /// The port.
        port: u16,
    },
    /// The far side refused.
    #[error("{endpoint} refused: {reason}")]
    Refused {
        /// The endpoint that refused.
        endpoint: Endpoint,
        /// What it said.
        reason: String,
    },
    /// What answered speaks another version of this protocol.
    #[error(
        "{endpoint} speaks version {theirs} of the protocol, this end version {ours}: update the older of the two"
    )]
    Version {
        /// The endpoint.
        endpoint: Endpoint,
        /// The version of this end.
        ours: Version,
        /// The version of the far side.
        theirs: Version,
    },
    /// What answered does not speak this protocol.
    #[error(
        "{endpoint} does not answer as a broker: {reason}; does it speak another scheme, such as `tls:`, or \
         is it a plain service (then use +plain)?"
    )]
    Protocol {
        /// The endpoint.
        endpoint: Endpoint,
        /// What was seen.
        reason: String,
    },
    /// The far side was reached and lost before it accepted.
    #[error("{endpoint} was lost before it accepted: {reason}")]
    Lost {
        /// The endpoint.
        endpoint: Endpoint,
        /// What the transport said.
        reason: Arc<io::Error>,
    },
    /// The endpoint could not be dialled.
    #[error("{endpoint}: {error}")]
    Dial {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why.
        #[source]
        error: DialError,
    },
    /// Every endpoint that the name stands for failed.
    #[error("\"{name}\": none of its endpoints could be reached: {}", list(.errors))]
    AllFailed {
        /// The name.
        name: String,
        /// One error for each endpoint, in the order tried.
        errors: Vec<ConnectError>,
    },
    /// A resolver failed.
    #[error("the name \"{name}\" could not be looked up: {reason}")]
    Resolve {
        /// The name.
        name: String,
        /// What the resolver said.
        reason: String,
    },
}

fn list(errors: &[ConnectError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Why a transport could not open a connection.
#[derive(Debug, Error, Clone)]
#[non_exhaustive]
pub enum DialError {
    /// No transport of the domain serves the scheme.
    #[error("no transport for the scheme \"{scheme}\"; known here: {known}")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The schemes that the domain's table holds.
        known: String,
    },
    /// Nobody listens there.
    #[error("nobody listens there")]
    NotFound,
    /// The transport cannot do what the endpoint asks for.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The endpoint does not fit the transport.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A capacity cannot be had.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// The operating system said no.
    #[error("{0}")]
    Io(Arc<io::Error>),
}

/// Why an endpoint could not be listened at.
#[derive(Debug, Error, Clone)]
#[non_exhaustive]
pub enum ListenError {
    /// No transport of the domain serves the scheme.
    #[error("no transport for the scheme \"{scheme}\"; known here: {known}")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The schemes that the domain's table holds.
        known: String,
    },
    /// Somebody listens there.
    #[error("{0} is taken: somebody listens there already")]
    Taken(Endpoint),
    /// The name is another broker's, in this process or another one: on this machine, a name belongs to one that
    /// listens.
    #[error(
        "the name \"{name}\" is taken on this machine: {}",
        taken_by(*.by)
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the process, where it is known.
        by: Option<u32>,
    },
    /// The broker is closed.
    #[error("broker \"{0}\" is closed")]
    Closed(String),
    /// The transport cannot do what the endpoint asks for.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The endpoint does not fit the transport.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A capacity cannot be had.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// The operating system said no.
    #[error("{0}")]
    Io(Arc<io::Error>),
}

fn taken_by(process: Option<u32>) -> String {
    let who = match process {
        Some(id) if id == std::process::id() => {
            return "this process listens under it already; choose another name".to_owned();
        }
        Some(id) => format!("process {id}"),
        None => "another process".to_owned(),
    };
    format!("{who} listens under it; choose another name or end that process")
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> DialError {
        DialError::Io(Arc::new(error))
    }
}

impl From<io::Error> for ListenError {
    fn from(error: io::Error) -> ListenError {
        ListenError::Io(Arc::new(error))
    }
}

into_io!(AcceptError:
    Closed { .. } => io::ErrorKind::NotConnected,
    TimedOut { .. } => io::ErrorKind::TimedOut,
    WouldBlock { .. } => io::ErrorKind::WouldBlock,
);
into_io!(ConnectError:
    NoSuchBroker { .. } => io::ErrorKind::NotFound,
    Closed { .. } => io::ErrorKind::NotConnected,
    TimedOut { .. } => io::ErrorKind::TimedOut,
    WouldBlock { .. } => io::ErrorKind::WouldBlock,
    Refused { .. } => io::ErrorKind::ConnectionRefused,
    Version { .. } => io::ErrorKind::Unsupported,
    Protocol { .. } => io::ErrorKind::InvalidData,
    Lost { .. } => io::ErrorKind::ConnectionReset,
    Dial { error: DialError::Io(error), .. } => error.kind(),
    Dial { .. } => io::ErrorKind::AddrNotAvailable,
    AllFailed { .. } => io::ErrorKind::HostUnreachable,
    Resolve { .. } => io::ErrorKind::Other,
);
into_io!(ListenError:
    UnknownScheme { .. } | Unsupported(_) => io::ErrorKind::Unsupported,
    Taken(_) | NameTaken { .. } => io::ErrorKind::AddrInUse,
    Closed(_) => io::ErrorKind::NotConnected,
    Endpoint(_) | Capacity(_) => io::ErrorKind::InvalidInput,
    Io(error) => error.kind(),
);
