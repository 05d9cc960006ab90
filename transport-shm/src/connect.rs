//! Reaching the socket of a name, and finding out who is there.

use std::os::fd::OwnedFd;
use std::time::Duration;

use channel::DialError;
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect as connect_socket, socket_with};

use crate::directory::{Directory, file_type};
use crate::error::DirectoryError;
use crate::name::Name;
use crate::peer::Peer;
use crate::settings::Settings;

/// What was found under a name.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing.
    Nothing,
    /// A socket that a process left behind when it ended.
    Dead,
    /// More connections wait there than its listener takes in.
    Busy,
    /// A process that listens, and a connection to it.
    Alive(OwnedFd, Peer),
}

/// Connects to whoever listens under a name. Never blocks.
///
/// `Ok(None)`: more connections wait there than fit; try again a little later.
///
/// # Errors
/// `NotFound` if nobody lives there; else what is wrong with the directory, the socket or the user, and
/// what to do.
pub(crate) fn connect(settings: &Settings) -> Result<Option<(OwnedFd, Peer)>, DialError> {
    let Some(directory) = Directory::find(&settings.place)? else {
        return Err(DialError::NotFound);
    };
    match look(&directory, &settings.name)? {
        Found::Nothing => Err(DialError::NotFound),
        Found::Dead => {
            // Best effort, without waiting for others: it is as good as gone.
            let _ = remove_dead(&directory, &settings.name, Duration::ZERO);
            Err(DialError::NotFound)
        }
        Found::Busy => Ok(None),
        Found::Alive(socket, peer) => {
            peer.check(&settings.place.users)
                .map_err(std::io::Error::from)?;
            Ok(Some((socket, peer)))
        }
    }
}

/// Finds out who listens under a name, by connecting.
pub(crate) fn look(directory: &Directory, name: &Name) -> Result<Found, DirectoryError> {
    let error = |what, error| DirectoryError::of(what, directory.path_of(name), error);
    let socket = unix_socket(SocketType::SEQPACKET)
        .map_err(|errno| error("make a socket to reach", errno.into()))?;
    match connect_socket(&socket, &directory.address(name)?) {
        Ok(()) => {
            let peer = Peer::of(&socket)
                .map_err(|reason| error("make a descriptor of the process behind", reason))?;
            Ok(match peer.is_alive() {
                true => Found::Alive(socket, peer),
                // A child that it left behind keeps its socket.
                false => Found::Dead,
            })
        }
        Err(Errno::NOENT) => Ok(Found::Nothing),
        Err(Errno::CONNREFUSED) => match directory.stat(name)? {
            None => Ok(Found::Nothing),
            Some(found) if file_type(&found) == FileType::Socket => Ok(Found::Dead),
            Some(_) => Err(in_the_way(directory, name, "a file of another kind")),
        },
        Err(Errno::AGAIN) => Ok(Found::Busy),
        Err(Errno::PROTOTYPE) => Err(in_the_way(
            directory,
            name,
            "the socket of another program, which listens there",
        )),
        Err(errno) => Err(error("connect to", errno.into())),
    }
}

/// Whether some process holds the socket of a name, without bothering that process. It says yes of one
/// that a child of a dead process keeps.
pub(crate) fn is_held(directory: &Directory, name: &Name) -> Result<bool, DirectoryError> {
    let error = |what, errno: Errno| DirectoryError::of(what, directory.path_of(name), errno);
    // A socket of another type than ours is refused by the kernel, in one way if somebody holds ours and
    // in another if nobody does.
    let socket =
        unix_socket(SocketType::DGRAM).map_err(|errno| error("make a socket to reach", errno))?;
    match connect_socket(&socket, &directory.address(name)?) {
        Err(Errno::NOENT | Errno::CONNREFUSED) => Ok(false),
        Ok(()) | Err(Errno::PROTOTYPE) => Ok(true),
        Err(errno) => Err(error("connect to", errno)),
    }
}

/// Removes the socket of a name if its process has ended. `limit`: how long to wait for the lock.
pub(crate) fn remove_dead(
    directory: &Directory,
    name: &Name,
    limit: Duration,
) -> Result<(), DirectoryError> {
    let _lock = directory.lock(limit)?;
    match look(directory, name)? {
        Found::Dead => directory.unlink(name),
        _ => Ok(()),
    }
}

pub(crate) fn in_the_way(
    directory: &Directory,
    name: &Name,
    found: &'static str,
) -> DirectoryError {
    DirectoryError::InTheWay {
        path: directory.path_of(name),
        found,
    }
}

/// A socket that never blocks.
pub(crate) fn unix_socket(kind: SocketType) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, kind, flags, None)
}
