//! A command whose standard input and output are a link.

use std::io;
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use transport_link::{Descriptor, Descriptors, Device, Link};

/// How long a child may take to end by itself once its standard input is closed, and once it was asked to
/// (`SIGTERM`): then it is ended (`SIGKILL`).
const PATIENCE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(2)];
/// A child that lives no longer than this, or says nothing at all, has failed; and for so long that is told to whoever wants it.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Started when it is wanted.
pub(super) struct Command {
    text: String,
    last: Arc<Mutex<Last>>,
}

/// What is known of the child that was started last.
enum Last {
    /// There was none, or it was as it should be.
    Nothing,
    /// It lives, or is about to end.
    Alive,
    /// It ended too soon.
    Failed { at: Instant, how: String },
}

fn lock(last: &Mutex<Last>) -> std::sync::MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Command {
    pub(super) fn new(text: &str) -> Command {
        Command {
            text: text.to_owned(),
            last: Arc::new(Mutex::new(Last::Nothing)),
        }
    }
}

impl Device for Command {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        let mut last = lock(&self.last);
        match &*last {
            Last::Alive => {
                return Err(io::Error::new(
                    io::ErrorKind::NotConnected,
                    format!("`{}` is about to end", self.text),
                ));
            }
            Last::Failed { at, how } if at.elapsed() < AT_ONCE => {
                let error = io::Error::other(how.clone());
                *last = Last::Nothing;
                return Err(error);
            }
            Last::Failed { .. } | Last::Nothing => {}
        }
        let mut child = Process::new("/bin/sh")
            .args(["-c", &self.text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("`{}` could not be started: {error}", self.text),
                )
            })?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            unreachable!("both are piped");
        };
        *last = Last::Alive;
        drop(last);
        let reaper = Reaper {
            child: Some(child),
            text: self.text.clone(),
            started: Instant::now(),
            heard: false,
            left: false,
            last: self.last.clone(),
        };
        Ok(Box::new(Running {
            // Ends of ours, which no other process has: their mode is ours to set.
            pipes: Descriptor::pair(stdout, stdin)?,
            reaper,
        }))
    }
}

struct Running {
    // Dropped first: the child is told so that it is wanted no more.
    pipes: Descriptor,
    reaper: Reaper,
}

impl Link for Running {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = self.pipes.poll_read(cx, into);
        match read {
            Poll::Ready(Ok(n)) if n > 0 => self.reaper.heard = true,
            Poll::Ready(_) => self.reaper.left = true,
            Poll::Pending => {}
        }
        read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.pipes.poll_write(cx, from)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.pipes.finish()
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.pipes.descriptors()
    }
}

/// Sees a child off.
struct Reaper {
    child: Option<Child>,
    text: String,
    started: Instant,
    /// Whether it has said anything.
    heard: bool,
    /// Whether it has closed its standard output, before anybody told it to end.
    left: bool,
    last: Arc<Mutex<Last>>,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else {
            return;
        };
        let (text, last) = (std::mem::take(&mut self.text), self.last.clone());
        let failed = self.left && (!self.heard || self.started.elapsed() < AT_ONCE);
        let report = move |status: io::Result<ExitStatus>| {
            tracing::debug!(command = text, ?status, failed, "a command has ended");
            let how = match status {
                Ok(status) => format!("`{text}` has ended at once: {status}"),
                Err(error) => format!("`{text}` has ended, and nobody knows how: {error}"),
            };
            let at = Instant::now();
            *lock(&last) = if failed {
                Last::Failed { at, how }
            } else {
                Last::Nothing
            };
        };
        let see_off = {
            let report = report.clone();
            move || report(see_off(child))
        };
        // The driver's thread has other things to do than wait.
        let reaper = std::thread::Builder::new().name("pipe-reaper".into());
        if let Err(error) = reaper.spawn(see_off) {
            report(Err(error));
        }
    }
}

/// Waits for the end of a child that has been told, makes it end, and removes what the system keeps of it.
fn see_off(mut child: Child) -> io::Result<ExitStatus> {
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    for (patience, signal) in PATIENCE.into_iter().zip([Signal::TERM, Signal::KILL]) {
        if ended_within(&process, patience)? {
            break;
        }
        pidfd_send_signal(&process, signal)?;
    }
    child.wait()
}

fn ended_within(process: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let until = Instant::now() + limit;
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(process, PollFlags::IN)], left.as_ref()) {
            Ok(n) => return Ok(n > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
