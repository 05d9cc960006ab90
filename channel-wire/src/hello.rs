//! The handshake of two of our own ends, before the first byte of a channel.
//!
//! ```text
//! connector                         acceptor
//!    | --- HELLO broker, port, ... --> |     who is wanted
//!    | <-- WELCOME ------------------- |     matched   (or REFUSED reason, and the end)
//!    | --- GO -----------------------> |     the channel is open; its bytes follow at once
//! ```
//!
//! A connector that is in a hurry sets [`EAGER`] in its HELLO and lets GO and the first bytes of the
//! channel follow at once; WELCOME or REFUSED comes ahead of the first bytes of the other direction.
//!
//! Every message is a head of 8 bytes and a body:
//!
//! ```text
//! 0      4         5      6            8
//! | magic | version | kind | body length | body (up to 1016 bytes) |
//!
//! HELLO   1   port u16, capacity u32, flags u16, broker (u8 length + UTF-8), from (same)
//! WELCOME 2   capacity u32
//! REFUSED 3   reason u8, message (u8 length + UTF-8)
//! GO      4   nothing
//! ```
//!
//! **Versions.** The high half of the version byte is the major version, the low half the
//! minor one. Ends of the same major version understand each other and speak the lower minor
//! one; others refuse, naming both. A later minor version may add bytes at the end of a body,
//! which an earlier one ignores. The head and the body of REFUSED are the same in all major
//! versions, for ever, so that a refusal can always be read.
//!
//! This module owns the layout and the order of the messages. It never waits, and it never
//! takes a byte past the message it reads: what follows belongs to the channel.

mod decoder;
mod error;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use decoder::{HelloDecoder, Role, Step};
pub use error::HelloError;

/// The first bytes of every message.
///
/// 0xF7 opens no UTF-8 text, no HTTP request and no TLS record, so a stranger is known by
/// the first byte and a line that strips the eighth bit too; the line feed at the end shows a
/// terminal that rewrites line ends.
pub const MAGIC: [u8; 4] = [0xF7, b'c', b'h', b'\n'];

/// Length of a message's head, in bytes.
pub const HEAD_LEN: usize = 8;

/// The longest message, in bytes, head included; a longer one is refused by its head.
///
/// 1 KiB: this is what a stranger can make us hold before we know who it is. Two names of
/// [`MAX_TEXT`] bytes take half of it; the other half is room for later minor versions.
pub const MAX_MESSAGE: usize = 1024;

/// The longest name or explanation, in bytes of UTF-8: what a length of one byte can say.
pub const MAX_TEXT: usize = 255;

/// A flag of HELLO: GO follows at once, without waiting for WELCOME.
pub const EAGER: u16 = 1;

const MAX_BODY: usize = MAX_MESSAGE - HEAD_LEN;

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const REFUSED: u8 = 3;
const GO: u8 = 4;

/// A version of the handshake and of the records after it, `major.minor`, 0.0 to 15.15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u8);

impl Version {
    /// The version that this code speaks.
    pub const CURRENT: Version = Version::new(1, 0);

    /// A version; only the low four bits of each number count.
    pub const fn new(major: u8, minor: u8) -> Self {
        Version((major & 0xF) << 4 | minor & 0xF)
    }

    /// The version in its wire form.
    pub const fn from_byte(byte: u8) -> Self {
        Version(byte)
    }

    /// Its wire form.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The major version: ends with different ones do not understand each other.
    pub const fn major(self) -> u8 {
        self.0 >> 4
    }

    /// The minor version: a higher one only adds.
    pub const fn minor(self) -> u8 {
        self.0 & 0xF
    }

    /// The version that an end of version `self` speaks with an end of version `theirs`: the
    /// lower of the two.
    ///
    /// # Errors
    /// [`HelloError::VersionMismatch`] if the major versions differ.
    pub fn negotiate(self, theirs: Version) -> Result<Version, HelloError> {
        if self.major() == theirs.major() {
            Ok(self.min(theirs))
        } else {
            Err(HelloError::VersionMismatch { ours: self, theirs })
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())
    }
}

/// The connector's first message: whom it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The version that the connector speaks.
    pub version: Version,
    /// The broker's port.
    pub port: u16,
    /// The broker's name, at most [`MAX_TEXT`] bytes; empty means whoever listens here.
    pub broker: String,
    /// The name of the connector's own broker, at most [`MAX_TEXT`] bytes; may be empty. It
    /// is a claim, not an identity: nobody has checked it.
    pub from: String,
    /// The connector's receive buffer, in bytes. For information only; 0 if unknown.
    pub capacity: u32,
    /// [`EAGER`]; the other bits are for later minor versions: send 0, ignore what arrives.
    pub flags: u16,
}

impl Hello {
    /// A hello of this version for a broker's port; the rest is empty.
    pub fn new(broker: impl Into<String>, port: u16) -> Self {
        Hello {
            version: Version::CURRENT,
            port,
            broker: broker.into(),
            from: String::new(),
            capacity: 0,
            flags: 0,
        }
    }
}

/// The acceptor's answer when the connector was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// The version that the acceptor speaks. Same major version as the connector's; both go
    /// on with [`Version::negotiate`] of the two.
    pub version: Version,
    /// The acceptor's receive buffer, in bytes. For information only; 0 if unknown.
    pub capacity: u32,
}

/// The acceptor's answer when there will be no channel. It is the last message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The version that the acceptor speaks; its major version may differ from ours.
    pub version: Version,
    /// Why.
    pub reason: Refusal,
    /// An explanation for people, at most [`MAX_TEXT`] bytes (longer ones are cut when they
    /// are written); may be empty. The peer wrote it: escape it before it reaches a terminal.
    pub message: String,
}

impl Refused {
    /// A refusal of this version.
    pub fn new(reason: Refusal, message: impl Into<String>) -> Self {
        Refused {
            version: Version::CURRENT,
            reason,
            message: message.into(),
        }
    }
}

/// Why a connector was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// No broker of that name is reached here. Wire code 1.
    NoSuchBroker,
    /// The broker was closed. Wire code 2.
    Closed,
    /// The major versions differ; the message names both. Wire code 3.
    VersionMismatch,
    /// A limit of the acceptor is reached: message too long, too many waiting. Wire code 4.
    Limit,
    /// The hello could not be read. Wire code 5.
    Malformed,
    /// A reason that a later version added. The codes 1 to 5 are always read as the reasons
    /// above.
    Other(u8),
}

impl Refusal {
    /// The wire code.
    pub const fn code(self) -> u8 {
        match self {
            Self::NoSuchBroker => 1,
            Self::Closed => 2,
            Self::VersionMismatch => 3,
            Self::Limit => 4,
            Self::Malformed => 5,
            Self::Other(code) => code,
        }
    }

    /// The reason with this wire code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::NoSuchBroker,
            2 => Self::Closed,
            3 => Self::VersionMismatch,
            4 => Self::Limit,
            5 => Self::Malformed,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchBroker => "no such broker",
            Self::Closed => "the broker was closed",
            Self::VersionMismatch => "the versions do not fit",
            Self::Limit => "a limit is reached",
            Self::Malformed => "the hello could not be read",
            Self::Other(code) => return write!(f, "reason {code}"),
        })
    }
}

/// One message of the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Connector: whom it wants.
    Hello(Hello),
    /// Acceptor: matched.
    Welcome(Welcome),
    /// Acceptor: there will be no channel.
    Refused(Refused),
    /// Connector: the channel is open, its bytes follow.
    Go,
}

impl Message {
    /// Appends the message in its wire form. On error `out` is as it was.
    ///
    /// # Errors
    /// [`HelloError::TextTooLong`] if a name in a hello is over [`MAX_TEXT`] bytes.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), HelloError> {
        let start = out.len();
        let (version, kind) = match self {
            Self::Hello(m) => (m.version, HELLO),
            Self::Welcome(m) => (m.version, WELCOME),
            Self::Refused(m) => (m.version, REFUSED),
            Self::Go => (Version::CURRENT, GO),
        };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[version.byte(), kind, 0, 0]);
        let body = match self {
            Self::Hello(m) => encode_hello(m, out),
            Self::Welcome(m) => {
                out.extend_from_slice(&m.capacity.to_be_bytes());
                Ok(())
            }
            Self::Refused(m) => {
                out.push(m.reason.code());
                // An explanation is cut and not refused: a refusal must always leave.
                put_text(out, &m.message[..m.message.floor_char_boundary(MAX_TEXT)])
            }
            Self::Go => Ok(()),
        };
        if let Err(e) = body {
            out.truncate(start);
            return Err(e);
        }
        // At most 8 + 2 * 256 bytes: no body comes near 64 KiB.
        let len = (out.len() - start - HEAD_LEN) as u16;
        out[start + 6..start + HEAD_LEN].copy_from_slice(&len.to_be_bytes());
        Ok(())
    }
}

fn encode_hello(m: &Hello, out: &mut Vec<u8>) -> Result<(), HelloError> {
    out.extend_from_slice(&m.port.to_be_bytes());
    out.extend_from_slice(&m.capacity.to_be_bytes());
    out.extend_from_slice(&m.flags.to_be_bytes());
    put_text(out, &m.broker)?;
    put_text(out, &m.from)
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), HelloError> {
    let len = u8::try_from(text.len()).map_err(|_| HelloError::TextTooLong { len: text.len() })?;
    out.push(len);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}
