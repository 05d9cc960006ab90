//! Whose turn it is to send: byte-weighted round robin.
//!
//! In each round, a channel may send `quantum` bytes, whatever its frames are. One that has something to send again and has
//! sent less than its share of the round goes ahead of those that wait for their turn: so a small frame waits for at
//! most one large one, and nobody gets more than its share. A share may be overdrawn by the last frame, which
//! the next round makes good: frames are not cut for it. (Deficit round robin, Shreedhar and Varghese, SIGCOMM 1995, in its surplus form; the list of
//! fresh ones is that of FQ-CoDel, RFC 8290.)

use alloc::collections::VecDeque;

/// What the schedule keeps of each channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    /// It stands in one of the lists.
    pub waiting: bool,
    /// Bytes that it may send in `round`; negative: overdrawn.
    share: i32,
    round: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Fresh,
    Round,
}

/// The channels that have something to send.
pub(crate) struct Schedule {
    quantum: i32,
    round: u32,
    fresh: VecDeque<u16>,
    this: VecDeque<u16>,
    next: VecDeque<u16>,
    /// Where the one at the head was found.
    from: List,
}

impl Schedule {
    pub(crate) fn new(quantum: u32) -> Schedule {
        Schedule {
            // At most 65,536: see `Config`.
            quantum: quantum as i32,
            round: 0,
            fresh: VecDeque::new(),
            this: VecDeque::new(),
            next: VecDeque::new(),
            from: List::Fresh,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.fresh.clear();
        self.this.clear();
        self.next.clear();
    }

    /// Nobody has anything to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.this.is_empty() && self.next.is_empty()
    }

    /// The channel may have something to send.
    pub(crate) fn add(&mut self, id: u16, turn: &mut Turn) {
        if turn.waiting {
            return;
        }
        turn.waiting = true;
        self.renew(turn);
        if turn.share > 0 {
            self.fresh.push_back(id);
        } else {
            self.next.push_back(id);
        }
    }

    /// Its share in this round.
    fn renew(&self, turn: &mut Turn) {
        if turn.round != self.round {
            turn.round = self.round;
            turn.share = (turn.share + self.quantum).min(self.quantum);
        }
    }

    /// Who is next to send.
    pub(crate) fn head(&mut self) -> Option<u16> {
        if let Some(&id) = self.fresh.front() {
            self.from = List::Fresh;
            return Some(id);
        }
        if self.this.is_empty() {
            core::mem::swap(&mut self.this, &mut self.next);
            self.round = self.round.wrapping_add(1);
        }
        self.from = List::Round;
        self.this.front().copied()
    }

    /// The one at the [`head`](Self::head) has sent so many bytes, and may have more.
    pub(crate) fn sent(&mut self, bytes: usize, turn: &mut Turn) {
        self.renew(turn);
        turn.share -= bytes as i32;
        if turn.share <= 0
            && let Some(id) = self.pop()
        {
            self.next.push_back(id);
        }
    }

    /// The one at the head has nothing to send.
    pub(crate) fn drop_head(&mut self, turn: &mut Turn) {
        self.pop();
        turn.waiting = false;
    }

    fn pop(&mut self) -> Option<u16> {
        match self.from {
            List::Fresh => self.fresh.pop_front(),
            List::Round => self.this.pop_front(),
        }
    }

    /// The channel is gone.
    pub(crate) fn remove(&mut self, id: u16, turn: &Turn) {
        if turn.waiting {
            for list in [&mut self.fresh, &mut self.this, &mut self.next] {
                list.retain(|&other| other != id);
            }
        }
    }
}
