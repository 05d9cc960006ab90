//! One end of a line as the system sees it: a pseudo-terminal, and a name for it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, ioctl_tiocnxcl, tcgetattr, tcsetattr};

use super::End;

/// Where the two devices are found.
#[derive(Debug)]
pub(super) struct Names {
    paths: [PathBuf; 2],
    // Removed with everything in it.
    _temporary: Option<tempfile::TempDir>,
}

impl Names {
    pub(super) fn new(directory: Option<&Path>) -> io::Result<Names> {
        let temporary = match directory {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("line-").tempdir()?),
        };
        let at = directory.unwrap_or_else(|| temporary.as_ref().expect("made above").path());
        Ok(Names {
            paths: [at.join("a"), at.join("b")],
            _temporary: temporary,
        })
    }

    pub(super) fn of(&self, end: End) -> &Path {
        &self.paths[end as usize]
    }
}

/// A plugged-in end. Dropping it hangs up whoever has the device open.
pub(super) struct Port {
    /// The line's side of the pseudo-terminal: never blocks.
    pub(super) master: OwnedFd,
    /// The user's side, so that it can be closed and opened again by users without a hang-up here.
    slave: OwnedFd,
    name: PathBuf,
}

impl Port {
    /// A new device under this name.
    pub(super) fn open(name: &Path) -> io::Result<Port> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        unlockpt(&master)?;
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let mut settings = tcgetattr(&slave)?;
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        let device = ptsname(&master, Vec::new())?;
        symlink(OsStr::from_bytes(device.as_bytes()), name)?;
        Ok(Port {
            master,
            slave,
            name: name.to_owned(),
        })
    }

    /// Forgets that a user wanted the device to itself. A device of the system forgets that when it is closed for
    /// the last time, and this one never is, as the line has it open, too.
    pub(super) fn unlock(&self) {
        let _ = ioctl_tiocnxcl(&self.slave);
    }

    /// Takes what was written to the device, as much as fits into `room`. `Ok(0)`: there is nothing.
    pub(super) fn read(&self, room: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.master, room) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            other => Ok(other?),
        }
    }

    /// Puts bytes where the device's user reads them. `Ok(0)`: there is no room.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.master, bytes) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            other => Ok(other?),
        }
    }

    /// Removes the device.
    pub(super) fn close(self) -> io::Result<()> {
        std::fs::remove_file(&self.name)
    }
}
