//! A pseudo-terminal, read and written.

use crate::sockets::{RawEnd, Way};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::marker::PhantomData;

/// Both sides of a pseudo-terminal, in raw mode.
pub struct Terminal {
    /// The side that a terminal emulator has.
    pub master: File,
    /// The side that is a terminal.
    pub slave: File,
}

/// A new one.
pub fn terminal() -> Terminal {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&master).expect("the right to it");
    unlockpt(&master).expect("the right to it");
    let name = ptsname(&master, Vec::new()).expect("its name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = open(name, flags, Mode::empty()).expect("its other side");
    let mut attributes = tcgetattr(&slave).expect("it is a terminal");
    attributes.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &attributes).expect("it is a terminal");
    Terminal {
        master: master.into(),
        slave: slave.into(),
    }
}

/// Which side writes, or asks.
pub trait Direction: Send + 'static {
    /// The side that does, and the other one.
    fn ends(terminal: Terminal) -> (File, File);
}

/// From the master to the slave, through the line discipline.
pub struct ToSlave;
/// The other way.
pub struct ToMaster;

impl Direction for ToSlave {
    fn ends(terminal: Terminal) -> (File, File) {
        (terminal.master, terminal.slave)
    }
}

impl Direction for ToMaster {
    fn ends(terminal: Terminal) -> (File, File) {
        (terminal.slave, terminal.master)
    }
}

/// Read and written by the threads that send and receive.
pub struct Bare<D>(PhantomData<D>);

impl<D: Direction> Way for Bare<D> {
    type Raw = File;
    type End = RawEnd<File>;

    fn connect() -> (File, File) {
        D::ends(terminal())
    }

    async fn end(file: File, size: usize) -> Self::End {
        RawEnd::new(file, size)
    }
}
