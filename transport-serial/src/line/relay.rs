//! The thread between the two ends of a line.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;

use super::lane::{Counters, Lane};
use super::port::{Names, Port};
use super::{End, LineConfig};

/// At most so much is taken from an end at once: what a pseudo-terminal gives in one call.
const PIECE: usize = 4096;
/// So long a device of an idle line may stay locked after a user was killed that had it to itself (see
/// [`Port::unlock`]).
const UNLOCKED_EVERY: Duration = Duration::from_millis(250);

const ENDS: [End; 2] = [End::A, End::B];

#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Unplug(End),
    Plug(End),
    Sever(bool),
    End,
}

pub(super) struct Relay {
    names: Arc<Names>,
    ports: [Option<Port>; 2],
    /// From A, from B.
    ways: [Way; 2],
    severed: bool,
    bell: Arc<OwnedFd>,
    orders: Receiver<(Command, SyncSender<io::Result<()>>)>,
}

/// One direction.
struct Way {
    lane: Lane,
    counters: Arc<Counters>,
    /// Has passed, and the destination had no room for it.
    held: Vec<u8>,
}

impl Relay {
    pub(super) fn new(
        config: &LineConfig,
        names: Arc<Names>,
        counters: &[Arc<Counters>; 2],
        bell: Arc<OwnedFd>,
        orders: Receiver<(Command, SyncSender<io::Result<()>>)>,
    ) -> io::Result<Relay> {
        let mut relay = Relay {
            names,
            ports: [None, None],
            ways: ENDS.map(|end| Way {
                lane: Lane::new(config, end as u64 + 1),
                counters: counters[end as usize].clone(),
                held: Vec::new(),
            }),
            severed: false,
            bell,
            orders,
        };
        for end in ENDS {
            relay.obey(Command::Plug(end))?;
        }
        Ok(relay)
    }

    pub(super) fn run(mut self) {
        loop {
            while let Ok((command, answer)) = self.orders.try_recv() {
                let done = self.obey(command);
                let end = matches!(command, Command::End);
                let _ = answer.send(done);
                if end {
                    return;
                }
            }
            self.ports.iter().flatten().for_each(Port::unlock);
            let now = Instant::now();
            let due = ENDS.map(|from| self.carry(from, now));
            let due = due.into_iter().flatten().min();
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            self.sleep(left.map_or(UNLOCKED_EVERY, |left| left.min(UNLOCKED_EVERY)));
        }
    }

    fn obey(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Plug(end) => {
                let port = &mut self.ports[end as usize];
                if port.is_none() {
                    *port = Some(Port::open(self.names.of(end))?);
                }
            }
            Command::Unplug(end) => {
                if let Some(port) = self.ports[end as usize].take() {
                    port.close()?;
                }
            }
            Command::Sever(cut) => self.severed = cut,
            Command::End => {
                for port in &mut self.ports {
                    if let Some(port) = port.take() {
                        port.close()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves what may move from this end to the other. Returns when to come again even if nothing happens.
    fn carry(&mut self, from: End, now: Instant) -> Option<Instant> {
        let way = &mut self.ways[from as usize];
        let to = self.ports[from.other() as usize]
            .as_ref()
            .filter(|_| !self.severed);
        deliver(way, to);
        let source = self.ports[from as usize].as_ref()?;
        if !way.held.is_empty() {
            way.lane.pause();
            return None;
        }
        let mut piece = [0; PIECE];
        let room = way.lane.budget(now).min(PIECE);
        // An end that fails is about to be unplugged.
        let n = match room {
            0 => 0,
            _ => source.read(&mut piece[..room]).unwrap_or(0),
        };
        if n > 0 {
            way.held.extend_from_slice(&piece[..n]);
            way.lane.pass(&mut way.held, &way.counters);
            deliver(way, to);
        }
        if n < room {
            way.lane.pause();
        }
        way.lane.due()
    }

    /// Until a device has something to carry, a device has room again, somebody rings, or the time is over.
    fn sleep(&mut self, limit: Duration) {
        let mut fds = vec![PollFd::new(&*self.bell, PollFlags::IN)];
        let mut idle = [None; 2];
        for end in ENDS {
            let Some(port) = &self.ports[end as usize] else {
                continue;
            };
            let mut events = PollFlags::empty();
            let way = &self.ways[end as usize];
            // While it is paced it is looked at when the next bytes are due.
            if way.held.is_empty() && way.lane.due().is_none() {
                events |= PollFlags::IN;
                idle[end as usize] = Some(fds.len());
            }
            if !self.ways[end.other() as usize].held.is_empty() {
                events |= PollFlags::OUT;
            }
            if !events.is_empty() {
                fds.push(PollFd::new(&port.master, events));
            }
        }
        let limit = Timespec::try_from(limit).ok();
        let _ = poll(&mut fds, limit.as_ref());
        if fds[0].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
        }
        let woken = idle.map(|at| at.is_some_and(|at| fds[at].revents().contains(PollFlags::IN)));
        let now = Instant::now();
        for end in ENDS {
            if woken[end as usize] {
                self.ways[end as usize].lane.begin(now);
            }
        }
    }
}

/// Hands on what has passed, as much as there is room for; to nobody, where there is nobody.
fn deliver(way: &mut Way, to: Option<&Port>) {
    let Some(to) = to else {
        way.counters.lost(way.held.len() as u64);
        way.held.clear();
        return;
    };
    while !way.held.is_empty() {
        // An end that fails is about to be unplugged.
        match to.write(&way.held) {
            Ok(0) | Err(_) => break,
            Ok(n) => drop(way.held.drain(..n)),
        }
    }
}

/// Wakes the thread.
pub(super) fn ring(bell: &OwnedFd) {
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}
