//! Why a connection could not be opened, address by address.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use channel::{ConnectError, DialError};

/// What came of one address, or of the look-up of a name.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The host answered that nobody listens there.
    #[error("{address} refused: nobody listens there; start the server first, or check the port")]
    Refused {
        /// The address tried.
        address: SocketAddr,
    },
    /// There is no way to the host.
    #[error("{address} is unreachable ({reason}); check the address and this machine's network")]
    Unreachable {
        /// The address tried.
        address: SocketAddr,
        /// What the system said.
        reason: Arc<io::Error>,
    },
    /// Nothing answered.
    #[error(
        "{address} did not answer within {limit:?}; is the host up, does a firewall drop the \
         request? (`?connect-timeout=MS` waits longer)"
    )]
    TimedOut {
        /// The address tried.
        address: SocketAddr,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The name has no address.
    #[error("the host name `{host}` was not found ({reason}); check its spelling")]
    NameNotFound {
        /// The name.
        host: String,
        /// What the system said.
        reason: Arc<io::Error>,
    },
    /// The host was reached, but the connection could not be secured.
    #[cfg(feature = "tls")]
    #[error("{address}: {reason}")]
    Tls {
        /// The address tried.
        address: SocketAddr,
        /// What is wrong.
        reason: crate::tls::TlsError,
    },
    /// Anything else.
    #[error("{address}: {reason}")]
    Other {
        /// The address tried.
        address: SocketAddr,
        /// What the system said.
        reason: Arc<io::Error>,
    },
}

impl Failure {
    pub(crate) fn of(address: SocketAddr, limit: Duration, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused { address },
            io::ErrorKind::TimedOut => Failure::TimedOut { address, limit },
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Failure::Unreachable {
                address,
                reason: Arc::new(error),
            },
            _ => Failure::Other {
                address,
                reason: Arc::new(error),
            },
        }
    }

    /// The [`io::ErrorKind`] that stands for it.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Failure::Refused { .. } => io::ErrorKind::ConnectionRefused,
            Failure::Unreachable { .. } => io::ErrorKind::HostUnreachable,
            Failure::TimedOut { .. } => io::ErrorKind::TimedOut,
            Failure::NameNotFound { .. } => io::ErrorKind::NotFound,
            #[cfg(feature = "tls")]
            Failure::Tls { reason, .. } => reason.kind(),
            Failure::Other { reason, .. } => reason.kind(),
        }
    }
}

/// Why none of the addresses of an endpoint could be reached: one [`Failure`] for each, in the order
/// tried.
///
/// It is the payload of the [`io::Error`] in [`DialError::Io`]; [`Failures::of`] finds it:
///
/// ```
/// # use channel::Domain;
/// # use transport_tcp::{Failure, Failures, Tcp};
/// let domain = Domain::new();
/// domain.add(Tcp::new());
/// // Port 1 of this machine: nobody listens there.
/// let error = domain
///     .broker("client")?
///     .connect_at(&"tcp://127.0.0.1:1".parse()?, 7, None)
///     .unwrap_err();
/// let failures = Failures::of(&error).expect("the connection could not be opened");
/// assert!(matches!(failures.all(), [Failure::Refused { address }] if address.port() == 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Failures(Vec<Failure>);

impl Failures {
    /// The failures inside the error of a connect, if that is why it failed.
    pub fn of(error: &ConnectError) -> Option<&Failures> {
        match error {
            ConnectError::Dial {
                error: DialError::Io(error),
                ..
            } => error.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    /// One for each address, in the order tried. Never empty.
    pub fn all(&self) -> &[Failure] {
        &self.0
    }

    /// As an error of the operating system, of the kind of the failure that came furthest: a refusal
    /// tells more than silence, and silence more than no way there.
    pub(crate) fn into_io(failures: Vec<Failure>) -> io::Error {
        const FURTHEST: [io::ErrorKind; 4] = [
            // Of a certificate.
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::TimedOut,
            io::ErrorKind::HostUnreachable,
        ];
        let has = |kind: &io::ErrorKind| failures.iter().any(|failure| failure.kind() == *kind);
        let kind = FURTHEST.into_iter().find(has);
        let kind = kind.or_else(|| failures.first().map(Failure::kind));
        io::Error::new(kind.unwrap_or(io::ErrorKind::Other), Failures(failures))
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, failure) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            failure.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}
