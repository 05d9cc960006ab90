//! The runtime directory: opened once, checked through the descriptor, and used through it.
//!
//! What happens to its path afterwards changes nothing, and a socket's address stays short, whatever the
//! length of the path: sockets are reached by `/proc/self/fd/N/NAME.sock`.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, chmod, chmodat, flock, fstat,
    lstat, mkdir, open, openat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use crate::error::DirectoryError;
use crate::name::Name;
use crate::place::{Place, own_uid};

/// How long to wait until a lock is tried again. Locks are held for some system calls.
const NEXT_TRY: Duration = Duration::from_millis(1);

/// A directory that was found safe to use.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens the directory; `None` if it does not exist.
    pub(crate) fn find(place: &Place) -> Result<Option<Directory>, DirectoryError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = place.path.clone();
        let fd = match open(&path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let is_link = |found: &Stat| file_type(found) == FileType::Symlink;
                let found = match lstat(&path).is_ok_and(|found| is_link(&found)) {
                    true => "a symbolic link",
                    false => "not a directory, or one of its parents is not",
                };
                return Err(DirectoryError::NotADirectory { path, found });
            }
            Err(error) => return Err(DirectoryError::of("open", path, error)),
        };
        let directory = Directory { fd, path };
        directory.check(place)?;
        Ok(Some(directory))
    }

    /// Opens the directory, and makes it if it does not exist.
    pub(crate) fn make(place: &Place) -> Result<Directory, DirectoryError> {
        if let Some(directory) = Directory::find(place)? {
            return Ok(directory);
        }
        let mode = Mode::from_raw_mode(wanted_mode(place));
        let made = mkdir(&place.path, mode);
        match made {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => {
                let path = place.path.clone();
                return Err(DirectoryError::NoParent { path });
            }
            Err(error) => return Err(DirectoryError::of("make", &place.path, error)),
        }
        let directory = Directory::find(place)?
            // Somebody takes it away as quickly as it is made.
            .ok_or_else(|| DirectoryError::of("open", &place.path, Errno::NOENT))?;
        if made.is_ok() && place.shared {
            // The process's mask may have taken away what others need.
            chmod(directory.reached(), mode)
                .map_err(|error| DirectoryError::of("change the mode of", &place.path, error))?;
        }
        Ok(directory)
    }

    fn check(&self, place: &Place) -> Result<(), DirectoryError> {
        let found = fstat(&self.fd).map_err(|error| self.error("look at", error))?;
        let path = || self.path.clone();
        if !place.users.allow(found.st_uid) {
            return Err(DirectoryError::ForeignOwner {
                path: path(),
                owner: found.st_uid,
                user: own_uid(),
            });
        }
        let forbidden = if place.shared { 0o022 } else { 0o077 };
        if found.st_mode & forbidden != 0 {
            return Err(DirectoryError::Exposed {
                path: path(),
                mode: found.st_mode & 0o7777,
                wanted: wanted_mode(place),
            });
        }
        Ok(())
    }

    /// Changes how a name's socket can be reached by others.
    pub(crate) fn set_mode(&self, name: &Name, mode: u32) -> Result<(), DirectoryError> {
        let mode = Mode::from_raw_mode(mode);
        chmodat(&self.fd, name.file(), mode, AtFlags::empty())
            .map_err(|error| DirectoryError::of("change the mode of", self.path_of(name), error))
    }

    /// The path of the directory itself, through its descriptor.
    fn reached(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// The address of a name's socket.
    pub(crate) fn address(&self, name: &Name) -> Result<SocketAddrUnix, DirectoryError> {
        SocketAddrUnix::new(format!("{}/{}", self.reached(), name.file()))
            .map_err(|error| DirectoryError::of("address", self.path_of(name), error))
    }

    /// The path of a name's socket, to be told to people.
    pub(crate) fn path_of(&self, name: &Name) -> PathBuf {
        self.path.join(name.file())
    }

    /// What stands in the place of a name's socket.
    pub(crate) fn stat(&self, name: &Name) -> Result<Option<Stat>, DirectoryError> {
        match statat(&self.fd, name.file(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(DirectoryError::of("look at", self.path_of(name), error)),
        }
    }

    /// Removes a name's socket. Whoever calls this has made sure that nobody lives there, under the lock.
    pub(crate) fn unlink(&self, name: &Name) -> Result<(), DirectoryError> {
        match unlinkat(&self.fd, name.file(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(DirectoryError::of("remove", self.path_of(name), error)),
        }
    }

    /// The names that have a socket, dead or alive, in no order.
    pub(crate) fn names(&self) -> Result<Vec<Name>, DirectoryError> {
        let error = |error| self.error("list", error);
        let mut names = Vec::new();
        for entry in Dir::new(self.open_again()?).map_err(error)? {
            let entry = entry.map_err(error)?;
            names.extend(entry.file_name().to_str().ok().and_then(Name::of_file));
        }
        Ok(names)
    }

    /// Locks the directory against all others who would change it, this process's other threads included.
    /// Tries until `limit` has passed.
    pub(crate) fn lock(&self, limit: Duration) -> Result<Lock, DirectoryError> {
        // A lock belongs to an open file, so each needs one of its own.
        let lock = Lock(self.open_again()?);
        let begun = Instant::now();
        loop {
            match flock(&lock.0, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(lock),
                Err(Errno::WOULDBLOCK) if begun.elapsed() < limit => thread::sleep(NEXT_TRY),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => {
                    let path = self.path.clone();
                    return Err(DirectoryError::Locked { path, limit });
                }
                Err(error) => return Err(self.error("lock", error)),
            }
        }
    }

    /// The same directory, to be read and locked.
    fn open_again(&self) -> Result<OwnedFd, DirectoryError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.fd, ".", flags, Mode::empty()).map_err(|error| self.error("read", error))
    }

    fn error(&self, what: &'static str, error: Errno) -> DirectoryError {
        DirectoryError::of(what, &self.path, error)
    }
}

/// Lets go of the directory when it is dropped.
pub(crate) struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // Not by closing alone: a child that is just being started may have the descriptor, too.
        let _ = flock(self.0.as_fd(), FlockOperation::Unlock);
    }
}

pub(crate) fn file_type(found: &Stat) -> FileType {
    FileType::from_raw_mode(found.st_mode)
}

fn wanted_mode(place: &Place) -> u32 {
    if place.shared { 0o755 } else { 0o700 }
}
