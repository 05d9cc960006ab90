//! The applications: one end of a channel writes, reads and checks what it reads.

use std::cell::RefCell;
use std::rc::Rc;

use link_mux::{ChannelId, End};

use crate::plan::{Pace, SidePlan, Time};
use crate::rng::mix;
use crate::tap::Tap;

pub type Shared = Rc<RefCell<Tap>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Opened, not answered yet.
    Opening,
    Open,
    Closed,
    Refused,
    /// The session is over.
    Lost,
    /// The program is.
    Killed,
}

/// One end of a channel.
pub struct Half {
    pub end: usize,
    pub id: ChannelId,
    pub tap: Shared,
    pub state: State,
    pub plan: SidePlan,
    /// What the bytes in each direction are made of: own, peer's.
    keys: (u64, u64),
    pub written: u64,
    pub ended: Option<End>,
    pub got: u64,
    pub stopped: Option<End>,
    next_write: Time,
    next_read: Time,
    /// When it has something to do although nothing happens.
    pub due: Option<Time>,
}

impl Half {
    /// `nonce` is the channel's, `side` 0 for the opener.
    pub fn new(
        end: usize,
        id: ChannelId,
        tap: Shared,
        nonce: u64,
        side: u64,
        plan: SidePlan,
    ) -> Half {
        Half {
            end,
            id,
            tap,
            state: State::Opening,
            plan,
            keys: (2 * nonce + side, 2 * nonce + 1 - side),
            written: 0,
            ended: None,
            got: 0,
            stopped: None,
            next_write: 0,
            next_read: 0,
            due: Some(0),
        }
    }

    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Opening | State::Open)
    }

    /// How its inbound stream ended, once it has read all of it.
    pub fn seen_end(&self) -> Option<End> {
        self.tap.borrow().queues.ended()
    }

    pub fn readable(&self) -> usize {
        self.tap.borrow().queues.readable()
    }

    pub fn receipt(&self) -> Option<Option<u64>> {
        self.tap.borrow().queues.receipt()
    }

    /// It reads no more.
    pub fn is_over(&self) -> bool {
        self.stopped.is_some() || self.seen_end().is_some()
    }

    /// When it is to act.
    pub fn next(&self, now: Time) -> Option<Time> {
        let stirred = self.tap.borrow().stirred.then_some(now);
        stirred.or(self.due)
    }

    /// Does what is due; returns whether something was done.
    pub fn act(&mut self, now: Time) -> bool {
        let written = self.write(now);
        let read = self.read(now);
        written || read
    }

    /// It still waits for an answer, and has not ended both of its streams, which leaves nothing to withdraw.
    pub fn can_withdraw(&self) -> bool {
        self.state == State::Opening && (self.ended.is_none() || self.stopped.is_none())
    }

    /// Ends everything at once.
    pub fn withdraw(&mut self) {
        let mut tap = self.tap.borrow_mut();
        tap.queues.finish_writing(End::Abort);
        tap.queues.stop_reading(End::Abort);
        self.ended = Some(End::Abort);
        self.stopped.get_or_insert(End::Abort);
    }

    fn write(&mut self, now: Time) -> bool {
        let mut tap = self.tap.borrow_mut();
        let mut acted = false;
        while self.ended.is_none() && now >= self.next_write && tap.queues.receipt().is_none() {
            let left = self.plan.bytes - self.written;
            if left == 0 {
                tap.queues.finish_writing(self.plan.end);
                self.ended = Some(self.plan.end);
                return true;
            }
            let Pace { bytes, pause } = self.plan.writes;
            // One byte more than fits is offered, and not taken.
            let most = bytes.min(tap.queues.writable() + 1);
            let chunk = bytes_of(self.keys.0, self.written, left.min(most as u64) as usize);
            let n = tap.queues.write(&chunk);
            if n == 0 {
                break;
            }
            self.written += n as u64;
            self.next_write = now + pause;
            acted = true;
        }
        acted
    }

    fn read(&mut self, now: Time) -> bool {
        let mut acted = false;
        while self.stopped.is_none() {
            let mut most = usize::MAX;
            if let Some((after, how)) = self.plan.stop {
                most = (after.saturating_sub(self.got)) as usize;
                if most == 0 && self.seen_end().is_none() {
                    self.tap.borrow_mut().queues.stop_reading(how);
                    self.stopped = Some(how);
                    return true;
                }
            }
            if now < self.next_read {
                break;
            }
            let Pace { bytes, pause } = self.plan.reads;
            let mut chunk = vec![0; bytes.min(most).min(self.readable())];
            let n = self.tap.borrow_mut().read(&mut chunk);
            if n == 0 {
                break;
            }
            let right = bytes_of(self.keys.1, self.got, n);
            assert!(
                chunk == right,
                "bytes that nobody sent at {} + {n}",
                self.got
            );
            self.got += n as u64;
            self.next_read = now + pause;
            acted = true;
        }
        acted
    }

    /// When it has to write or read next, if the mux does not call before.
    pub fn pending(&self) -> Option<Time> {
        let queues = &self.tap.borrow().queues;
        let writes = self.ended.is_none()
            && queues.receipt().is_none()
            && (queues.writable() > 0 || self.written == self.plan.bytes);
        let reads = self.stopped.is_none() && queues.readable() > 0;
        let write = writes.then_some(self.next_write);
        let read = reads.then_some(self.next_read);
        [write, read].into_iter().flatten().min()
    }

    /// Nobody disturbs it any more: it reads what is left.
    pub fn drain(&mut self) {
        self.next_read = 0;
        self.plan.reads.pause = 0;
        self.read(0);
    }
}

/// The bytes of a stream: a function of what stream it is, and where.
fn bytes_of(key: u64, from: u64, count: usize) -> Vec<u8> {
    let key = mix(key);
    let skipped = (from % 8) as usize;
    let mut bytes = Vec::with_capacity(skipped + count + 8);
    let mut word = from / 8;
    while bytes.len() < skipped + count {
        bytes.extend_from_slice(&mix(key ^ word).to_le_bytes());
        word += 1;
    }
    bytes.truncate(skipped + count);
    bytes.drain(..skipped);
    bytes
}
