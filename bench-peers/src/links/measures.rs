//! What the ways to share a link are measured at.

use super::Muxed;
use crate::measure::{Sample, Watch};
use crate::rings::pattern;
use std::hint::black_box;
use std::ops::Range;

/// Bytes after which every channel's stream repeats itself.
const PERIOD: usize = 4096;

/// As much a channel is tried with, every byte being looked at.
const TRIED: u64 = 512 * 1024;

/// The streams of a pair: how far each is written and read.
pub struct Streams<M> {
    muxed: M,
    source: Vec<u8>,
    out: Vec<u8>,
    written: Vec<u64>,
    read: Vec<u64>,
    ready: Vec<u32>,
    /// Whether every byte is looked at, instead of the first and the last of each read.
    strict: bool,
}

impl<M: Muxed> Streams<M> {
    /// Streams on all channels, that are written and read `size` bytes at a time. They were tried.
    pub fn new(channels: usize, size: usize) -> Self {
        let mut streams = Self::fresh(channels, size);
        streams.stream(channels, channels as u64 * TRIED);
        streams.messages(20 * channels as u64, 1);
        streams.strict = false;
        streams
    }

    /// The same, without a trial. Every byte will be looked at.
    pub fn fresh(channels: usize, size: usize) -> Self {
        let once = pattern(PERIOD);
        Streams {
            muxed: M::pair(channels),
            source: once.iter().copied().cycle().take(PERIOD + size).collect(),
            out: vec![0; size],
            written: vec![0; channels],
            read: vec![0; channels],
            ready: Vec::new(),
            strict: true,
        }
    }

    fn write(&mut self, channel: usize, most: u64) -> usize {
        let at = self.written[channel] as usize % PERIOD;
        let size = most.min(self.out.len() as u64) as usize;
        let n = self
            .muxed
            .write(channel, black_box(&self.source[at..at + size]));
        self.written[channel] += n as u64;
        n
    }

    fn read(&mut self, channel: usize) -> usize {
        let n = self.muxed.read(channel, &mut self.out);
        let Some(last) = n.checked_sub(1) else {
            return 0;
        };
        let at = self.read[channel] as usize % PERIOD;
        let (out, source) = (black_box(&self.out), &self.source[at..]);
        let same = match self.strict {
            true => out[..n] == source[..n],
            false => out[0] == source[0] && out[last] == source[last],
        };
        assert!(same, "not what was sent");
        self.read[channel] += n as u64;
        n
    }

    /// Reads all that is there; returns how much it was.
    fn drain(&mut self) -> u64 {
        let mut all = 0;
        let mut ready = std::mem::take(&mut self.ready);
        self.muxed.notes().take_readable(&mut ready);
        for channel in &ready {
            loop {
                match self.read(*channel as usize) {
                    0 => break,
                    n => all += n as u64,
                }
            }
        }
        self.ready = ready;
        all
    }

    /// So many bytes on each of the first channels of whatever number, all of them written as fast as they are taken.
    pub fn stream(&mut self, busy: usize, amount: u64) -> Sample {
        let each = amount / busy as u64;
        let ends: Vec<u64> = self.written.iter().map(|written| written + each).collect();
        let mut left = each * busy as u64;
        let mut ready = Vec::new();
        self.muxed.notes().take_writable(&mut ready);
        ready = (0..busy as u32).collect();
        let watch = Watch::start();
        loop {
            for channel in &ready {
                let channel = *channel as usize;
                while self.written[channel] < ends[channel] {
                    let most = ends[channel] - self.written[channel];
                    if self.write(channel, most) == 0 {
                        break;
                    }
                }
            }
            self.muxed.pump();
            left -= self.drain();
            if left == 0 {
                break;
            }
            self.muxed.notes().take_writable(&mut ready);
        }
        watch.stop()
    }

    /// So many messages of the size that was chosen, `batch` of them on one channel after the other.
    pub fn messages(&mut self, amount: u64, batch: usize) -> Sample {
        let size = self.out.len() as u64;
        let channels = self.muxed.channels();
        let mut left = amount * size;
        let mut unsent = amount;
        let watch = Watch::start();
        while left > 0 {
            for channel in 0..channels {
                for _ in 0..batch {
                    if unsent == 0 {
                        break;
                    }
                    let mut rest = size;
                    while rest > 0 {
                        let n = self.write(channel, rest) as u64;
                        rest -= n;
                        if n == 0 {
                            self.muxed.pump();
                            left -= self.drain();
                        }
                    }
                    unsent -= 1;
                }
            }
            self.muxed.pump();
            left -= self.drain();
        }
        watch.stop()
    }

    /// Fills channels that nobody reads; says how much they took.
    pub fn stall(&mut self, channels: Range<usize>) -> u64 {
        // Both ends have said all they know after as many exchanges.
        const QUIET: usize = 100;
        let (mut all, mut quiet) = (0, 0);
        while quiet < QUIET {
            let before = all;
            for channel in channels.clone() {
                loop {
                    match self.write(channel, u64::MAX) {
                        0 => break,
                        n => all += n as u64,
                    }
                }
            }
            self.muxed.pump();
            quiet = if all == before { quiet + 1 } else { 0 };
        }
        let mut notes = Vec::new();
        self.muxed.notes().take_readable(&mut notes);
        self.muxed.notes().take_writable(&mut notes);
        all
    }

    /// Reads all that channels hold.
    pub fn recover(&mut self) {
        while self.read != self.written {
            for channel in 0..self.read.len() {
                while self.read(channel) > 0 {}
            }
            self.muxed.pump();
        }
    }
}
