//! A layer below the mux for lines that damage or lose bytes: a reliable stream over a line that is not.
//!
//! Sans-IO, like the mux: bytes that came from the line go into [`Noise::receive`], bytes for the line come from
//! [`Noise::transmit`], and time is what the caller says. The line may damage, lose or insert bytes, but must keep
//! their order, as wires do.
//!
//! # Packets
//! Each is stuffed by COBS (S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
//! Networking 7(2), 1999), so that it holds no zero, and ended by a zero: 2 bytes, and one more for each 254. All
//! numbers are little-endian.
//!
//! | packet | layout (bytes) | |
//! |---|---|---|
//! | hello | `10` `version` `own id` (8) `heard id` (8) `payload` (2) `window` (1) `check` (4) | 25 |
//! | acknowledgement | `2n` `heard` (1) `next` (2) `beyond` (n) `check` (4) | 8 + n |
//! | data | `3n` `heard` (1) `next` (2) `beyond` (n) `stamp` (1) `number` (2) payload `check` (4) | 11 + n + payload |
//!
//! - `check`: CRC-32 (ISO-HDLC, that of Ethernet and zlib) of all before it. In a hello it begins as usual; else its initial
//!   value is the CRC-32 of the sender's id and the receiver's (an implementation that shifts to the right begins with that
//!   figure's bits in reverse): a packet of another session, or one that this end itself sent and the line brought
//!   back, is as good as damaged.
//! - `number`: which packet of the stream; `stamp`: which transmission this is, the first having 1. Both count on
//!   and wrap.
//! - `heard`: the stamp of the latest transmission heard; `next`: the first packet that is lacking; `beyond`:
//!   bit `i` tells whether packet `next + 1 + i` is here, `n` being 0 to 8 bytes, as many as are needed.
//!
//! # How it works
//! - **Session.** Both ends say hello until each knows that the other hears it. The smaller payload and
//!   window of the two hold. A peer that starts anew, or one that is silent for [`NoiseConfig::patience`] while something is
//!   awaited, ends the session ([`NoiseEvent::Down`]); the next one begins by itself.
//! - **Loss.** Packets are kept until they have arrived (selective repeat). As the line keeps order, an
//!   acknowledgement of a transmission settles the fate of all before: what did not arrive is sent again at once. Only where nothing
//!   was sent behind, or acknowledgements were lost, a timer is needed (RFC 6298).
//! - **Acknowledgements** go along with data, or alone after 5 ms, with every second packet, and at once where
//!   something is lacking. An idle line is silent: the mux above has a keep-alive.
//!
//! # Invariants
//! - What is delivered within a session is a prefix of what [`transmit`](Noise::transmit) took, whatever the line does (but for one in
//!   2^32 of the damaged packets: the CRC's limit).
//! - Nothing is delivered, and nothing taken, before [`poll_event`](Noise::poll_event) has told of the session.
//! - All memory is allocated by [`Noise::new`]; whatever comes from the line, it does not grow.
//! - An acknowledgement of what was never sent, or a packet beyond the window, is as good as damaged.

mod cobs;
mod config;
mod line;
mod packet;
mod receiver;
mod rtt;
mod sender;
mod session;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

pub use config::NoiseConfig;

use line::{Unstuffer, stuffed_len};
use packet::{CHECK, HEAD};
use session::Session;

/// What happened on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoiseEvent {
    /// Both ends hear each other: the stream begins.
    Up,
    /// The stream is broken off: the peer started anew or is silent, or the line went down.
    Down,
    /// The other end speaks another version. It is asked again now and then: it may be replaced.
    Version {
        /// Its version.
        theirs: u8,
    },
    /// What is sent comes back: the line is looped, or both ends have the same seed.
    Loop,
}

/// A reliable stream of bytes over a line that is not.
pub struct Noise {
    session: Session,
    line: Unstuffer,
    /// A packet that did not fit into the caller's buffer, and which part of it has still to go.
    staged: Box<[u8]>,
    staged_at: usize,
    staged_end: usize,
}

impl Noise {
    /// An end whose line is down. `seed` must be a number that no other run of either end's program has used (from
    /// the system's random numbers, say): session ids are made from it.
    pub fn new(config: NoiseConfig, seed: u64) -> Noise {
        let config = config.within_range();
        let packet = HEAD + usize::from(config.payload) + CHECK;
        Noise {
            session: Session::new(config, seed),
            line: Unstuffer::new(packet),
            staged: vec![0; stuffed_len(packet)].into_boxed_slice(),
            staged_at: 0,
            staged_end: 0,
        }
    }

    /// The line is there: a session is to begin. If one is under way, it ends.
    pub fn link_up(&mut self, now: Duration) {
        self.drop_line();
        self.session.link_up(now);
    }

    /// The line is gone: the session is over, and nothing is sent or received until [`link_up`](Self::link_up).
    pub fn link_down(&mut self) {
        self.drop_line();
        self.session.link_down();
    }

    fn drop_line(&mut self) {
        self.line.reset();
        self.staged_at = 0;
        self.staged_end = 0;
    }

    /// Takes bytes from the line, all of them, cut anywhere; `deliver` is given those of the stream, in order.
    /// Nothing is delivered before [`poll_event`](Self::poll_event) has told of [`NoiseEvent::Up`]: what
    /// arrives before will arrive once more.
    pub fn receive(&mut self, now: Duration, bytes: &[u8], deliver: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(packet) = self.line.next(&mut rest) {
            self.session.packet(now, packet, deliver);
        }
    }

    /// Puts what is to be sent into `out`; returns how many bytes. Zero: nothing is to be sent until something is
    /// received, or `fill` has more, or the deadline has come. To be called after every [`receive`](Self::receive).
    ///
    /// `fill` is asked for more of the stream at the last moment, when a packet can be sent; it says how many bytes it has
    /// put into its buffer. It is not asked before [`poll_event`](Self::poll_event) has told of [`NoiseEvent::Up`].
    ///
    /// `out` may have any size. With room for several packets, fewer calls are needed; where a packet
    /// does not fit, the next calls give its rest.
    pub fn transmit(
        &mut self,
        now: Duration,
        out: &mut [u8],
        fill: &mut dyn FnMut(&mut [u8]) -> usize,
    ) -> usize {
        self.session.tick(now);
        let mut len = self.unload(out);
        while self.staged_at == self.staged_end {
            let room = &mut out[len..];
            if room.len() >= self.staged.len() {
                let n = self.session.transmit(now, room, fill);
                if n == 0 {
                    break;
                }
                len += n;
            } else if len == 0 && !room.is_empty() {
                self.staged_end = self.session.transmit(now, &mut self.staged, fill);
                self.staged_at = 0;
                len = self.unload(out);
                break;
            } else {
                break;
            }
        }
        len
    }

    /// Puts what is left of the staged packet into `out`.
    fn unload(&mut self, out: &mut [u8]) -> usize {
        let left = &self.staged[self.staged_at..self.staged_end];
        let n = left.len().min(out.len());
        out[..n].copy_from_slice(&left[..n]);
        self.staged_at += n;
        n
    }

    /// When [`transmit`](Self::transmit) is to be called although nothing else happens; `None`: never.
    pub fn deadline(&self) -> Option<Duration> {
        self.session.deadline()
    }

    /// What happened. To be asked after every [`receive`](Self::receive) and [`transmit`](Self::transmit), until
    /// there is nothing. A session that came and went between two calls is not told of.
    pub fn poll_event(&mut self) -> Option<NoiseEvent> {
        self.session.poll_event()
    }

    /// Whether a session is established and the caller knows.
    pub(crate) fn is_open(&self) -> bool {
        self.session.is_open()
    }

    /// Whether `fill` would not be asked for anything now.
    pub(crate) fn is_full(&self) -> bool {
        self.session.is_full()
    }

    /// How many packets were sent, and how many of them are known to have arrived, or will never do so.
    pub(crate) fn position(&self) -> (u64, u64) {
        self.session.position()
    }

    /// Whether everything that was sent is known to have arrived, and the other end has been told of what arrived
    /// here.
    pub fn is_settled(&self) -> bool {
        self.staged_at == self.staged_end && self.session.is_settled()
    }
}
