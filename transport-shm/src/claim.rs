//! Taking a name on this machine: the one process that listens at its socket has it.
//!
//! Whoever takes a name, or removes a dead process's socket, does that under the directory's lock. So
//! between the look at who lives there and what follows from it, nobody else comes in. A process that is
//! killed needs to tidy up nothing: the kernel lets go of its lock and of its socket.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use channel::ListenError;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, SocketType, accept_with, bind, listen, shutdown};

use crate::connect::{Found, in_the_way, look, unix_socket};
use crate::directory::{Directory, file_type};
use crate::error::DirectoryError;
use crate::name::Name;
use crate::settings::Settings;

/// How long a lock is waited for that others hold for some system calls at a time: long enough for a machine
/// however busy, short enough to tell of a process that was stopped in the middle.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections that wait to be taken in: a burst is not lost. Linux caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A name that is this process's as long as this lives, and the socket that listens under it.
#[derive(Debug)]
pub(crate) struct Claim {
    directory: Directory,
    name: Name,
    socket: OwnedFd,
    /// What this process has made in the directory.
    file: (u64, u64),
}

impl Claim {
    /// Takes the name and listens. Waits for others who do the same in this directory, five seconds at
    /// most.
    ///
    /// # Errors
    /// `NameTaken` while another process, or another listener of this one, has the name; else what is wrong
    /// with the directory or with what lies there, and what to do. Nothing is left behind then.
    pub(crate) fn new(settings: &Settings) -> Result<Claim, ListenError> {
        let name = &settings.name;
        let directory = Directory::make(&settings.place)?;
        let _lock = directory.lock(PATIENCE)?;
        match directory.stat(name)? {
            None => {}
            Some(found) if file_type(&found) != FileType::Socket => {
                return Err(in_the_way(&directory, name, "a file of another kind").into());
            }
            Some(_) => match look(&directory, name)? {
                Found::Nothing => {}
                Found::Dead => directory.unlink(name)?,
                Found::Busy => return Err(taken(name, None)),
                Found::Alive(_, peer) => return Err(taken(name, peer.pid())),
            },
        }
        Ok(Claim::bind(directory, settings)?)
    }

    fn bind(directory: Directory, settings: &Settings) -> Result<Claim, DirectoryError> {
        let name = settings.name.clone();
        let path = directory.path_of(&name);
        let error = |what| {
            let path = path.clone();
            move |errno: Errno| DirectoryError::of(what, path, errno)
        };
        let socket = unix_socket(SocketType::SEQPACKET).map_err(error("make a socket for"))?;
        bind(&socket, &directory.address(&name)?).map_err(error("make the socket"))?;
        let file = match directory.stat(&name) {
            Ok(Some(found)) => identity(&found),
            Ok(None) => return Err(error("find the socket")(Errno::NOENT)),
            Err(error) => return Err(error),
        };
        // From here on, dropping it removes the file.
        let claim = Claim {
            directory,
            name,
            socket,
            file,
        };
        let mode = if settings.place.users.are_others() {
            0o666
        } else {
            0o600
        };
        // Nobody can have connected: it does not listen yet.
        claim.directory.set_mode(&claim.name, mode)?;
        listen(&claim.socket, BACKLOG).map_err(error("listen at"))?;
        Ok(claim)
    }
}

/// The socket that listens; it never blocks.
impl AsFd for Claim {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // No lock is needed: while this process lives and listens, nobody else takes the name, so the file
        // is its own, unless somebody has removed it by hand.
        let found = self.directory.stat(&self.name);
        if matches!(found, Ok(Some(found)) if identity(&found) == self.file) {
            let _ = self.directory.unlink(&self.name);
        }
        // A child may have the socket, too, and keep those waiting who have come: they are sent away.
        let _ = shutdown(&self.socket, Shutdown::Both);
        while accept_with(&self.socket, SocketFlags::CLOEXEC).is_ok() {}
    }
}

fn taken(name: &Name, by: Option<u32>) -> ListenError {
    ListenError::NameTaken {
        name: name.to_string(),
        by,
    }
}

fn identity(found: &Stat) -> (u64, u64) {
    (found.st_dev, found.st_ino)
}
