//! The process at the other end of a socket: who it is, and whether it lives.
//!
//! A socket alone cannot tell that: a child that a process left behind may keep it open. The kernel knows
//! which process connected, or listened, and hands out a descriptor for it, a *pidfd*. One of them serves
//! all connections with a process.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Weak};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::place::{Place, Users, own_uid};
use crate::vigil::Vigil;

/// The process that connected a socket, or that listens where it is connected to.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    uid: u32,
    /// `None` if it has no number here, in a namespace of its own.
    pid: Option<i32>,
    life: Life,
}

#[derive(Clone, Debug)]
enum Life {
    /// What tells when it ends.
    Known(Arc<Process>),
    /// It ended before it could be asked for.
    Over,
    /// The kernel has no descriptor for it: the socket's hang-up is all there is.
    Unknown,
}

impl Peer {
    /// Who is at the other end. An error means that descriptors or memory have run out.
    pub(crate) fn of(socket: &impl AsFd) -> io::Result<Peer> {
        let found = getsockopt(socket, sockopt::PeerCredentials)?;
        let pid = Some(found.pid()).filter(|pid| *pid > 0);
        Ok(Peer {
            uid: found.uid(),
            pid,
            life: match pid {
                Some(pid) => Life::of(socket, pid)?,
                None => Life::Unknown,
            },
        })
    }

    /// The user in whose name it acted when it connected or listened.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Its number; `None` if it lives in a namespace of its own.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid.and_then(|pid| pid.try_into().ok())
    }

    /// Whether it is not known to have ended. Cheap, never blocks.
    pub(crate) fn is_alive(&self) -> bool {
        match &self.life {
            Life::Known(process) => process.is_alive(),
            Life::Over => false,
            Life::Unknown => true,
        }
    }

    /// What becomes readable when it ends; `None` if the socket alone tells.
    pub(crate) fn process(&self) -> Option<&Arc<Process>> {
        match &self.life {
            Life::Known(process) => Some(process),
            Life::Over | Life::Unknown => None,
        }
    }

    /// Whether it may talk with this process.
    pub(crate) fn check(&self, users: &Users) -> Result<(), NotAllowed> {
        match users.allow(self.uid) {
            true => Ok(()),
            false => Err(NotAllowed {
                pid: self.pid(),
                peer: self.uid,
                user: own_uid(),
            }),
        }
    }
}

impl Life {
    fn of(socket: &impl AsFd, pid: i32) -> io::Result<Life> {
        let opened = match getsockopt(socket, sockopt::PeerPidfd) {
            // A kernel before 6.5.
            Err(Errno::ENOPROTOOPT) => open_by_number(pid),
            Err(error) => Err(error),
            Ok(fd) => Ok(fd),
        };
        match opened {
            Ok(fd) => Ok(Process::shared(pid, fd).map_or(Life::Over, Life::Known)),
            // What the various kernels say of a process that is no more.
            Err(Errno::ESRCH | Errno::EINVAL) => Ok(Life::Over),
            Err(error @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => Err(error.into()),
            // No such call, or a filter that forbids it.
            Err(_) => Ok(Life::Unknown),
        }
    }
}

/// The process that has this number now, which is the peer unless that has ended and another one was given
/// its number since.
pub(crate) fn open_by_number(pid: i32) -> Result<OwnedFd, Errno> {
    let pid = Pid::from_raw(pid).ok_or(Errno::ESRCH)?;
    pidfd_open(pid, PidfdFlags::empty()).map_err(|error| Errno::from_raw(error.raw_os_error()))
}

/// A process that lived when its descriptor was made.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    // Before the descriptor that it is about.
    vigil: Vigil,
    fd: OwnedFd,
    /// The directories that were swept on its death.
    swept: Mutex<Vec<PathBuf>>,
}

/// The processes that this one talks with. As many as somebody holds: an entry leaves with its process.
static PROCESSES: LazyLock<Mutex<HashMap<i32, Weak<Process>>>> = LazyLock::new(Mutex::default);

impl Process {
    /// The one that all who talk with the process share; `None` if it has ended.
    fn shared(pid: i32, fd: OwnedFd) -> Option<Arc<Process>> {
        let new = Arc::new(Process {
            pid,
            vigil: Vigil::default(),
            fd,
            swept: Mutex::default(),
        });
        if !new.is_alive() {
            return None;
        }
        // It lived a moment ago: a number cannot have been given to another process before that. So one
        // in the table that lives is the same one.
        let mut processes = PROCESSES.lock();
        let known = processes.get(&pid).and_then(Weak::upgrade);
        let shared = match &known {
            Some(known) if known.is_alive() => known.clone(),
            _ => {
                processes.insert(pid, Arc::downgrade(&new));
                new.clone()
            }
        };
        // What is dropped below takes the lock itself.
        drop(processes);
        Some(shared)
    }

    pub(crate) fn vigil(&self) -> &Vigil {
        &self.vigil
    }

    /// Whether it has not ended. Cheap, never blocks.
    pub(crate) fn is_alive(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        // What cannot be told is no death.
        !matches!(poll(&mut fds, Some(&Timespec::default())), Ok(1..))
    }

    /// Whether a directory is to be swept: it has ended, and nobody has asked this before.
    pub(crate) fn leaves(&self, place: &Place) -> bool {
        if self.is_alive() {
            return false;
        }
        let mut swept = self.swept.lock();
        let new = !swept.contains(&place.path);
        if new {
            swept.push(place.path.clone());
        }
        new
    }
}

/// Becomes readable when the process ends.
impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut processes = PROCESSES.lock();
        let ours = |held: &Weak<Process>| std::ptr::eq(held.as_ptr(), self);
        if processes.get(&self.pid).is_some_and(ours) {
            processes.remove(&self.pid);
        }
    }
}

/// A process of a user who may not take part.
///
/// It is the payload of the [`io::Error`] with which a dial fails.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "process {} runs as user {peer}, who is not allowed to talk with this one (user {user}): if that user is to \
     be trusted, add `allow={peer}` to the endpoint",
    pid.map_or("(of another namespace)".to_owned(), |pid| pid.to_string())
)]
#[non_exhaustive]
pub struct NotAllowed {
    /// The process; `None` if it lives in a namespace of its own.
    pub pid: Option<u32>,
    /// Its user.
    pub peer: u32,
    /// The user of this process.
    pub user: u32,
}

impl From<NotAllowed> for io::Error {
    fn from(error: NotAllowed) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, error)
    }
}
