//! One end twice: what a line brings comes to the one whole and to the other in pieces. They must not differ.

use std::time::Duration;

use link_mux::Noise;
use link_mux::noise::{NoiseConfig, NoiseEvent};

use crate::input::cuts;

/// More than any packet.
const ROOM: usize = 5000;

pub struct Twins {
    ends: [Noise; 2],
    cut: [u8; 4],
    /// What was delivered, all told.
    pub received: Vec<u8>,
    /// Bytes of the stream that have left, all told.
    pub sent: u64,
}

/// The stream that such an end sends: with many zeros, then with none for longer than they are stuffed at once.
pub fn content(seed: u64, at: u64) -> u8 {
    let byte = (at.wrapping_mul(29) ^ (at >> 8) ^ seed) as u8;
    match at & 512 {
        0 if at.is_multiple_of(5) => 0,
        0 => byte,
        _ => byte | 1,
    }
}

impl Twins {
    pub fn new(config: &NoiseConfig, seed: u64, cut: [u8; 4]) -> Self {
        Twins {
            ends: [0, 1].map(|_| Noise::new(config.clone(), seed)),
            cut,
            received: Vec::new(),
            sent: 0,
        }
    }

    fn both<T: PartialEq + std::fmt::Debug>(&mut self, mut call: impl FnMut(&mut Noise) -> T) -> T {
        let [whole, pieces] = &mut self.ends;
        let (whole, pieces) = (call(whole), call(pieces));
        assert_eq!(whole, pieces);
        whole
    }

    pub fn link_up(&mut self, now: Duration) {
        self.both(|end| end.link_up(now));
    }

    pub fn link_down(&mut self) {
        self.both(Noise::link_down);
    }

    /// The line brings this.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        let mut delivered = [Vec::new(), Vec::new()];
        self.ends[0].receive(now, bytes, &mut |bytes| delivered[0].extend(bytes));
        let (mut rest, mut lengths) = (bytes, cuts(self.cut));
        while !rest.is_empty() {
            let n = lengths.next().unwrap_or(1).min(rest.len());
            let (piece, later) = rest.split_at(n);
            self.ends[1].receive(now, piece, &mut |bytes| delivered[1].extend(bytes));
            rest = later;
        }
        assert_eq!(delivered[0], delivered[1], "cut or not");
        self.received.extend_from_slice(&delivered[0]);
    }

    /// What goes to the line: up to `room` bytes at once, of a stream with `more` bytes to send.
    pub fn transmit(&mut self, now: Duration, room: usize, seed: u64, more: u64) -> Vec<u8> {
        let sent = self.sent;
        let (out, n) = self.both(|end| {
            let (mut out, mut at) = ([0; ROOM], sent);
            let n = end.transmit(now, &mut out[..room.min(ROOM)], &mut |room| {
                let n = room.len().min((sent + more - at) as usize);
                room.iter_mut().take(n).for_each(|byte| {
                    *byte = content(seed, at);
                    at += 1;
                });
                n
            });
            (out[..n].to_vec(), at - sent)
        });
        self.sent += n;
        out
    }

    pub fn deadline(&mut self) -> Option<Duration> {
        self.both(|end| end.deadline())
    }

    pub fn is_settled(&mut self) -> bool {
        self.both(|end| end.is_settled())
    }

    pub fn event(&mut self) -> Option<NoiseEvent> {
        self.both(Noise::poll_event)
    }
}
