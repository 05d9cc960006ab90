//! Ways to pass whole messages between two threads, behind one interface.

mod measures;
#[cfg(feature = "nng")]
mod nanomsg;
mod ours;
mod vectors;
#[cfg(feature = "zmq")]
mod zeromq;

pub(crate) use measures::{glance, number_of, period, sum};
pub use measures::{grain, round_trip, stream, stream_unseen};
#[cfg(feature = "nng")]
pub use nanomsg::Nng;
pub use ours::{Borrowed, Fed, Halves, Into, Sent, Shared, Take, Vector};
pub use vectors::{Crossbeam, Kanal};
#[cfg(feature = "zmq")]
pub use zeromq::ZeroMq;

/// One end of a full-duplex connection between two threads. All calls block.
pub trait End: Send + Sized + 'static {
    /// Sends one message, or takes it for a batch.
    fn send(&mut self, message: &[u8]);

    /// Sends what was taken for a batch.
    fn flush(&mut self) {}

    /// Waits for a message and shows it.
    fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T;

    /// Waits for a message, shows it and sends it back, in the cheapest way there is.
    fn echo(&mut self, look: impl FnOnce(&[u8]));
}

/// Makes the two ends, with room for that many bytes in messages of `size` bytes.
pub trait Pair: 'static {
    /// Either end.
    type End: End;
    /// A new connection.
    fn pair(capacity: usize, size: usize) -> (Self::End, Self::End);
}

/// How many messages take as many bytes, so that all contestants may hold the same number of bytes
/// in flight; at least two, so that one can be made while another is looked at.
pub(crate) fn messages(capacity: usize, size: usize) -> usize {
    (capacity / size).max(2)
}
