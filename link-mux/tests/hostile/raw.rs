//! The other end of a link, written by hand after the documented layout of frames: it says what it likes.

use std::time::Duration;

use crc::{CRC_16_IBM_SDLC, CRC_32_ISO_HDLC, Crc};
use link_mux::{ChannelId, Config, DownReason, Event, Mux};

use crate::support::{NOW, Shared, queues};

pub const OPEN: u8 = 1;
pub const CREDIT: u8 = 2;
pub const REFUSE: u8 = 3;
pub const DATA: u8 = 4;
pub const FIN: u8 = 5;
pub const STOP: u8 = 6;
pub const PING: u8 = 7;
pub const HELLO: u8 = 0xF7;

/// Its id: larger than the other end's, so that its channels have odd numbers.
const OWN: u64 = u64::MAX;

/// A mux, and whoever speaks with it.
pub struct Raw {
    pub mux: Mux<Shared>,
    pub now: Duration,
    /// What frames are mixed with.
    tag: u16,
    restarts: u64,
}

impl Raw {
    /// The mux's link is up, and nothing has been said to it.
    pub fn new(config: Config) -> Raw {
        let mut mux = Mux::new(config, 1).expect("limits that can be kept");
        mux.link_up(NOW);
        Raw {
            mux,
            now: NOW,
            tag: 0,
            restarts: 0,
        }
    }

    /// There is a session.
    pub fn up(config: Config) -> Raw {
        let mut raw = Raw::new(config);
        raw.greet();
        raw
    }

    /// Answers the mux's hello: a session begins.
    pub fn greet(&mut self) {
        let mut said = self.hear();
        if said.is_empty() {
            self.now = self.mux.deadline().expect("it says hello again");
            said = self.hear();
        }
        let hello = said.rchunks_exact(40).next().expect("it says hello");
        assert_eq!(hello[0], HELLO);
        let theirs = u64::from_be_bytes(hello[8..16].try_into().expect("eight bytes"));
        let own = OWN - self.restarts;
        self.restarts += 1;
        self.say(&Hello::new(own, theirs).bytes());
        assert!(matches!(self.mux.poll_event(), Some(Event::Up(_))));
        let mixed = own ^ theirs.rotate_left(17);
        let folded = mixed ^ (mixed >> 32);
        self.tag = (folded ^ (folded >> 16)) as u16;
        self.hear();
    }

    /// All that the mux has to say now.
    pub fn hear(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut out = [0; 4096];
        loop {
            match self.mux.transmit(self.now, &mut out) {
                0 => return all,
                n => all.extend_from_slice(&out[..n]),
            }
        }
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.mux.receive(self.now, bytes);
    }

    /// The bytes of a frame of this session.
    pub fn frame(&self, kind: u8, flags: u8, channel: u16, body: &[u8]) -> Vec<u8> {
        frame(self.tag, kind, flags, channel, body)
    }

    pub fn say_frame(&mut self, kind: u8, channel: u16, body: &[u8]) {
        let bytes = self.frame(kind, 0, channel, body);
        self.say(&bytes);
    }

    /// Opens a channel that may be sent `window` bytes, and has it accepted with a buffer of `inbound` bytes.
    pub fn open(&mut self, channel: u16, window: u32, inbound: u32) -> (ChannelId, Shared) {
        self.say_frame(OPEN, channel, &window.to_be_bytes());
        let Some(Event::Incoming(id)) = self.mux.poll_event() else {
            panic!("it was opened");
        };
        let shared = queues(inbound, 1000);
        assert!(self.mux.accept(id, shared.clone()).is_ok());
        self.hear();
        (id, shared)
    }

    /// The session has ended because of a violation, and everything that belonged to it is gone.
    pub fn is_broken(&mut self) -> &'static str {
        let why = match self.mux.poll_event() {
            Some(Event::Down(DownReason::Violation(why))) => why,
            other => panic!("no violation, but {other:?}"),
        };
        assert_eq!(self.mux.poll_event(), None);
        assert_eq!(self.mux.channels(), 0);
        assert!(!self.mux.is_up());
        why
    }

    pub fn is_well(&mut self) {
        self.say_frame(PING, 0, &[]);
        assert_eq!(self.mux.poll_event(), None);
        assert!(self.mux.is_up());
    }
}

pub fn frame(tag: u16, kind: u8, flags: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let [c0, c1] = channel.to_be_bytes();
    let [l0, l1] = (body.len() as u16).to_be_bytes();
    let mut bytes = vec![kind, flags, c0, c1, l0, l1];
    let check = Crc::<u16>::new(&CRC_16_IBM_SDLC).checksum(&bytes) ^ tag;
    bytes.extend(check.to_be_bytes());
    bytes.extend(body);
    bytes
}

pub struct Hello {
    pub version: u8,
    pub own: u64,
    pub heard: u64,
    pub max_frame: u32,
    pub max_channels: u16,
    pub keep_alive: u32,
    /// What a later version adds.
    pub more: usize,
}

impl Hello {
    pub fn new(own: u64, heard: u64) -> Hello {
        Hello {
            version: 0x10,
            own,
            heard,
            max_frame: 1024,
            max_channels: 10,
            keep_alive: 0,
            more: 0,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(self.own.to_be_bytes());
        body.extend(self.heard.to_be_bytes());
        body.extend(self.max_frame.to_be_bytes());
        body.extend(self.max_channels.to_be_bytes());
        body.extend([0; 2]);
        body.extend(self.keep_alive.to_be_bytes());
        body.resize(body.len() + self.more, 0xAA);
        // Room for the check, which the head's length counts.
        body.extend([0; 4]);
        let mut bytes = frame(0, HELLO, self.version, 0x6C6D, &body);
        let end = bytes.len() - 4;
        let check = Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(&bytes[..end]);
        bytes[end..].copy_from_slice(&check.to_be_bytes());
        bytes
    }
}
