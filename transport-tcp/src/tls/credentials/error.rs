//! What is wrong with credentials.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use channel::{DialError, ListenError};

/// Why certificates or a key cannot be used.
///
/// In the error of a connect or a listen it is the payload of the [`io::Error`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: Arc<io::Error>,
    },
    /// What should be there is not.
    #[error("{place} holds no {what} in PEM form (`-----BEGIN ...`)")]
    Lacks {
        /// The file, or which part of a [`Pem`](crate::Pem).
        place: String,
        /// What it lacks.
        what: &'static str,
    },
    /// What is there makes no sense.
    #[error("{place} cannot be used: {reason}")]
    Bad {
        /// The file, or which part of a [`Pem`](crate::Pem).
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key belongs to another certificate.
    #[error("the key in {key} does not belong to the certificate in {cert}")]
    Mismatch {
        /// The file of the certificate, or which part of a [`Pem`](crate::Pem).
        cert: String,
        /// The file of the key, or which part of a [`Pem`](crate::Pem).
        key: String,
    },
    /// Something is needed that neither the program nor the endpoint gives.
    #[error(
        "no `{0}` was given: name the files in the endpoint (`?ca=ca.pem&cert=me.pem&key=me.key`), or \
         give the program its credentials"
    )]
    Missing(&'static str),
    /// A listener's option that makes no sense.
    #[error("option `client-auth` is `{0}`: write `required` or `none`")]
    ClientAuth(String),
    /// The TLS library does not take them.
    #[error("the credentials cannot be used: {0}")]
    Unusable(String),
}

impl CredentialsError {
    pub(super) fn of(error: rustls::Error) -> CredentialsError {
        CredentialsError::Unusable(error.to_string())
    }

    /// The [`io::ErrorKind`] that stands for it.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            CredentialsError::Unreadable { reason, .. } => reason.kind(),
            CredentialsError::Missing(_) | CredentialsError::ClientAuth(_) => {
                io::ErrorKind::InvalidInput
            }
            _ => io::ErrorKind::InvalidData,
        }
    }
}

impl From<CredentialsError> for io::Error {
    fn from(error: CredentialsError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

impl From<CredentialsError> for DialError {
    fn from(error: CredentialsError) -> DialError {
        io::Error::from(error).into()
    }
}

impl From<CredentialsError> for ListenError {
    fn from(error: CredentialsError) -> ListenError {
        io::Error::from(error).into()
    }
}

/// Where PEM text comes from.
pub(super) enum Origin<'a> {
    File(&'a Path),
    /// The name of the part, and its text.
    Memory(&'static str, &'a [u8]),
}

impl Origin<'_> {
    pub(super) fn bytes(&self) -> Result<Cow<'_, [u8]>, CredentialsError> {
        match self {
            Origin::Memory(_, bytes) => Ok(Cow::Borrowed(bytes)),
            Origin::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(reason) => Err(CredentialsError::Unreadable {
                    path: path.to_path_buf(),
                    reason: Arc::new(reason),
                }),
            },
        }
    }

    pub(super) fn lacks(&self, what: &'static str) -> CredentialsError {
        CredentialsError::Lacks {
            place: self.to_string(),
            what,
        }
    }

    pub(super) fn bad(&self, reason: impl fmt::Display) -> CredentialsError {
        CredentialsError::Bad {
            place: self.to_string(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "`{}`", path.display()),
            Origin::Memory(part, _) => write!(f, "the given `{part}`"),
        }
    }
}
