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

struct State {
    packet: usize,
    random: Random,
    /// The most packets that move at one call.
    burst: u64,
    /// What is queued, by end and way; and what there is of each end.
    queues: [[VecDeque<Transfer>; 2]; 2],
    ends: [Attached; 2],
    strikes: Vec<Strike>,
    seen: Seen,
    lost: Option<Loss>,
    /// The bus stopped in the middle: there may be more to move.
    again: bool,
    /// Of these ways nothing moves any more.
    stuck: [bool; 2],
    /// Are called when the lock is released.
    wakes: Vec<Waker>,
}

/// What the cable has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// How many transfers each end has queued each way.
    pub submitted: [[usize; 2]; 2],
    /// The most that were queued at one time.
    pub deepest: usize,
    /// How many were sent that were not empty, and multiples of the packet size.
    pub whole: usize,
    /// How many packets without bytes were sent.
    pub empty: usize,
    /// How many bytes each end was given by transfers that received, up to the first one that did not go well.
    pub received: [usize; 2],
    hole: [bool; 2],
    /// How many strikes have fired.
    pub fired: usize,
}

struct Transfer {
    buffer: Vec<u8>,
    moved: usize,
    packets: usize,
    strike: Option<Strike>,
    /// Nobody waits for it.
    stale: bool,
}

#[derive(Default)]
struct Attached {
    /// Who has this end: it is 0 while nobody does.
    life: u64,
    lives: u64,
    landed: [VecDeque<Completion>; 2],
    waker: Option<Waker>,
    event: Option<Arc<Event>>,
    /// The endpoint is halted, each way.
    halted: [bool; 2],
    /// Halts the other end's endpoints when it lets go.
    goodbye: bool,
}

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
                .map(|transfer| transfer.buffer[transfer.moved..].to_vec())
                .collect()
        })
    }

    /// What lies in the controller of this end, whoever has left it there, and goes out first.
    pub fn preload(&self, end: End, transfers: Vec<Vec<u8>>) {
        self.with(|state| {
            let transfers = transfers.into_iter().map(|buffer| Transfer {
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

impl State {
    /// Moves some packets.
    fn run(&mut self) {
        let mut left = 1 + self.random.below(self.burst);
        let first = End::BOTH[self.random.below(2) as usize];
        for sender in [first, first.other()] {
            while left > 0 && self.step(sender) {
                left -= 1;
            }
        }
        self.again = left == 0;
        if self.again {
            // There may be more to move: they are to call again.
            End::BOTH.into_iter().for_each(|end| self.tell(end));
        }
    }

    /// Moves a packet that `sender` has to send; whether something has happened.
    fn step(&mut self, sender: End) -> bool {
        if self.lost.is_some() || self.stuck[sender as usize] {
            return false;
        }
        let places = [(sender, Way::Send), (sender.other(), Way::Receive)];
        for (end, way) in places {
            let front = self.queues[end as usize][way as usize].front();
            if front.is_some_and(Transfer::is_due) {
                return self.fires(end, way);
            }
        }
        let packet = self.packet;
        let [host, gadget] = &mut self.queues;
        let (from, to) = match sender {
            End::Host => (host, gadget),
            End::Gadget => (gadget, host),
        };
        let from = from[Way::Send as usize].front_mut();
        let (Some(from), Some(to)) = (from, to[Way::Receive as usize].front_mut()) else {
            return false;
        };
        let bytes = packet.min(from.buffer.len() - from.moved);
        let fits = bytes.min(to.buffer.len() - to.moved);
        to.buffer[to.moved..to.moved + fits]
            .copy_from_slice(&from.buffer[from.moved..from.moved + fits]);
        from.moved += bytes;
        to.moved += fits;
        from.packets += 1;
        to.packets += 1;
        let sent = bytes < packet || from.moved == from.buffer.len();
        let received = bytes < packet || to.moved == to.buffer.len();
        if fits < bytes {
            self.lands(sender.other(), Way::Receive, Err(Fault::Overflow));
        } else if received {
            self.finishes(sender.other(), Way::Receive);
        }
        if sent {
            self.finishes(sender, Way::Send);
        }
        true
    }

    /// A transfer has come to its end, unless something is still to go wrong with it.
    fn finishes(&mut self, end: End, way: Way) {
        let front = self.queues[end as usize][way as usize].front();
        match front.and_then(|front| front.strike.as_ref()) {
            Some(strike) if strike.what != What::Short => _ = self.fires(end, way),
            _ => self.lands(end, way, Ok(())),
        }
    }

    /// Something goes wrong with the first transfer; whether more can happen.
    fn fires(&mut self, end: End, way: Way) -> bool {
        let sender = match way {
            Way::Send => end,
            Way::Receive => end.other(),
        };
        let front = self.queues[end as usize][way as usize].front_mut();
        let Some(strike) = front.and_then(|front| front.strike.take()) else {
            return false;
        };
        self.seen.fired += 1;
        match strike.what {
            What::Hangs => {
                self.stuck[sender as usize] = true;
                return false;
            }
            What::Short | What::Refused => self.lands(end, way, Ok(())),
            What::Fails(fault) => {
                if fault == Fault::Overflow && way == Way::Receive {
                    self.loses_a_packet(sender);
                }
                self.lands(end, way, Err(fault.clone()));
                match fault {
                    Fault::Gone => {
                        let how = [Loss::Transfers, Loss::Endpoints];
                        let how = how[self.random.below(2) as usize];
                        End::BOTH.into_iter().for_each(|end| self.cut(end, how));
                    }
                    Fault::Pipe => self.halt(end, way),
                    _ => {}
                }
            }
        }
        self.stuck[sender as usize] |= !strike.runs_on;
        strike.runs_on
    }

    fn loses_a_packet(&mut self, sender: End) {
        let packet = self.packet;
        if let Some(from) = self.queues[sender as usize][Way::Send as usize].front_mut() {
            from.moved += packet.min(from.buffer.len() - from.moved);
            from.packets += 1;
            if from.moved == from.buffer.len() {
                self.finishes(sender, Way::Send);
            }
        }
    }

    fn halt(&mut self, end: End, way: Way) {
        self.ends[end as usize].halted[way as usize] = true;
        while !self.queues[end as usize][way as usize].is_empty() {
            self.lands(end, way, Err(Fault::Pipe));
        }
    }

    /// The first transfer is over.
    fn lands(&mut self, end: End, way: Way, result: Result<(), Fault>) {
        let front = self.queues[end as usize][way as usize].pop_front();
        if let Some(Transfer {
            buffer,
            moved,
            stale: false,
            ..
        }) = front
        {
            if way == Way::Receive && !self.seen.hole[end as usize] {
                self.seen.received[end as usize] += moved;
                self.seen.hole[end as usize] = !matches!(result, Ok(()) | Err(Fault::Timeout));
            }
            self.ends[end as usize].landed[way as usize].push_back(Completion {
                buffer,
                moved,
                result,
            });
            self.tell(end);
        }
    }

    fn tell(&mut self, end: End) {
        let attached = &mut self.ends[end as usize];
        self.wakes.extend(attached.waker.take());
        if let Some(event) = &attached.event {
            event.set();
        }
    }

    fn cut(&mut self, end: End, how: Loss) {
        self.lost.get_or_insert(how);
        for way in WAYS {
            match how {
                Loss::Endpoints => self.queues[end as usize][way as usize].clear(),
                Loss::Transfers => {
                    while !self.queues[end as usize][way as usize].is_empty() {
                        self.lands(end, way, Err(Fault::Gone));
                    }
                }
            }
        }
        self.tell(end);
    }

    fn detach(&mut self, end: End) {
        self.queues[end as usize] = Default::default();
        let lives = self.ends[end as usize].lives;
        self.ends[end as usize] = Attached {
            lives,
            ..Attached::default()
        };
    }
}

impl Transfer {
    /// Whether it goes wrong before another packet moves.
    fn is_due(&self) -> bool {
        let due = |strike: &Strike| self.packets >= strike.after;
        self.strike.as_ref().is_some_and(due)
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

    fn submit(&mut self, way: Way, buffer: Vec<u8>) -> Result<(), Fault> {
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
            let whole = !buffer.is_empty() && buffer.len().is_multiple_of(state.packet);
            match way {
                Way::Receive => assert!(whole, "{} bytes cannot be received", buffer.len()),
                Way::Send => {
                    state.seen.whole += usize::from(whole);
                    state.seen.empty += usize::from(buffer.is_empty());
                }
            }
            state.seen.submitted[end][way_] += 1;
            state.queues[end][way_].push_back(Transfer {
                buffer,
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
