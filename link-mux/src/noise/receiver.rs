//! The receiving half: puts packets in order, and knows what to acknowledge when.

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

use super::config::NoiseConfig;
use super::packet::{Ack, Data};

/// A packet that came in order is acknowledged after so long, unless something goes the other way in the meantime
/// and takes the acknowledgement along. An answer to a message takes less, as a rule; and if the way back
/// is idle, the 11 bytes cost nobody anything.
pub(super) const ACK_DELAY: Duration = Duration::from_millis(5);
/// So many packets are acknowledged at once: the sender's window must not run empty (RFC 1122, 4.2.3.2, has the
/// same rule).
const ACK_EVERY: u8 = 2;

/// What a packet was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Taken, or known already.
    Good,
    /// Beyond the window: no end that keeps to the rules sends it.
    Impossible,
}

/// Packets that arrived, and which are missing.
pub(super) struct Receiver {
    /// Payloads of packets beyond a gap; the place of packet `n` is `n % places`.
    payloads: Box<[u8]>,
    lens: Box<[u16]>,
    payload: usize,
    window: i64,
    /// The first packet that is missing.
    next: u64,
    /// Which packets are here: bit `i` is for packet `next + i`. Bit 0 is clear.
    here: u64,
    /// The stamp of the latest transmission that was heard.
    heard: u8,
    /// Packets heard since the last acknowledgement.
    unacknowledged: u8,
    /// When to acknowledge them.
    ack_at: Option<Duration>,
}

impl Receiver {
    pub(super) fn new(config: &NoiseConfig) -> Receiver {
        let (payload, places) = (usize::from(config.payload), usize::from(config.window));
        Receiver {
            payloads: vec![0; payload * places].into_boxed_slice(),
            lens: vec![0; places].into_boxed_slice(),
            payload,
            window: 0,
            next: 0,
            here: 0,
            heard: 0,
            unacknowledged: 0,
            ack_at: None,
        }
    }

    /// A session begins, with the smaller window of the two ends.
    pub(super) fn begin(&mut self, window: u8) {
        self.window = i64::from(window);
        self.next = 0;
        self.here = 0;
        self.heard = 0;
        self.acknowledged();
    }

    /// A packet: delivers it if it is the next one, and whatever waited for it.
    pub(super) fn take(
        &mut self,
        now: Duration,
        data: Data<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Outcome {
        // Numbers wrap: the packet meant is the one next to those that are expected.
        let ahead = i64::from(data.number.wrapping_sub(self.next as u16) as i16);
        if ahead >= self.window || data.payload.len() > self.payload {
            return Outcome::Impossible;
        }
        self.heard = data.stamp;
        if ahead < 0 || self.here >> ahead & 1 != 0 {
            // Sent again although it is here: the acknowledgement may be lost.
            self.acknowledge(now);
        } else if ahead > 0 {
            let place = self.place(self.next + ahead as u64);
            self.payloads[place * self.payload..][..data.payload.len()]
                .copy_from_slice(data.payload);
            self.lens[place] = data.payload.len() as u16;
            self.here |= 1 << ahead;
            self.acknowledge(now);
        } else {
            deliver(data.payload);
            let gaps = self.here != 0;
            self.advance();
            while self.here & 1 != 0 {
                let place = self.place(self.next);
                let len = usize::from(self.lens[place]);
                deliver(&self.payloads[place * self.payload..][..len]);
                self.advance();
            }
            self.unacknowledged += 1;
            if gaps || self.unacknowledged >= ACK_EVERY {
                self.acknowledge(now);
            } else {
                self.ack_at.get_or_insert(now + ACK_DELAY);
            }
        }
        Outcome::Good
    }

    /// A packet that cannot be taken now: the acknowledgement will say that it was heard and is lacking, and so
    /// it is sent again.
    pub(super) fn pass(&mut self, now: Duration, data: Data<'_>) {
        self.heard = data.stamp;
        self.acknowledge(now);
    }

    fn place(&self, packet: u64) -> usize {
        (packet % self.lens.len() as u64) as usize
    }

    fn advance(&mut self) {
        self.next += 1;
        self.here >>= 1;
    }

    /// An acknowledgement is due at once.
    pub(super) fn acknowledge(&mut self, now: Duration) {
        self.ack_at = Some(now);
    }

    /// When the next acknowledgement is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.ack_at
    }

    /// What to say has arrived.
    pub(super) fn ack(&self) -> Ack {
        Ack {
            heard: self.heard,
            next: self.next as u16,
            beyond: self.here >> 1,
        }
    }

    /// It was said.
    pub(super) fn acknowledged(&mut self) {
        self.unacknowledged = 0;
        self.ack_at = None;
    }
}
