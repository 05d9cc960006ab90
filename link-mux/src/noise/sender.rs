//! The sending half: keeps packets until they are known to have arrived, and finds out which were lost.
//!
//! The line keeps order. So once the other end has heard some transmission, every earlier one has either arrived or
//! will never do so: an acknowledgement that names the latest transmission heard settles the fate of all packets
//! transmitted before, at once and without a guess. Only the last transmissions before a pause need a timer.

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

use super::config::NoiseConfig;
use super::packet::{Ack, CHECK, HEAD};
use super::rtt::Rtt;

/// What is known of one packet on its way.
#[derive(Clone, Copy, Default)]
struct Sent {
    /// Its latest transmission.
    stamp: u64,
    /// Of its payload.
    len: u16,
}

/// A packet to be transmitted.
pub(super) struct Transmission<'a> {
    pub stamp: u8,
    pub number: u16,
    /// [`HEAD`] bytes for the head, the payload, and [`CHECK`] bytes for the check.
    pub packet: &'a mut [u8],
}

/// Packets on their way.
pub(super) struct Sender {
    /// The place of packet `n` is `n % places`.
    packets: Box<[u8]>,
    sent: Box<[Sent]>,
    /// Of one place.
    size: usize,
    payload: usize,
    window: u64,
    /// The first packet that is not known to have arrived, and the first that was never sent.
    first: u64,
    next: u64,
    /// Packets of sessions before.
    before: u64,
    /// Which packets have arrived, and which are known to be lost and not sent again yet: bit `i` is for packet
    /// `first + i`, and only those before `next` are ever set. No packet is in both.
    arrived: u64,
    lost: u64,
    /// The latest transmission.
    stamp: u64,
    /// The transmission whose acknowledgement is awaited to measure the round trip.
    timed: Option<(u64, Duration)>,
    rtt: Rtt,
    patience: Duration,
    /// When something was sent or heard of last.
    active: Duration,
    /// Since when something is awaited without a pause.
    waiting: Duration,
}

impl Sender {
    pub(super) fn new(config: &NoiseConfig) -> Sender {
        let places = usize::from(config.window);
        let size = HEAD + usize::from(config.payload) + CHECK;
        Sender {
            packets: vec![0; size * places].into_boxed_slice(),
            sent: vec![Sent::default(); places].into_boxed_slice(),
            size,
            payload: 0,
            window: 0,
            first: 0,
            next: 0,
            before: 0,
            arrived: 0,
            lost: 0,
            stamp: 0,
            timed: None,
            rtt: Rtt::new(config.patience),
            patience: config.patience,
            active: Duration::ZERO,
            waiting: Duration::ZERO,
        }
    }

    /// A session begins, with the smaller limits of the two ends.
    pub(super) fn begin(&mut self, payload: u16, window: u8) {
        self.payload = usize::from(payload);
        self.window = u64::from(window);
        self.before += self.next;
        self.first = 0;
        self.next = 0;
        self.arrived = 0;
        self.lost = 0;
        self.stamp = 0;
        self.timed = None;
        self.rtt = Rtt::new(self.patience);
    }

    /// Whether no packet more may be sent before one has arrived.
    pub(super) fn is_full(&self) -> bool {
        self.next - self.first == self.window
    }

    /// How many packets were sent, and how many of them have arrived or will never do so, of all sessions.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.before + self.next, self.before + self.first)
    }

    /// Whether everything sent has arrived.
    pub(super) fn is_settled(&self) -> bool {
        self.first == self.next
    }

    /// Since when something is awaited, if anything is.
    pub(super) fn waiting(&self) -> Option<Duration> {
        (!self.is_settled()).then_some(self.waiting)
    }

    /// What the other end says has arrived. `false`: what was never sent.
    pub(super) fn acknowledged(&mut self, now: Duration, ack: &Ack) -> bool {
        let ahead = ack.next.wrapping_sub(self.first as u16) as i16;
        if ahead < 0 {
            // An old one, repeated by the line.
            return true;
        }
        let (ahead, bits) = (ahead as u64, 64 - u64::from(ack.beyond.leading_zeros()));
        // Packet `next` itself is lacking, so what is told beyond it begins one later.
        if ahead + bits + u64::from(bits > 0) > self.next - self.first {
            return false;
        }
        // All 64 places are too many for one shift.
        let shift = |mask: u64| if ahead == 64 { 0 } else { mask >> ahead };
        let before = self.arrived.count_ones();
        self.first += ahead;
        self.arrived = (shift(self.arrived) | ack.beyond << 1) & !1;
        self.lost = shift(self.lost) & !self.arrived;
        self.heard(
            now,
            ack.heard,
            ahead > 0 || self.arrived.count_ones() > before,
        );
        true
    }

    /// The other end has heard the transmission with this stamp, and none later.
    fn heard(&mut self, now: Duration, stamp: u8, news: bool) {
        let age = u64::from((self.stamp as u8).wrapping_sub(stamp));
        let Some(heard) = self.stamp.checked_sub(age) else {
            return;
        };
        if let Some((timed, at)) = self.timed
            && timed <= heard
        {
            self.rtt.sample(now.saturating_sub(at));
            self.timed = None;
        }
        let mut unsettled = self.on_way() & !self.arrived & !self.lost;
        while unsettled != 0 {
            let bit = unsettled & unsettled.wrapping_neg();
            unsettled ^= bit;
            let place = self.place(self.first + u64::from(bit.trailing_zeros()));
            if self.sent[place].stamp <= heard {
                self.lost |= bit;
            }
        }
        if news {
            self.rtt.answered();
            self.active = now;
        }
    }

    /// One bit for each packet from `first` to `next`.
    fn on_way(&self) -> u64 {
        match self.next - self.first {
            64 => u64::MAX,
            n => (1 << n) - 1,
        }
    }

    /// If an acknowledgement has been awaited for too long, the first packet is to be sent again: the answer
    /// to it will tell of all others.
    pub(super) fn expire(&mut self, now: Duration) {
        if self.deadline().is_some_and(|at| now >= at) {
            self.rtt.expired();
            self.lost |= 1;
            self.active = now;
        }
    }

    /// When to call [`expire`](Self::expire).
    pub(super) fn deadline(&self) -> Option<Duration> {
        (!self.is_settled()).then(|| self.active + self.rtt.timeout())
    }

    /// The next packet to transmit, if there is one: a lost one again, or one more, if the window has room for it
    /// and `fill` has bytes.
    pub(super) fn transmission(
        &mut self,
        now: Duration,
        fill: &mut dyn FnMut(&mut [u8]) -> usize,
    ) -> Option<Transmission<'_>> {
        let number;
        if self.lost != 0 {
            number = self.first + u64::from(self.lost.trailing_zeros());
            self.lost &= self.lost - 1;
        } else {
            number = self.next;
            if number - self.first == self.window {
                return None;
            }
            let place = self.place(number);
            let room = &mut self.packets[place * self.size..][HEAD..HEAD + self.payload];
            let len = fill(room).min(room.len());
            if len == 0 {
                return None;
            }
            if self.is_settled() {
                self.waiting = now;
            }
            self.sent[place].len = len as u16;
            self.next += 1;
        }
        self.stamp += 1;
        self.timed.get_or_insert((self.stamp, now));
        self.active = now;
        let place = self.place(number);
        let sent = &mut self.sent[place];
        sent.stamp = self.stamp;
        let packet = HEAD + usize::from(sent.len) + CHECK;
        Some(Transmission {
            stamp: self.stamp as u8,
            number: number as u16,
            packet: &mut self.packets[place * self.size..][..packet],
        })
    }

    fn place(&self, packet: u64) -> usize {
        (packet % self.sent.len() as u64) as usize
    }
}
