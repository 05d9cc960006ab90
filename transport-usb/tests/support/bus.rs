//! What moves on a cable in memory: transfers in packets, and what goes wrong with them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use transport_usb::bulk::{Completion, Fault, Way};

use super::event::Event;
use super::memory::{End, Loss, WAYS};
use super::random::Random;
use super::strike::{Strike, What};

pub(super) struct State {
    pub(super) packet: usize,
    pub(super) random: Random,
    /// The most packets that move at one call.
    pub(super) burst: u64,
    /// What is queued, by end and way; and what there is of each end.
    pub(super) queues: [[VecDeque<Transfer>; 2]; 2],
    pub(super) ends: [Attached; 2],
    pub(super) strikes: Vec<Strike>,
    pub(super) seen: Seen,
    pub(super) lost: Option<Loss>,
    /// The bus stopped in the middle: there may be more to move.
    pub(super) again: bool,
    /// Of these ways nothing moves any more.
    pub(super) stuck: [bool; 2],
    /// Are called when the lock is released.
    pub(super) wakes: Vec<Waker>,
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

pub(super) struct Transfer {
    pub(super) buffer: Vec<u8>,
    /// How much of it is to be moved.
    pub(super) length: usize,
    pub(super) moved: usize,
    pub(super) packets: usize,
    pub(super) strike: Option<Strike>,
    /// Nobody waits for it.
    pub(super) stale: bool,
}

#[derive(Default)]
pub(super) struct Attached {
    /// Who has this end: it is 0 while nobody does.
    pub(super) life: u64,
    pub(super) lives: u64,
    pub(super) landed: [VecDeque<Completion>; 2],
    pub(super) waker: Option<Waker>,
    pub(super) event: Option<Arc<Event>>,
    /// The endpoint is halted, each way.
    pub(super) halted: [bool; 2],
    /// Halts the other end's endpoints when it lets go.
    pub(super) goodbye: bool,
}

impl State {
    /// Moves some packets.
    pub(super) fn run(&mut self) {
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
    pub(super) fn step(&mut self, sender: End) -> bool {
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
        let bytes = packet.min(from.length - from.moved);
        let fits = bytes.min(to.length - to.moved);
        to.buffer[to.moved..to.moved + fits]
            .copy_from_slice(&from.buffer[from.moved..from.moved + fits]);
        from.moved += bytes;
        to.moved += fits;
        from.packets += 1;
        to.packets += 1;
        let sent = bytes < packet || from.moved == from.length;
        let received = bytes < packet || to.moved == to.length;
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
    pub(super) fn finishes(&mut self, end: End, way: Way) {
        let front = self.queues[end as usize][way as usize].front();
        match front.and_then(|front| front.strike.as_ref()) {
            Some(strike) if strike.what != What::Short => _ = self.fires(end, way),
            _ => self.lands(end, way, Ok(())),
        }
    }

    /// Something goes wrong with the first transfer; whether more can happen.
    pub(super) fn fires(&mut self, end: End, way: Way) -> bool {
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

    pub(super) fn loses_a_packet(&mut self, sender: End) {
        let packet = self.packet;
        if let Some(from) = self.queues[sender as usize][Way::Send as usize].front_mut() {
            from.moved += packet.min(from.length - from.moved);
            from.packets += 1;
            if from.moved == from.length {
                self.finishes(sender, Way::Send);
            }
        }
    }

    pub(super) fn halt(&mut self, end: End, way: Way) {
        self.ends[end as usize].halted[way as usize] = true;
        while !self.queues[end as usize][way as usize].is_empty() {
            self.lands(end, way, Err(Fault::Pipe));
        }
    }

    /// The first transfer is over.
    pub(super) fn lands(&mut self, end: End, way: Way, result: Result<(), Fault>) {
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

    pub(super) fn tell(&mut self, end: End) {
        let attached = &mut self.ends[end as usize];
        self.wakes.extend(attached.waker.take());
        if let Some(event) = &attached.event {
            event.set();
        }
    }

    pub(super) fn cut(&mut self, end: End, how: Loss) {
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

    pub(super) fn detach(&mut self, end: End) {
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
