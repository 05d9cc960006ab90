//! What goes wrong with TLS.

use std::io;
use std::time::Duration;

use channel::{ConnectError, DialError};
use rustls::{AlertDescription, CertificateError, Error};

use crate::error::{Failure, Failures};

/// Why a connection could not be secured, or was secure no longer.
///
/// A connect finds most of these while it dials: then it is part of a [`Failure::Tls`] that names the
/// address. But a server judges its client's certificate when the client has done its part already; so a
/// refusal ([`Refused`](TlsError::Refused)) may come with the answer to the hello, or, at a plain endpoint,
/// with the first read. [`TlsError::of`] finds it in either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No authority that this side trusts has signed the peer's certificate.
    #[error(
        "untrusted certificate: none of the authorities in `ca` has signed the peer's certificate; \
         check `ca`, or have the peer's certificate signed by one of them"
    )]
    Untrusted,
    /// The peer's certificate is for another name.
    #[error(
        "wrong name: the peer's certificate is not for `{expected}` but for {presented}; check the \
         address, or say which name to expect (`?name=NAME`)"
    )]
    WrongName {
        /// The name that it should be for.
        expected: String,
        /// The names that it is for.
        presented: String,
    },
    /// The peer's certificate is too old.
    #[error("expired certificate: the peer's certificate must be renewed, or a clock is wrong")]
    Expired,
    /// The peer's certificate is too new.
    #[error("the peer's certificate is not valid yet; one of the clocks may be wrong")]
    NotYetValid,
    /// The peer's certificate was withdrawn, is for other purposes, or makes no sense.
    #[error("bad certificate: the peer's certificate cannot be used ({0})")]
    BadCertificate(String),
    /// The peer showed no certificate.
    #[error("no certificate: the peer has shown none, and this side demands one")]
    NoCertificate,
    /// The peer does not accept this side's certificate, or the lack of one.
    #[error("untrusted certificate: the peer refused this side's ({0})")]
    Refused(String),
    /// The peer does not speak TLS.
    #[error("the peer does not speak TLS ({0}); is it a `tcp:` endpoint?")]
    NotTls(String),
    /// The peer speaks TLS, but there is no version or method that both sides know.
    #[error("the peer knows no TLS 1.3, or none of its methods that are known here ({0})")]
    Incompatible(String),
    /// The peer left in the middle of the handshake.
    #[error("the peer left in the middle of the TLS handshake; does it speak TLS there?")]
    Left,
    /// The peer was silent in the middle of the handshake.
    #[error(
        "the TLS handshake did not come to its end within {0:?}; does the peer speak TLS there? \
         (`?connect-timeout=MS` waits longer)"
    )]
    Silent(Duration),
    /// The stream ended without the end that TLS gives it: the peer is lost, or somebody has cut the
    /// connection.
    #[error("the stream was cut: it ended without the end that TLS gives it")]
    Truncated,
    /// Anything else: what the peer sends is damaged, or breaks the rules.
    #[error("TLS failed: {0}")]
    Protocol(String),
}

impl TlsError {
    /// The error inside that of a connect, if that is why it failed; of several addresses or endpoints the
    /// first.
    pub fn of(error: &ConnectError) -> Option<&TlsError> {
        match error {
            ConnectError::Lost { reason, .. } => reason.get_ref()?.downcast_ref(),
            ConnectError::AllFailed { errors, .. } => errors.iter().find_map(TlsError::of),
            ConnectError::Dial {
                error: DialError::Io(_),
                ..
            } => Failures::of(error)?
                .all()
                .iter()
                .find_map(|failure| match failure {
                    Failure::Tls { reason, .. } => Some(reason),
                    _ => None,
                }),
            _ => None,
        }
    }

    /// The [`io::ErrorKind`] that stands for it.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            TlsError::Truncated | TlsError::Left => io::ErrorKind::UnexpectedEof,
            TlsError::Silent(_) => io::ErrorKind::TimedOut,
            TlsError::NotTls(_) | TlsError::Incompatible(_) | TlsError::Protocol(_) => {
                io::ErrorKind::InvalidData
            }
            _ => io::ErrorKind::PermissionDenied,
        }
    }

    /// Whether it is the certificate of a peer that speaks TLS, which is to be told.
    pub(super) fn is_refusal(&self) -> bool {
        self.kind() == io::ErrorKind::PermissionDenied && !matches!(self, TlsError::Refused(_))
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

impl From<Error> for TlsError {
    fn from(error: Error) -> TlsError {
        match error {
            Error::InvalidCertificate(error) => of_certificate(error),
            Error::NoCertificatesPresented => TlsError::NoCertificate,
            Error::AlertReceived(alert) => of_alert(alert),
            Error::InvalidMessage(what) => TlsError::NotTls(format!("{what:?}")),
            Error::PeerIncompatible(what) => TlsError::Incompatible(format!("{what:?}")),
            error => TlsError::Protocol(error.to_string()),
        }
    }
}

fn of_certificate(error: CertificateError) -> TlsError {
    use CertificateError::*;
    match error {
        UnknownIssuer | BadSignature => TlsError::Untrusted,
        Expired | ExpiredContext { .. } => TlsError::Expired,
        NotValidYet | NotValidYetContext { .. } => TlsError::NotYetValid,
        NotValidForNameContext {
            expected,
            presented,
        } => TlsError::WrongName {
            expected: expected.to_str().into_owned(),
            presented: match &presented[..] {
                [] => "no name at all".into(),
                names => {
                    let names: Vec<_> = names.iter().map(|name| bare(name)).collect();
                    names.join(", ")
                }
            },
        },
        // The library below has no name of its own for it that reaches here.
        Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            TlsError::BadCertificate(
                "it is an authority's own (CA:TRUE); let that authority sign one for the peer"
                    .into(),
            )
        }
        error => TlsError::BadCertificate(error.to_string()),
    }
}

/// The library writes `DnsName("box")` and `IpAddress(::1)`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, n)| n.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

fn of_alert(alert: AlertDescription) -> TlsError {
    let refused = |why: &str| TlsError::Refused(why.into());
    match alert {
        AlertDescription::UnknownCA => {
            refused("it does not trust the authority that has signed it; give it that one as `ca`")
        }
        AlertDescription::CertificateExpired => refused("it has expired, or is not valid yet"),
        AlertDescription::CertificateRevoked => refused("it was revoked"),
        AlertDescription::CertificateRequired => {
            refused("none was shown, and it demands one; give `cert` and `key`")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => refused(&format!("its alert: {alert:?}")),
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            TlsError::Incompatible(format!("its alert: {alert:?}"))
        }
        alert => TlsError::Protocol(format!("the peer's alert: {alert:?}")),
    }
}
