//! What can be wrong with a runtime directory, with a socket in it, or with who listens there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use channel::{DialError, ListenError};

/// What is wrong with a runtime directory or with what lies in it, and what to do about it.
///
/// It is the payload of the [`io::Error`] in [`DialError::Io`] and [`ListenError::Io`].
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Not an absolute path.
    #[error(
        "the runtime directory `{}` is not an absolute path: write it with a leading `/`, in `?dir=` as in \
         $CHANNEL_RUNTIME_DIR",
        path.display()
    )]
    Relative {
        /// The path.
        path: PathBuf,
    },
    /// It cannot be made, since its parent does not exist.
    #[error(
        "the runtime directory {0} cannot be made, since {1} does not exist: make that directory, or name \
         another runtime directory by $CHANNEL_RUNTIME_DIR or `?dir=`",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    NoParent {
        /// The directory.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error(
        "the runtime directory {} is {found}: remove that, or name another directory by \
         $CHANNEL_RUNTIME_DIR or `?dir=`",
        path.display()
    )]
    NotADirectory {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// It belongs to somebody else.
    #[error(
        "the runtime directory {} belongs to user {owner}, and this process runs as user {user}: name a \
         directory of your own by $CHANNEL_RUNTIME_DIR or `?dir=`, or trust that user by \
         `?dir={}&allow={owner}`",
        path.display(),
        path.display()
    )]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// To whom it belongs.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// Others than its owner have rights there.
    #[error(
        "the runtime directory {0} has mode {mode:04o}, which lets other users in: name another directory by \
         $CHANNEL_RUNTIME_DIR or `?dir=`, or run `chmod {wanted:o} {0}` if it is there for this alone",
        path.display()
    )]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode that it should have.
        wanted: u32,
    },
    /// No permission.
    #[error(
        "no permission to {what} {} ({reason}): check who owns it and its parents, and their modes, or name \
         another runtime directory by $CHANNEL_RUNTIME_DIR or `?dir=`",
        path.display()
    )]
    Denied {
        /// The directory or socket.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        reason: Arc<io::Error>,
    },
    /// The file system is full.
    #[error(
        "no room to {what} {} ({reason}): make room in that file system, or name another runtime directory \
         by $CHANNEL_RUNTIME_DIR or `?dir=`",
        path.display()
    )]
    Full {
        /// The directory or socket.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        reason: Arc<io::Error>,
    },
    /// Some process holds the directory's lock.
    #[error(
        "another process has kept the runtime directory {} locked for {limit:?}: is one stopped that was \
         about to listen there? (`lslocks` tells which)",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// How long it was tried.
        limit: Duration,
    },
    /// A socket's place is taken by something that is not ours.
    #[error(
        "{} is {found}, not the socket of a broker: remove it, end the program that made it, or choose \
         another name",
        path.display()
    )]
    InTheWay {
        /// The socket's path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// Anything else.
    #[error("cannot {what} {}: {reason}", path.display())]
    Other {
        /// The directory or socket.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        reason: Arc<io::Error>,
    },
}

impl DirectoryError {
    /// What the system said when `what` was tried with `path`.
    pub(crate) fn of(
        what: &'static str,
        path: impl Into<PathBuf>,
        reason: impl Into<io::Error>,
    ) -> DirectoryError {
        let (path, reason) = (path.into(), Arc::new(reason.into()));
        match reason.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                DirectoryError::Denied { path, what, reason }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DirectoryError::Full { path, what, reason }
            }
            _ => DirectoryError::Other { path, what, reason },
        }
    }

    /// The [`io::ErrorKind`] that stands for it.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            DirectoryError::Relative { .. } => io::ErrorKind::InvalidInput,
            DirectoryError::NoParent { .. } => io::ErrorKind::NotFound,
            DirectoryError::NotADirectory { .. } => io::ErrorKind::NotADirectory,
            DirectoryError::ForeignOwner { .. } | DirectoryError::Exposed { .. } => {
                io::ErrorKind::PermissionDenied
            }
            DirectoryError::Locked { .. } => io::ErrorKind::TimedOut,
            DirectoryError::InTheWay { .. } => io::ErrorKind::AddrInUse,
            DirectoryError::Denied { reason, .. }
            | DirectoryError::Full { reason, .. }
            | DirectoryError::Other { reason, .. } => reason.kind(),
        }
    }
}

impl From<DirectoryError> for io::Error {
    fn from(error: DirectoryError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

impl From<DirectoryError> for DialError {
    fn from(error: DirectoryError) -> DialError {
        io::Error::from(error).into()
    }
}

impl From<DirectoryError> for ListenError {
    fn from(error: DirectoryError) -> ListenError {
        io::Error::from(error).into()
    }
}

/// What a dial meets that is no broker of ours.
pub(crate) fn foreign(why: &str) -> io::Error {
    let text = format!("what listens there is no broker of ours: {why}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
