//! A serial line without hardware: two pseudo-terminals, and a thread between them that carries bytes at the
//! pace of a baud rate, damages some, loses some, and can be unplugged.
//!
//! A program opens either end like any serial device. A pseudo-terminal ignores the baud rate, parity and flow
//! control that are set on it; the [`baud`](LineConfig::baud) of this module stands for them.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::num::NonZeroU32;
//! use transport_serial::line::{End, Line, LineConfig};
//!
//! let line = Line::open(LineConfig { baud: NonZeroU32::new(115_200), ..LineConfig::default() })?;
//! let mut a = std::fs::OpenOptions::new().write(true).open(line.path(End::A))?;
//! let mut b = std::fs::File::open(line.path(End::B))?;
//! a.write_all(b"hello")?;
//! let mut got = [0; 5];
//! b.read_exact(&mut got)?;
//! assert_eq!(&got, b"hello");
//! assert_eq!(line.traffic(End::A).bytes, 5);
//! # Ok::<(), std::io::Error>(())
//! ```

mod lane;
mod port;
mod relay;

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use lane::Counters;
use port::Names;
use relay::{Command, Relay};

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// One.
    A,
    /// The other.
    B,
}

impl End {
    /// The other one.
    pub fn other(self) -> End {
        match self {
            End::A => End::B,
            End::B => End::A,
        }
    }
}

/// What a line does to the bytes. By default: nothing, and as fast as it can.
#[derive(Clone, Debug, Default)]
pub struct LineConfig {
    /// Each direction carries a tenth of this in bytes per second (a start bit, eight, a stop bit): in the long
    /// run exactly so, however late the thread is woken. `None`: no limit.
    pub baud: Option<NonZeroU32>,
    /// One byte in so many, on average, arrives as another one.
    pub damage: Option<NonZeroU32>,
    /// One byte in so many, on average, does not arrive.
    pub loss: Option<NonZeroU32>,
    /// Says which: the same bytes with the same seed meet the same fate.
    pub seed: u64,
    /// Where the two names `a` and `b` are made; the directory must exist. `None`: in a temporary one.
    pub directory: Option<PathBuf>,
}

/// What was written at one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that the line took, whatever became of them.
    pub bytes: u64,
    /// Bytes of these that were damaged.
    pub damaged: u64,
    /// Bytes of these that did not arrive: lost at random, or because the other end was unplugged or the line
    /// [severed](Line::sever).
    pub lost: u64,
}

/// A serial line of two pseudo-terminals.
///
/// Nothing is lost because an end does not read: the line stops, as with hardware flow control, and what is
/// on its way waits in the system's buffers (some kilobytes). Bytes that come from a fast line in pieces of
/// thousands come from a slow one in pieces of 16, as from a UART with a buffer of that size.
///
/// Dropping it is like unplugging both ends; it ends the thread, and removes the names.
#[derive(Debug)]
pub struct Line {
    names: Arc<Names>,
    counters: [Arc<Counters>; 2],
    commands: SyncSender<(Command, SyncSender<io::Result<()>>)>,
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// Makes a line. Both ends are plugged in, in raw mode.
    ///
    /// # Errors
    /// The system's, where it has no more pseudo-terminals, descriptors or threads, or the names cannot be made
    /// in the directory.
    pub fn open(config: LineConfig) -> io::Result<Line> {
        let names = Arc::new(Names::new(config.directory.as_deref())?);
        let counters = [Arc::default(), Arc::default()];
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        // One command at a time is under way: `order` waits for its answer.
        let (commands, orders) = mpsc::sync_channel(1);
        let relay = Relay::new(&config, names.clone(), &counters, bell.clone(), orders)?;
        let thread = std::thread::Builder::new()
            .name("serial-line".into())
            .spawn(move || relay.run())?;
        Ok(Line {
            names,
            counters,
            commands,
            bell,
            thread: Some(thread),
        })
    }

    /// The device of an end: a symbolic link to `/dev/pts/N`. It stays the same when the end is plugged in again,
    /// and does not exist while it is not; what it points to changes.
    pub fn path(&self, end: End) -> &Path {
        self.names.of(end)
    }

    /// Takes an end away, like a USB adapter that is pulled out: its device disappears, and reads and writes of
    /// whoever has it open fail. What the other end writes is lost. Nothing happens if it is away.
    ///
    /// # Errors
    /// The system's, where the name cannot be removed.
    pub fn unplug(&self, end: End) -> io::Result<()> {
        self.order(Command::Unplug(end))
    }

    /// Brings an end back, as a new device under the same name. Nothing happens if it is there.
    ///
    /// # Errors
    /// As [`open`](Line::open).
    pub fn plug(&self, end: End) -> io::Result<()> {
        self.order(Command::Plug(end))
    }

    /// Cuts the wires (`true`) or mends them: both devices stay, and what is written at either end is lost.
    pub fn sever(&self, cut: bool) {
        let _ = self.order(Command::Sever(cut));
    }

    /// What was written at this end so far.
    pub fn traffic(&self, end: End) -> Traffic {
        self.counters[end as usize].get()
    }

    fn order(&self, command: Command) -> io::Result<()> {
        let gone = || io::Error::other("the thread of the line has ended");
        let (answer, answered) = mpsc::sync_channel(1);
        self.commands.send((command, answer)).map_err(|_| gone())?;
        relay::ring(&self.bell);
        answered.recv().map_err(|_| gone())?
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.order(Command::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
