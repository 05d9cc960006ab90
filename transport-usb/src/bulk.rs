//! A pair of bulk endpoints: transfers are queued each way, and come back in the order in which they were queued.
//!
//! It is what the two ends of a cable have in common, so that a [`BulkLink`](crate::BulkLink) does the rest for both;
//! and where a program can plug in a USB stack of its own.

use std::task::Context;

/// A direction, seen from the end that implements [`Bulk`]. (USB itself names them from the host: what the host
/// receives is `IN`, also for the device that sends it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// Towards this end.
    Receive,
    /// Away from this end.
    Send,
}

/// What became of a transfer that did not go well.
///
/// But for a [`Timeout`](Fault::Timeout) of one that receives, none is survived: bytes may be lost, or the other end
/// may be gone, so the link is over, and the next session begins anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The device was unplugged, or the other end closed its endpoints.
    #[error("the other end of the USB cable is gone")]
    Gone,
    /// The endpoint is halted.
    #[error("the USB endpoint is halted (stall)")]
    Pipe,
    /// An error on the wire, or of the controller; after an unplug as well.
    #[error("a USB transfer failed: input/output error")]
    Io,
    /// The other end sent more than the transfer's buffer holds; what was beyond is lost.
    #[error("more came over USB than was asked for")]
    Overflow,
    /// The transfer took longer than its time limit; what it moved by then is in the completion.
    #[error("a USB transfer ran into its time limit")]
    Timeout,
    /// Bytes that the other end had sent are missing.
    #[error("something that was sent over USB is missing")]
    Hole,
    /// The operating system said no.
    #[error("{0}")]
    System(String),
}

/// A transfer that is over.
#[derive(Debug)]
pub struct Completion {
    /// The buffer that was queued, with its length as it was.
    pub buffer: Vec<u8>,
    /// How many of its bytes were moved, from its beginning: also by a transfer that failed.
    pub moved: usize,
    /// How it went.
    pub result: Result<(), Fault>,
}

/// A pair of bulk endpoints. Transfers of one [`Way`] come back in the order in which they were queued.
///
/// Nothing here blocks. Dropping it cancels what is queued, and gives the endpoints back.
pub trait Bulk: Send {
    /// The largest packet of that endpoint, in bytes: 64, 512 or 1024, by the bus's speed.
    fn packet(&self, way: Way) -> usize;

    /// Queues a transfer that fills the first `length` bytes of `buffer`, or sends them. (A buffer keeps its length: one
    /// that carries a small message is not to be cleared for the next one.) A transfer also ends with the first
    /// packet that is shorter than the largest. What is received should be asked for in multiples of
    /// [`packet`](Bulk::packet); zero bytes are sent as a packet without bytes.
    ///
    /// # Errors
    /// It was not queued.
    ///
    /// # Panics
    /// `buffer` is shorter than that.
    fn submit(&mut self, way: Way, buffer: Vec<u8>, length: usize) -> Result<(), Fault>;

    /// Takes note of what has happened; where nothing has, the waker is woken when something does. (It need not be
    /// if there is a [`descriptor`](Bulk::descriptor).)
    ///
    /// # Errors
    /// The endpoints are of no use any more. What came before is still told by [`next`](Bulk::next).
    fn progress(&mut self, cx: &mut Context<'_>) -> Result<(), Fault>;

    /// The transfer of that way that was queued first of all that have not been given back, if it is over and
    /// [`progress`](Bulk::progress) has seen that.
    fn next(&mut self, way: Way) -> Option<Completion>;

    /// What becomes readable when [`progress`](Bulk::progress) is worth a call, and stays so until it was called. If
    /// this is `Some`, it always is.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}
