//! A link that is one file descriptor, or two: a terminal, a socket, two pipes, a device node.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, write};
use rustix::net::{Shutdown, shutdown};

use crate::link::{Descriptors, Link};

/// A link over file descriptors, which the driver's thread sleeps on itself.
///
/// It sets them to non-blocking mode. That mode belongs to the open file, not to the descriptor: whoever shares
/// it (a standard input that other processes have, too) is affected as well, until the link is dropped, which
/// restores it. Where that matters, use [`Halves`](crate::Halves).
///
/// A terminal has to be in raw mode, with `VMIN` at least 1; else an idle line looks like an end.
#[derive(Debug)]
pub struct Descriptor {
    read: Mode,
    write: Writing,
}

#[derive(Debug)]
enum Writing {
    /// To the one that is read.
    Same,
    To(Mode),
    Closed,
}

impl Descriptor {
    /// A link over one descriptor that is read and written.
    ///
    /// # Errors
    /// Its mode cannot be set.
    pub fn new(both: impl Into<OwnedFd>) -> io::Result<Descriptor> {
        Ok(Descriptor {
            read: Mode::set(both.into())?,
            write: Writing::Same,
        })
    }

    /// A link over one descriptor to read from and one to write to.
    ///
    /// # Errors
    /// The mode of one cannot be set.
    pub fn pair(read: impl Into<OwnedFd>, write: impl Into<OwnedFd>) -> io::Result<Descriptor> {
        Ok(Descriptor {
            read: Mode::set(read.into())?,
            write: Writing::To(Mode::set(write.into())?),
        })
    }

    fn writing(&self) -> Option<&OwnedFd> {
        match &self.write {
            Writing::Same => Some(&self.read.fd),
            Writing::To(mode) => Some(&mode.fd),
            Writing::Closed => None,
        }
    }
}

impl Link for Descriptor {
    fn poll_read(&mut self, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        poll(|| read(&self.read.fd, &mut *into))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let Some(fd) = self.writing() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match poll(|| write(fd, from)) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            other => other,
        }
    }

    /// Closes the writing descriptor, if it is one of its own; of a socket, shuts the writing down.
    fn finish(&mut self) -> io::Result<()> {
        match self.write {
            Writing::Same => match shutdown(&self.read.fd, Shutdown::Write) {
                // It has no way to say so.
                Err(Errno::NOTSOCK) => {}
                other => other?,
            },
            _ => self.write = Writing::Closed,
        }
        Ok(())
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        Some(Descriptors::Halves {
            read: self.read.fd.as_fd(),
            write: self.writing().unwrap_or(&self.read.fd).as_fd(),
        })
    }
}

fn poll(mut call: impl FnMut() -> rustix::io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match call() {
            Ok(n) => return Poll::Ready(Ok(n)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error.into())),
        }
    }
}

/// A descriptor in non-blocking mode.
#[derive(Debug)]
struct Mode {
    fd: OwnedFd,
    /// The mode that it had, if that was another one.
    before: Option<OFlags>,
}

impl Mode {
    fn set(fd: OwnedFd) -> io::Result<Mode> {
        let flags = fcntl_getfl(&fd)?;
        let before = (!flags.contains(OFlags::NONBLOCK)).then_some(flags);
        if before.is_some() {
            fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        }
        Ok(Mode { fd, before })
    }
}

impl Drop for Mode {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            // If it fails, there is nobody left to whom it matters.
            let _ = fcntl_setfl(&self.fd, before);
        }
    }
}
