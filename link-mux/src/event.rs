//! What happened, for whoever drives the mux.

use core::fmt;

use crate::mux::ChannelId;

/// What the other end of the link said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The id of its session: another one after each restart.
    pub session: u64,
    /// The largest frame that it takes, in bytes.
    pub max_frame: u32,
    /// How many channels this end may have open at once.
    pub max_channels: u16,
}

/// What happened. Taken by [`Mux::poll_event`](crate::Mux::poll_event), in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session has begun: channels can be opened.
    Up(PeerInfo),
    /// The session is over; all its channels are gone, and [`Stream::lost`](crate::Stream::lost) was called on each.
    /// Unless the link itself is down, the next session is being prepared already.
    Down(DownReason),
    /// The other end speaks another version. It is asked again now and then: it may be replaced.
    Version {
        /// Its version.
        theirs: u8,
    },
    /// What is sent comes back: the line is looped, or both ends are the same program.
    Loop,
    /// The peer opens a channel: to be [accepted](crate::Mux::accept) or [refused](crate::Mux::refuse).
    Incoming(ChannelId),
    /// The peer has accepted a channel that this end opened.
    Accepted(ChannelId),
    /// The peer has refused it; it is gone.
    Refused(ChannelId, Refusal),
    /// Both directions have ended and both ends know; the stream was dropped, and the id may be used again.
    Closed(ChannelId),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// [`Mux::link_down`](crate::Mux::link_down) was called.
    Link,
    /// Nothing was heard for too long.
    Silence,
    /// The peer began another session.
    Restarted,
    /// The peer broke the protocol: in what.
    Violation(&'static str),
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("the link is down"),
            Self::Silence => f.write_str("nothing was heard of the other end for too long"),
            Self::Restarted => f.write_str("the other end has started anew"),
            Self::Violation(what) => write!(f, "the other end broke the protocol: {what}"),
        }
    }
}

/// Why an open was refused by the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody listens there. Wire code 1.
    NobodyListens,
    /// A limit of the other end is reached. Wire code 2.
    Limit,
    /// A reason that a later version added.
    Other(u8),
}

/// Why a channel cannot be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no session.
    Down,
    /// So many channels are open that the other end takes no more.
    Channels {
        /// The limit.
        limit: u16,
    },
    /// The buffers of all channels together would be larger than this end allows.
    Credit {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("the link is down"),
            Self::Channels { limit } => write!(
                f,
                "the other end of the link takes {limit} channels at once, and so many are open"
            ),
            Self::Credit { limit } => write!(
                f,
                "the receive buffers of the link's channels may hold {limit} bytes together; close some, or use smaller ones"
            ),
        }
    }
}

impl core::error::Error for OpenError {}

impl Refusal {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::NobodyListens => 1,
            Self::Limit => 2,
            Self::Other(code) => code,
        }
    }

    pub(crate) fn of(code: u8) -> Self {
        match code {
            1 => Self::NobodyListens,
            2 => Self::Limit,
            code => Self::Other(code),
        }
    }
}
