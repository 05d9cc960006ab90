//! The standard input and output of this process as a link.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Condvar;
use std::sync::Mutex;
use std::task::{Context, Poll};

use rustix::fs::{Mode, OFlags, open as open_file};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use transport_link::{Halves, Link};

/// There is one of them in a process.
static STATE: Mutex<State> = Mutex::new(State::Free);
static ENDED: Condvar = Condvar::new();

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The program's own, so far.
    Free,
    /// A link has them.
    Taken,
    /// A link has had them.
    Ended,
}

fn set(state: State) {
    *STATE.lock().unwrap_or_else(|lock| lock.into_inner()) = state;
    ENDED.notify_all();
}

/// Waits until the link over this process's standard input and output (`pipe://`) has ended: the process at the other end is
/// gone, or uses it no more. A program that is there to be served so has nothing to do any longer.
///
/// Blocks for as long as it takes; also while no such link was begun yet.
pub fn wait_for_stdin_end() {
    let state = STATE.lock().unwrap_or_else(|lock| lock.into_inner());
    let _ended = ENDED.wait_while(state, |state| *state != State::Ended);
}

/// Takes them over: from now on the program's own reads of its standard input find nothing, and what it prints goes to
/// its standard error. A stray `println!` would break the stream; and while the program kept a descriptor of
/// its own, its peer could not see the end.
pub(super) fn open() -> io::Result<Box<dyn Link>> {
    let mut state = STATE.lock().unwrap_or_else(|lock| lock.into_inner());
    match *state {
        State::Free => {}
        State::Taken => return Err(io::Error::other("standard input and output are in use")),
        State::Ended => {
            return Err(io::Error::other(
                "standard input and output have ended: the process at their other end is gone",
            ));
        }
    }
    io::stdout().flush()?;
    let read = File::from(fcntl_dupfd_cloexec(stdin(), 3)?);
    let write = File::from(fcntl_dupfd_cloexec(stdout(), 3)?);
    dup2_stdin(open_file("/dev/null", OFlags::RDONLY, Mode::empty())?)?;
    dup2_stdout(stderr())?;
    // With a thread for each, that block: the non-blocking mode would be that of the open files, which other processes
    // may share (a terminal; what a shell passes on from one command to the next).
    let link = Stdio(Halves::new(read, write)?);
    *state = State::Taken;
    Ok(Box::new(link))
}

struct Stdio(Halves);

impl Link for Stdio {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.finish()
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        set(State::Ended);
    }
}
