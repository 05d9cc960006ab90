//! The two devices of a cable in memory, which can be unplugged, and plugged in again.
//!
//! As with real ones, a session begins when the host opens its device: it sets the alternate setting, which ends the
//! gadget's link, drops what was queued at either end, and lets the gadget open its own.

use std::io;
use std::sync::{Arc, Mutex, Weak};

use transport_link::{Device, Link};
use transport_usb::{BulkLink, Queue};

use super::event::Event;
use super::memory::{End, Loss, Seen, Told, Wire};
use super::strike::Strike;

/// A cable between a host and a gadget. Clones are the same.
#[derive(Clone)]
pub struct Cable(Arc<Mutex<State>>);

/// A cable that somebody else may have.
pub struct WeakCable(Weak<Mutex<State>>);

impl WeakCable {
    pub fn upgrade(&self) -> Option<Cable> {
        self.0.upgrade().map(Cable)
    }
}

struct State {
    how: How,
    /// How often a process was killed that had this end.
    kills: [u64; 2],
    /// Devices that were made.
    ports: u64,
    plugged: bool,
    /// Which of them has set up the gadget.
    bound: Option<u64>,
    session: Option<Wire>,
    /// The host has begun a session that the gadget has not opened.
    enabled: bool,
    /// All sessions that were begun.
    begun: Vec<Wire>,
    /// For the next session.
    strikes: Vec<Strike>,
    news: [Arc<Event>; 2],
}

/// What a cable is like.
#[derive(Clone, Debug)]
pub struct How {
    pub packet: usize,
    pub seed: u64,
    pub told: Told,
    pub queue: Queue,
    /// The host begins its sessions as it has to; else it just goes on with whatever is there.
    pub sets_alternate: bool,
    /// What the last session had left in the controllers comes first in the next one, though it should not.
    pub keeps_old_bytes: bool,
}

impl How {
    pub fn new(seed: u64) -> How {
        How {
            packet: 512,
            seed,
            told: Told::BEST,
            queue: super::subject::queue(),
            sets_alternate: true,
            keeps_old_bytes: false,
        }
    }
}

impl Cable {
    pub fn new(how: How) -> Cable {
        Cable(Arc::new(Mutex::new(State {
            how,
            kills: [0; 2],
            ports: 0,
            plugged: true,
            bound: None,
            session: None,
            enabled: false,
            begun: Vec::new(),
            strikes: Vec::new(),
            news: [Arc::new(Event::new()), Arc::new(Event::new())],
        })))
    }

    pub fn downgrade(&self) -> WeakCable {
        WeakCable(Arc::downgrade(&self.0))
    }

    pub fn how(&self) -> How {
        self.0.lock().unwrap().how.clone()
    }

    /// The device of an end, for a process that was not killed yet.
    pub fn port(&self, end: End) -> Port {
        let mut state = self.0.lock().unwrap();
        state.ports += 1;
        Port {
            cable: self.clone(),
            end,
            number: state.ports,
            kills: state.kills[end as usize],
            news: state.news[end as usize].clone(),
        }
    }

    /// What is to go wrong in the next session that is begun.
    pub fn strike(&self, strikes: impl IntoIterator<Item = Strike>) {
        self.0.lock().unwrap().strikes.extend(strikes);
    }

    /// Both ends are told, one way or another.
    pub fn unplug(&self, how: Loss) {
        let mut state = self.0.lock().unwrap();
        state.plugged = false;
        state.ends(&End::BOTH, how);
    }

    pub fn plug_in(&self) {
        let mut state = self.0.lock().unwrap();
        state.plugged = true;
        state.news[End::Host as usize].set();
    }

    /// The process of that end is killed. The host's leaves no trace; with the gadget's, the gadget is gone.
    pub fn kill(&self, end: End) {
        let mut state = self.0.lock().unwrap();
        state.kills[end as usize] += 1;
        if let Some(session) = &state.session {
            session.kill(end);
        }
        if end == End::Gadget {
            state.unbind();
        }
    }

    /// What the bus has seen in each session that the host has begun.
    pub fn sessions(&self) -> Vec<Seen> {
        let state = self.0.lock().unwrap();
        state.begun.iter().map(Wire::seen).collect()
    }
}

impl State {
    /// The session is over.
    fn ends(&mut self, ends: &[End], how: Loss) {
        if let Some(session) = self.session.take() {
            session.cut(ends, how);
        }
        self.enabled = false;
    }

    fn unbind(&mut self) {
        self.bound = None;
        self.ends(&End::BOTH, Loss::Transfers);
    }

    fn open_host(&mut self) -> io::Result<Wire> {
        if !self.plugged || self.bound.is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(session) = &self.session
            && !self.how.sets_alternate
        {
            return Ok(session.clone());
        }
        let old = self.session.clone().filter(|_| self.how.keeps_old_bytes);
        let left = old.map(|old| End::BOTH.map(|end| old.left(end)));
        self.ends(&[End::Gadget], Loss::Endpoints);
        let session = Wire::new(self.how.packet, self.how.seed ^ self.begun.len() as u64);
        session.strike(self.strikes.drain(..));
        for (end, left) in End::BOTH.into_iter().zip(left.into_iter().flatten()) {
            session.preload(end, left);
        }
        self.begun.push(session.clone());
        self.session = Some(session.clone());
        self.enabled = true;
        self.news[End::Gadget as usize].set();
        Ok(session)
    }

    fn open_gadget(&mut self, number: u64) -> io::Result<Wire> {
        if self.bound != Some(number) {
            self.unbind();
            self.bound = Some(number);
            self.news[End::Host as usize].set();
        }
        match &self.session {
            Some(session) if std::mem::take(&mut self.enabled) => Ok(session.clone()),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// The device at one end.
pub struct Port {
    cable: Cable,
    end: End,
    number: u64,
    kills: u64,
    news: Arc<Event>,
}

impl Device for Port {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        let mut state = self.cable.0.lock().unwrap();
        self.news.clear();
        if state.kills[self.end as usize] != self.kills {
            return Err(io::Error::other("this process was killed"));
        }
        let session = match self.end {
            End::Host => state.open_host(),
            End::Gadget => state.open_gadget(self.number),
        }?;
        let bulk = session.attach(self.end, state.how.told);
        if self.end == End::Gadget {
            session.says_goodbye(self.end);
        }
        Ok(Box::new(BulkLink::new(bulk, state.how.queue.clone())?))
    }

    #[cfg(target_os = "linux")]
    fn news(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(self.news.descriptor())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let mut state = self.cable.0.lock().unwrap();
        if state.bound == Some(self.number) {
            state.unbind();
        }
    }
}
