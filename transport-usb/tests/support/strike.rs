//! What goes wrong with one transfer of a [`Wire`](super::memory::Wire).

use transport_usb::bulk::{Fault, Way};

use super::memory::End;

/// One transfer goes wrong.
#[derive(Clone, Debug)]
pub struct Strike {
    /// Whose transfer it is.
    pub end: End,
    pub way: Way,
    /// The how manieth of that end and way, from 0.
    pub index: usize,
    /// How many of its packets are moved before; where it has fewer, all of them, and then it goes wrong.
    pub after: usize,
    pub what: What,
    /// The transfers that were queued behind it go on, as if nothing had happened. Else nothing of that direction moves
    /// any more.
    pub runs_on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It fails. One that is [`Gone`](Fault::Gone) takes everything with it, [`Pipe`](Fault::Pipe) the endpoint;
    /// behind an [`Overflow`](Fault::Overflow), a packet is missing.
    Fails(Fault),
    /// It is over before it is full, or all is sent; and says that it went well.
    Short,
    /// It never comes back. Nor does anything behind it.
    Hangs,
    /// It cannot be queued.
    Refused,
}
