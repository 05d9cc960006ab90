//! Ways to carry many channels over one link, behind one interface: both ends in one thread, joined in memory.
//!
//! Nobody polls what has nothing to do: a reader is told by its channel that bytes have come, a writer that there is
//! room again ([`Notes`]), as the tasks of a program would be.

mod duplex;
mod measures;
mod notes;
mod ours;
mod streams;
mod yamux;

pub use duplex::{DuplexEnd, duplex};
pub use measures::Streams;
pub use notes::Notes;
pub use ours::{CAPACITY, Direct, Ours, ThroughDuplex, Wire};
pub use streams::{InQueues, InRings, Kind};
pub use yamux::Yamux;

/// Bytes that the in-memory link between two ends holds each way.
pub const LINK: usize = 32 * 1024;

/// Two ends of a link with channels that are open. The one end writes, the other one reads.
pub trait Muxed: 'static {
    /// The ends, with that many channels.
    fn pair(channels: usize) -> Self;
    /// How many channels there are.
    fn channels(&self) -> usize;
    /// Takes what fits. If that is nothing, the channel is noted once there is room.
    fn write(&mut self, channel: usize, bytes: &[u8]) -> usize;
    /// Gives what is there. If that is nothing, the channel is noted once there is something.
    fn read(&mut self, channel: usize, out: &mut [u8]) -> usize;
    /// Has each end send and receive once what it can.
    fn pump(&mut self);
    /// Channels that a reader or a writer waited for.
    fn notes(&self) -> &Notes;
}
