//! What can go wrong in a handshake.

use alloc::format;
use alloc::string::ToString;

use super::{MAX_MESSAGE, MAX_TEXT, Refusal, Refused, Version};

/// What went wrong in a handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelloError {
    /// The peer does not speak our handshake: a wrong byte where every message of ours has
    /// the same one.
    #[error(
        "the peer does not speak our handshake (byte {at} is {found:#04x}); if it is somebody \
         else's program, use a plain endpoint, as in `tcp+plain://box:7000`"
    )]
    NotOurs {
        /// Which byte of the message, from 0.
        at: usize,
        /// What it was.
        found: u8,
    },
    /// The major versions differ.
    #[error(
        "the peer speaks version {theirs}, this end version {ours}: update the older of the two"
    )]
    VersionMismatch {
        /// Ours.
        ours: Version,
        /// The peer's.
        theirs: Version,
    },
    /// A message that cannot come at this point of the handshake, or a kind that does not
    /// exist.
    #[error("message of kind {kind} where {expected} had to come")]
    Unexpected {
        /// The kind that came.
        kind: u8,
        /// What had to come.
        expected: &'static str,
    },
    /// The peer announced a message longer than [`MAX_MESSAGE`]. None of its body was read.
    #[error("a message of {len} bytes was announced, the limit is {MAX_MESSAGE}")]
    TooLong {
        /// Its whole length in bytes.
        len: usize,
    },
    /// The body is shorter than what it must hold, or a name is not UTF-8.
    #[error("malformed message: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The stream ended inside a message.
    #[error("the stream ended {got} bytes into a message of the handshake")]
    Truncated {
        /// How many bytes of the message had arrived.
        got: usize,
    },
    /// A name to be sent is longer than [`MAX_TEXT`].
    #[error("a broker name of {len} bytes cannot be sent, the limit is {MAX_TEXT}")]
    TextTooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl HelloError {
    /// What an acceptor answers to a connector whose hello failed like this. `None`: nothing,
    /// because the peer would not understand it, or is gone.
    pub fn refusal(&self) -> Option<Refused> {
        let (reason, message) = match self {
            Self::VersionMismatch { ours, theirs } => (
                Refusal::VersionMismatch,
                // Our own sentence says "this end", and this one is read at the other.
                format!(
                    "the acceptor speaks version {ours}, the connector version {theirs}: update \
                     the older of the two"
                ),
            ),
            Self::TooLong { .. } => (Refusal::Limit, self.to_string()),
            Self::Malformed { .. } | Self::Unexpected { .. } => {
                (Refusal::Malformed, self.to_string())
            }
            Self::NotOurs { .. } | Self::Truncated { .. } | Self::TextTooLong { .. } => {
                return None;
            }
        };
        Some(Refused::new(reason, message))
    }
}
