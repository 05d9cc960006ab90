//! A USB cable in memory: two ends, each a [`Bulk`], with what counts of USB.
//!
//! A transfer that is sent is cut into packets, and a packet moves only while both ends have a transfer queued. One
//! that receives is over when it is full, or with a packet that is shorter than the largest; a packet that does not
//! fit is an overflow, and its bytes are lost. The bus moves a few packets at a time, whenever an end calls in: how
//! many, a seed says. Whoever has queued transfers is told of nothing but their completions: an end that lets go, or
//! whose process is killed, is just silent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use transport_usb::bulk::{Bulk, Completion, Fault, Way};

pub use super::bus::Seen;
use super::bus::{Attached, State, Transfer};
use super::event::Event;
use super::random::Random;
use super::strike::{Strike, What};

/// An end of the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Host,
    Gadget,
}

impl End {
    pub const BOTH: [End; 2] = [End::Host, End::Gadget];

    pub fn other(self) -> End {
        match self {
            End::Host => End::Gadget,
            End::Gadget => End::Host,
        }
    }
}

pub const WAYS: [Way; 2] = [Way::Receive, Way::Send];

/// How an end is told that something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The waker of its last call.
    Waker,
    /// A descriptor, and no waker.
    Descriptor,
}

impl Told {
    /// What there is on this system.
    #[cfg(target_os = "linux")]
    pub const ALL: &[Told] = &[Told::Waker, Told::Descriptor];
    #[cfg(not(target_os = "linux"))]
    pub const ALL: &[Told] = &[Told::Waker];

    /// As the two USB stacks have it, where there is one.
    pub const BEST: Told = Told::ALL[Told::ALL.len() - 1];
}

/// How the ends learn of the end of the cable, or of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All that was queued fails, as with libusb.
    Transfers,
    /// The endpoints say so themselves, and what was queued never comes back.
    Endpoints,
}

/// The cable, for as long as it is plugged in; or one session on it.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<State>>);

impl Wire {
    pub fn new(packet: usize, seed: u64) -> Wire {
        Wire(Arc::new(Mutex::new(State {
            packet,
            random: Random::new(seed),
            burst: 64,
            queues: Default::default(),
            ends: Default::default(),
            strikes: Vec::new(),
            seen: Seen::default(),
            lost: None,
            again: false,
            stuck: [false; 2],
            wakes: Vec::new(),
        })))
    }

    /// An end that lets go while the session is on halts the endpoints, so that the other end is told.
    pub fn says_goodbye(&self, end: End) {
        self.with(|state| state.ends[end as usize].goodbye = true);
    }

    /// What is to go wrong with transfers that are queued from now on.
    pub fn strike(&self, strikes: impl IntoIterator<Item = Strike>) {
        self.with(|state| state.strikes.extend(strikes));
    }

    /// The most packets that move when an end calls in.
    pub fn burst(&self, packets: u64) {
        self.with(|state| state.burst = packets);
    }

    pub fn seen(&self) -> Seen {
        self.with(|state| state.seen)
    }

    /// Somebody takes an end, which is free.
    pub fn attach(&self, end: End, told: Told) -> MemoryBulk {
        let event = (told == Told::Descriptor).then(|| Arc::new(Event::new()));
        let life = self.with(|state| {
            let attached = &mut state.ends[end as usize];
            assert_eq!(attached.life, 0, "{end:?} is busy");
            let lives = attached.lives + 1;
            *attached = Attached {
                life: lives,
                lives,
                event: event.clone(),
                ..Attached::default()
            };
            lives
        });
        MemoryBulk {
            wire: self.clone(),
            end,
            life,
            packet: self.with(|state| state.packet),
            given: Default::default(),
            event,
        }
    }

    /// It is pulled out, or the session is over, for these ends.
    pub fn cut(&self, ends: &[End], how: Loss) {
        self.with(|state| ends.iter().for_each(|&end| state.cut(end, how)));
    }

    /// The process that has this end is killed. What it had queued is cancelled, the oldest first: the bus may begin
    /// with the next transfer when one is cut short. The other end is told nothing.
    pub fn kill(&self, end: End) {
        self.with(|state| {
            while state.queues[end as usize][Way::Send as usize]
                .pop_front()
                .is_some()
            {
                let packets = state.random.below(4);
                (0..packets).for_each(|_| _ = state.step(end));
            }
            state.detach(end);
        });
    }

    /// What this end had queued to be sent, and was not sent.
    pub fn left(&self, end: End) -> Vec<Vec<u8>> {
        self.with(|state| {
            let queue = &state.queues[end as usize][Way::Send as usize];
            queue
                .iter()
                .map(|transfer| transfer.buffer[transfer.moved..transfer.length].to_vec())
                .collect()
        })
    }

    /// What lies in the controller of this end, whoever has left it there, and goes out first.
    pub fn preload(&self, end: End, transfers: Vec<Vec<u8>>) {
        self.with(|state| {
            let transfers = transfers.into_iter().map(|buffer| Transfer {
                length: buffer.len(),
                buffer,
                moved: 0,
                packets: 0,
                strike: None,
                stale: true,
            });
            state.queues[end as usize][Way::Send as usize].extend(transfers);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.lock().unwrap();
        let result = change(&mut state);
        let wakes = std::mem::take(&mut state.wakes);
        drop(state);
        wakes.into_iter().for_each(Waker::wake);
        result
    }
}

/// An end of a [`Wire`].
pub struct MemoryBulk {
    wire: Wire,
    end: End,
    life: u64,
    packet: usize,
    given: [VecDeque<Completion>; 2],
    event: Option<Arc<Event>>,
}

impl MemoryBulk {
    /// Does something with this end, if it is not lost.
    fn with<T>(&self, change: impl FnOnce(&mut State) -> Result<T, Fault>) -> Result<T, Fault> {
        self.wire.with(
            |state| match state.ends[self.end as usize].life == self.life {
                true => change(state),
                false => Err(Fault::Gone),
            },
        )
    }
}

impl Bulk for MemoryBulk {
    fn packet(&self, _: Way) -> usize {
        self.packet
    }

    fn submit(&mut self, way: Way, buffer: Vec<u8>, length: usize) -> Result<(), Fault> {
        let (end, way_) = (self.end as usize, way as usize);
        self.with(|state| {
            if state.lost.is_some() {
                return Err(Fault::Gone);
            }
            if state.ends[end].halted[way_] {
                return Err(Fault::Pipe);
            }
            let number = state.seen.submitted[end][way_];
            let is_mine = |strike: &mut Strike| {
                (strike.end, strike.way, strike.index) == (self.end, way, number)
            };
            let strike = state.strikes.extract_if(.., is_mine).next();
            if strike
                .as_ref()
                .is_some_and(|strike| strike.what == What::Refused)
            {
                state.seen.fired += 1;
                return Err(Fault::System("no memory for a transfer".into()));
            }
            let whole = length > 0 && length.is_multiple_of(state.packet);
            match way {
                Way::Receive => assert!(whole, "{length} bytes cannot be received"),
                Way::Send => {
                    state.seen.whole += usize::from(whole);
                    state.seen.empty += usize::from(length == 0);
                }
            }
            state.seen.submitted[end][way_] += 1;
            state.queues[end][way_].push_back(Transfer {
                buffer,
                length,
                moved: 0,
                packets: 0,
                strike,
                stale: false,
            });
            state.seen.deepest = state.seen.deepest.max(state.queues[end][way_].len());
            state.run();
            Ok(())
        })
    }

    fn progress(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        let (end, waker) = (self.end as usize, cx.waker().clone());
        let (landed, result) = self.with(|state| {
            state.run();
            let again = state.again;
            let attached = &mut state.ends[end];
            match &attached.event {
                Some(event) => event.clear(),
                None => attached.waker = Some(waker),
            }
            let landed = std::mem::take(&mut attached.landed);
            if again {
                state.tell(self.end);
            }
            let result = match state.lost {
                Some(Loss::Endpoints) => Err(Fault::Gone),
                _ => Ok(()),
            };
            Ok((landed, result))
        })?;
        for (given, landed) in self.given.iter_mut().zip(landed) {
            given.extend(landed);
        }
        result
    }

    fn next(&mut self, way: Way) -> Option<Completion> {
        self.given[way as usize].pop_front()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.event.as_deref().map(Event::descriptor)
    }
}

impl Drop for MemoryBulk {
    /// Cancels what is queued, the newest first: nothing of it moves any more.
    fn drop(&mut self) {
        let end = self.end;
        let _ = self.with(|state| {
            if state.ends[end as usize].goodbye && state.lost.is_none() {
                WAYS.into_iter()
                    .for_each(|way| state.halt(end.other(), way));
            }
            state.detach(end);
            Ok(())
        });
    }
}
