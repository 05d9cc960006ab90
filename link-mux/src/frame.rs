//! The layout of frames. Everything is big-endian.
//!
//! ```text
//! 0      1       2         4        6       8
//! | kind | flags | channel | length | check | body (`length` bytes)
//!
//! OPEN    1  window u32                 a channel of the sender's; how much it can receive
//! CREDIT  2  limit u64                  so many bytes of the channel may be sent in all; the first one accepts it
//! REFUSE  3  reason u8                  the channel is not to be
//! DATA    4  bytes
//! FIN     5  nothing        ABORTED     the sender's stream ends here
//! STOP    6  read u64       ABORTED     the sender's application has read so far, and reads no more
//! PING    7  nothing                    the sender is there
//! HELLO 247  own u64, heard u64, max_frame u32, max_channels u16, up u16, keep_alive u32 (ms), check u32
//! ```
//!
//! The lowest bit of a channel's number says whose it is: 1 for those that the end with the larger session id has
//! opened. The check of a head is its CRC-16, mixed with the ids of the session: a frame of another session is
//! recognised. A body has no check: the link below keeps every byte, or has one (see [`noise`](crate::noise)).
//!
//! **Versions.** In a HELLO, flags is the sender's version, the major one in the high half, and channel is a magic number. That, the two ids
//! at the beginning of its body and the CRC-32 of the whole at its end are the same in all versions, for ever; a later minor version
//! may add something before the last check, to bodies of 120 bytes at most. Ends of different major versions do not talk.
//!
//! The lowest bit of `up` is 1 if the sender is in a session with the end that it has heard. One that is not has not
//! heard, or has lost, the other end's hello: it is answered even if the other end is in a session with it already.

#[cfg(test)]
mod tests;

use crc::{CRC_16_IBM_SDLC, CRC_32_ISO_HDLC, Crc, Table};

use crate::greeting::Ids;

/// Bytes before a body.
pub(crate) const HEAD: usize = 8;
/// The version that this code speaks, `major << 4 | minor`.
pub(crate) const VERSION: u8 = 0x10;
/// A flag of FIN and STOP: it was no orderly end.
pub(crate) const ABORTED: u8 = 1;

/// In the place of a channel's number in a HELLO: with its kind and the check, it is what a session's start is found by.
const MAGIC: u16 = 0x6C6D;
/// The body of a HELLO of this version.
pub(crate) const HELLO_BODY: usize = 32;
/// The shortest body of a HELLO: what is fixed for ever.
const LEAST_HELLO_BODY: usize = 20;
/// The longest body of any frame but DATA, also of later versions: such bodies are collected.
pub(crate) const MOST_COLLECTED: usize = 120;

static CRC16: Crc<u16, Table<1>> = Crc::<u16, Table<1>>::new(&CRC_16_IBM_SDLC);
static CRC32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Open = 1,
    Credit = 2,
    Refuse = 3,
    Data = 4,
    Fin = 5,
    Stop = 6,
    Ping = 7,
    Hello = 0xF7,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Open,
            2 => Kind::Credit,
            3 => Kind::Refuse,
            4 => Kind::Data,
            5 => Kind::Fin,
            6 => Kind::Stop,
            7 => Kind::Ping,
            0xF7 => Kind::Hello,
            _ => return None,
        })
    }

    /// Whether a body may have that length.
    fn fits(self, length: usize) -> bool {
        match self {
            Kind::Open => length == 4,
            Kind::Credit | Kind::Stop => length == 8,
            Kind::Refuse => length == 1,
            Kind::Data => length > 0,
            Kind::Fin | Kind::Ping => length == 0,
            Kind::Hello => (LEAST_HELLO_BODY..=MOST_COLLECTED).contains(&length),
        }
    }
}

/// What all checks of one direction of one session are mixed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tag(u16);

impl Tag {
    /// For frames from the end with the id `from` to the one with the id `to`.
    pub(crate) fn new(from: u64, to: u64) -> Tag {
        let mixed = from ^ to.rotate_left(17);
        let folded = mixed ^ (mixed >> 32);
        Tag((folded ^ (folded >> 16)) as u16)
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub kind: Kind,
    pub flags: u8,
    pub channel: u16,
    pub length: u16,
}

impl Head {
    pub(crate) fn new(kind: Kind, channel: u16, length: usize) -> Head {
        debug_assert!(kind.fits(length) && length <= usize::from(u16::MAX));
        Head {
            kind,
            flags: 0,
            channel,
            length: length as u16,
        }
    }

    pub(crate) fn flagged(mut self, flags: u8) -> Head {
        self.flags = flags;
        self
    }

    pub(crate) fn bytes(self, tag: Tag) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[0] = self.kind as u8;
        bytes[1] = self.flags;
        bytes[2..4].copy_from_slice(&self.channel.to_be_bytes());
        bytes[4..6].copy_from_slice(&self.length.to_be_bytes());
        let check = check(&bytes, self.tag(tag));
        bytes[6..].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    /// A HELLO is understood without a session.
    fn tag(self, tag: Tag) -> Tag {
        match self.kind {
            Kind::Hello => Tag::default(),
            _ => tag,
        }
    }

    /// Reads a head. `None`: this is none.
    pub(crate) fn parse(bytes: &[u8; HEAD], tag: Tag) -> Option<Head> {
        let head = Head {
            kind: Kind::of(bytes[0])?,
            flags: bytes[1],
            channel: u16::from_be_bytes([bytes[2], bytes[3]]),
            length: u16::from_be_bytes([bytes[4], bytes[5]]),
        };
        let said = u16::from_be_bytes([bytes[6], bytes[7]]);
        let right = check(bytes, head.tag(tag)) == said
            && head.kind.fits(usize::from(head.length))
            && (head.kind != Kind::Hello || head.channel == MAGIC);
        right.then_some(head)
    }
}

fn check(head: &[u8; HEAD], tag: Tag) -> u16 {
    CRC16.checksum(&head[..6]) ^ tag.0
}

/// What an end says of itself when a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub version: u8,
    pub ids: Ids,
    pub max_frame: u32,
    pub max_channels: u16,
    /// The sender is in a session with the other end. One that is not waits for the other end's hello.
    pub up: bool,
    /// In milliseconds; 0: none.
    pub keep_alive: u32,
}

impl Hello {
    pub(crate) fn is_understood(&self) -> bool {
        self.version >> 4 == VERSION >> 4
    }

    pub(crate) fn bytes(&self) -> [u8; HEAD + HELLO_BODY] {
        let mut bytes = [0; HEAD + HELLO_BODY];
        let head = Head::new(Kind::Hello, MAGIC, HELLO_BODY).flagged(self.version);
        bytes[..8].copy_from_slice(&head.bytes(Tag::default()));
        bytes[8..16].copy_from_slice(&self.ids.own.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.ids.heard.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.max_frame.to_be_bytes());
        bytes[28..30].copy_from_slice(&self.max_channels.to_be_bytes());
        bytes[30..32].copy_from_slice(&u16::from(self.up).to_be_bytes());
        bytes[32..36].copy_from_slice(&self.keep_alive.to_be_bytes());
        let check = CRC32.checksum(&bytes[..36]);
        bytes[36..].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    /// Reads a whole HELLO, head and body. `None`: this is none, or a damaged one. What a version that is not understood
    /// says beyond its ids is left out.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Hello> {
        let head = Head::parse(bytes.first_chunk()?, Tag::default())?;
        let (said, check) = bytes.split_last_chunk::<4>()?;
        if CRC32.checksum(said) != u32::from_be_bytes(*check) {
            return None;
        }
        let mut hello = Hello {
            version: head.flags,
            ids: Ids {
                own: u64_at(said, 8)?,
                heard: u64_at(said, 16)?,
            },
            max_frame: 0,
            max_channels: 0,
            up: false,
            keep_alive: 0,
        };
        if hello.is_understood() {
            hello.max_frame = u32_at(said, 24)?;
            hello.max_channels = u16_at(said, 28)?;
            hello.up = u16_at(said, 30)? & 1 == 1;
            hello.keep_alive = u32_at(said, 32)?;
        }
        Some(hello)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Finds a HELLO in whatever a link carries before a session, without ever holding more than one.
#[derive(Default)]
pub(crate) struct Hunt {
    held: alloc::vec::Vec<u8>,
}

impl Hunt {
    /// What was taken behind a HELLO: that can be, if it lay in what looked like the beginning of a longer one.
    pub(crate) fn rest(&mut self) -> alloc::vec::Vec<u8> {
        core::mem::take(&mut self.held)
    }

    /// Takes bytes, and returns how many. They are all that were there, unless a HELLO was found.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Hello>) {
        let mut taken = 0;
        loop {
            // What cannot begin a HELLO is dropped.
            let wanted = loop {
                match self.wanted() {
                    Some(wanted) => break wanted,
                    None => {
                        self.held.remove(0);
                    }
                }
            };
            if self.held.len() >= wanted {
                let hello = Hello::parse(&self.held[..wanted]);
                self.held.drain(..if hello.is_some() { wanted } else { 1 });
                if hello.is_some() {
                    return (taken, hello);
                }
                continue;
            }
            let mut rest = &bytes[taken..];
            if self.held.is_empty() {
                // Most of what is stale is passed over here.
                let here = rest.iter().position(|&byte| byte == Kind::Hello as u8);
                taken += here.unwrap_or(rest.len());
                rest = &bytes[taken..];
            }
            let n = rest.len().min(wanted - self.held.len());
            if n == 0 {
                return (taken, None);
            }
            self.held.extend_from_slice(&rest[..n]);
            taken += n;
        }
    }

    /// How many bytes are to be held before it is known whether they are a HELLO. `None`: they are not.
    fn wanted(&self) -> Option<usize> {
        let held = &self.held;
        if held.first().is_some_and(|&byte| byte != Kind::Hello as u8) {
            return None;
        }
        let Some(head) = held.first_chunk() else {
            return Some(HEAD);
        };
        let head = Head::parse(head, Tag::default())?;
        (head.kind == Kind::Hello).then_some(HEAD + usize::from(head.length))
    }
}
