//! How many transfers a link has in flight, how large they are, and how they end.

/// How the endpoints are used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queue {
    /// Transfers in flight each way, at least 1. Default 16.
    pub transfers: usize,
    /// Bytes of a transfer, rounded up to whole packets. Default 16 KiB. So much memory is taken, times
    /// `transfers`, for each direction.
    pub bytes: usize,
    /// How the other end sees that a transfer is over.
    pub ends: Ends,
    /// Each transfer ends with its number and length, so that a hole in what was received is seen, and ends the link:
    /// bytes of a transfer that failed may be missing, and those that were queued behind it have come. It costs 8 bytes
    /// a transfer; both ends have it, or neither, and buffers that together hold a transfer of the other end's;
    /// [`ends`](Queue::ends) is [`Ends::Short`] then. Default: no.
    pub numbered: bool,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            transfers: 16,
            bytes: 16 * 1024,
            ends: Ends::Short,
            numbered: false,
        }
    }
}

/// How the other end sees that a transfer is over: it waits until its buffer is full, or for a packet that is
/// shorter than the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ends {
    /// Each transfer ends with a short packet: none is a multiple of the packet size. So a stream never stands still,
    /// whatever buffers the other end has, and no packet is empty.
    Short,
    /// A write goes as it is, and where it is a multiple of the packet size, a packet without bytes follows: what
    /// programs expect that take each transfer for a message.
    ZeroPacket,
    /// A write goes as it is, and nothing follows: for a program that would take an empty packet for an end, and
    /// knows from what it reads how much is to come.
    Whole,
}
