//! The gadget as a device whose link is opened again and again: once for each session that the host begins.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use transport_link::{Device, Link};

use super::address::Address;
use super::ep0::Session;
use super::gadgets::Gadgets;
use super::prepared;
use super::session::{Endpoints, Pair};
use super::setup::Registered;
use crate::link::BulkLink;
use crate::ours;
use crate::queue::Queue;

/// A gadget, which appears at the USB device controller when it is first opened, and disappears when it is dropped.
pub(super) struct Gadget {
    address: Address,
    /// Where it is one of.
    gadgets: Gadgets,
    up: Option<Up>,
}

/// A gadget that is set up. The files are closed first: an open file would keep the file system mounted.
struct Up {
    ends: Arc<Endpoints>,
    /// The session whose link was opened last.
    last: Option<Session>,
    _registered: Option<Registered>,
}

impl Gadget {
    pub(super) fn new(address: Address, gadgets: Gadgets) -> Gadget {
        Gadget {
            address,
            gadgets,
            up: None,
        }
    }

    fn queue(&self, ends: &Endpoints) -> Queue {
        let queue = match self.address.plain {
            None => ours::queue(),
            Some(plain) => Queue {
                ends: plain.ends,
                ..Queue::default()
            },
        };
        // Relaxed: it was stored by this thread.
        match ends.scarce.load(Ordering::Relaxed) {
            true => ours::small(queue),
            false => queue,
        }
    }

    /// The session that the host has begun, if it has one that was not opened yet.
    fn begun(&mut self) -> io::Result<(Arc<Endpoints>, Session)> {
        let up = match &mut self.up {
            Some(up) => up,
            none => none.insert(Up::new(&self.address, &self.gadgets)?),
        };
        if let Err(error) = up.ends.ep0.look() {
            // Somebody has taken the file system away.
            self.up = None;
            return Err(error);
        }
        let plain = self.address.plain.is_some();
        match up.ends.ep0.session() {
            // Who speaks a bare stream says nothing at a connection's end, so the next one goes on with it.
            Some(session) if plain || up.last != Some(session) => Ok((up.ends.clone(), session)),
            Some(_) => Err(absent("the host's program has not begun a new session")),
            None => Err(absent(
                "no host: the cable is not plugged in, or its other end is off",
            )),
        }
    }
}

impl Device for Gadget {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        let (ends, session) = self.begun()?;
        let goodbye = self.address.plain.is_none();
        let queue = self.queue(&ends);
        let pair = Pair::new(ends, session, goodbye)?;
        if let Some(up) = &mut self.up {
            // From now on its end halts the endpoints, and the host begins another one.
            up.last = Some(session);
        }
        Ok(Box::new(BulkLink::new(pair, queue)?))
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        self.up.as_ref().map(|up| up.ends.ep0.as_fd())
    }

    fn close(&mut self) {
        self.up = None;
    }

    fn lingers(&self) -> bool {
        // Its directories and its mount would stay behind.
        self.address.ffs.is_none()
    }
}

impl Up {
    fn new(address: &Address, gadgets: &Gadgets) -> io::Result<Up> {
        let (ends, registered) = match &address.ffs {
            Some(path) => (prepared::open(address, path)?, None),
            None => {
                let (ends, registered) = Registered::new(address, gadgets)?;
                (ends, Some(registered))
            }
        };
        Ok(Up {
            ends: Arc::new(ends),
            last: None,
            _registered: registered,
        })
    }
}

fn absent(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, what)
}
