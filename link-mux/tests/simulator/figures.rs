//! What a run was made of, and what it has in common with its replay.

use std::fmt;

use crate::rng::mix;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub runs: u64,
    pub noisy: u64,
    /// Virtual seconds.
    pub seconds: u64,
    /// Moments at which something happened.
    pub steps: u64,
    /// Calls of `transmit` for which a deadline was the only reason.
    pub wakeups: u64,
    /// Calls of `transmit` that gave something.
    pub transmissions: u64,
    /// Bytes that applications read.
    pub read: u64,
    /// Bytes that lines carried, and how many of them were damaged.
    pub carried: u64,
    pub damages: u64,
    pub sessions: u64,
    pub restarts: u64,
    pub cuts: u64,
    pub outages: u64,
    pub opened: u64,
    pub accepted: u64,
    pub closed: u64,
    pub refused: u64,
    pub withdrawn: u64,
    pub lost: u64,
    pub killed: u64,
    pub aborts: u64,
    pub limits: u64,
    pub receipts: u64,
    /// The longest wait of a direction, in percent of what is allowed.
    pub longest_wait: u64,
    /// Of everything that happened, in order.
    pub trace: u64,
}

impl Figures {
    pub fn note(&mut self, word: u64) {
        self.trace = mix(self.trace ^ word).wrapping_add(word);
    }

    pub fn note_bytes(&mut self, bytes: &[u8]) {
        self.note(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.note(u64::from_le_bytes(word));
        }
    }

    pub fn add(&mut self, other: &Figures) {
        self.runs += other.runs;
        self.noisy += other.noisy;
        self.seconds += other.seconds;
        self.steps += other.steps;
        self.wakeups += other.wakeups;
        self.transmissions += other.transmissions;
        self.read += other.read;
        self.carried += other.carried;
        self.damages += other.damages;
        self.sessions += other.sessions;
        self.restarts += other.restarts;
        self.cuts += other.cuts;
        self.outages += other.outages;
        self.opened += other.opened;
        self.accepted += other.accepted;
        self.closed += other.closed;
        self.refused += other.refused;
        self.withdrawn += other.withdrawn;
        self.lost += other.lost;
        self.killed += other.killed;
        self.aborts += other.aborts;
        self.limits += other.limits;
        self.receipts += other.receipts;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.trace ^= other.trace;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("seeds", self.runs),
            ("  with the noise layer", self.noisy),
            ("virtual seconds", self.seconds),
            ("moments at which something happens", self.steps),
            ("wake-ups by deadlines alone", self.wakeups),
            ("transmissions", self.transmissions),
            ("bytes read by applications", self.read),
            ("bytes carried by lines", self.carried),
            ("  damaged", self.damages),
            ("sessions, of both ends", self.sessions),
            ("restarts of an end", self.restarts),
            ("cuts", self.cuts),
            ("outages", self.outages),
            ("channels opened", self.opened),
            ("  accepted", self.accepted),
            ("  refused", self.refused),
            ("  withdrawn", self.withdrawn),
            ("  kept back by a limit", self.limits),
            ("ends of channels closed", self.closed),
            ("  lost with a session", self.lost),
            ("  killed with their program", self.killed),
            ("streams seen aborted", self.aborts),
            ("receipts checked", self.receipts),
            ("longest wait, % of the bound", self.longest_wait),
        ];
        for (what, count) in rows {
            writeln!(f, "{what:<36} {count:>14}")?;
        }
        write!(f, "{:<36} {:>14x}", "trace", self.trace)
    }
}
