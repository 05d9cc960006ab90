//! The bare loop: what a program does that has the endpoints for itself, written once for both ends.

use rustix::event::PollFlags;
use std::os::fd::BorrowedFd;

/// Transfers under way, each way.
pub const IN_FLIGHT: usize = 16;

/// Transfers each way, or questions, before the clock starts: buffers have been touched by then.
pub const WARM: u64 = 2 * IN_FLIGHT as u64;

/// A direction, seen from the end that moves.
#[derive(Clone, Copy)]
pub enum Way {
    /// Towards this end.
    Receive,
    /// Away from it.
    Send,
}

/// A pair of bulk endpoints, as directly as a system has them.
pub trait Bare {
    /// The buffer of the next transfer, if fewer than [`IN_FLIGHT`] are under way.
    fn buffer(&mut self, way: Way) -> Option<&mut [u8]>;
    /// Starts the next transfer, of so many bytes.
    fn submit(&mut self, way: Way, length: usize);
    /// What the oldest transfer moved, if it is over.
    fn take(&mut self, way: Way) -> Option<&[u8]>;
    /// Sleeps until one is over.
    fn wait(&mut self);
    /// What tells that one may be over.
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)>;
    /// Looks what is over, without sleeping.
    fn progress(&mut self);
}

/// Streams so many transfers of `size` bytes each way, as many in flight as may be. They carry a number, which is
/// checked.
pub fn stream(ends: &mut impl Bare, size: usize, send: u64, receive: u64) {
    let (mut sending, mut sent, mut receiving, mut received) = (0, 0, 0, 0);
    loop {
        while receiving < receive && ends.buffer(Way::Receive).is_some() {
            ends.submit(Way::Receive, size);
            receiving += 1;
        }
        while sending < send
            && let Some(buffer) = ends.buffer(Way::Send)
        {
            buffer[..8].copy_from_slice(&u64::to_le_bytes(sending));
            ends.submit(Way::Send, size);
            sending += 1;
        }
        let before = sent + received;
        while let Some(moved) = ends.take(Way::Receive) {
            assert_eq!(moved.len(), size, "a short transfer");
            assert_eq!(number(moved), received, "not the next one");
            received += 1;
        }
        while let Some(moved) = ends.take(Way::Send) {
            assert_eq!(moved.len(), size, "a short transfer");
            sent += 1;
        }
        if sent == send && received == receive {
            return;
        }
        if sent + received == before {
            ends.wait();
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"))
}

/// Asks and awaits the answer so many times. So many transfers wait for answers at a time.
pub fn ask(ends: &mut impl Bare, depth: usize, packet: usize, size: usize, times: u64) {
    let mut receiving = 0;
    for question in 0..times {
        while receiving < times.min(question + depth as u64) {
            ends.submit(Way::Receive, packet);
            receiving += 1;
        }
        let buffer = ends.buffer(Way::Send).expect("none is under way");
        buffer[..8].copy_from_slice(&question.to_le_bytes());
        ends.submit(Way::Send, size);
        let answer = taken(ends, Way::Receive, size);
        assert_eq!(answer, question, "another answer");
        taken(ends, Way::Send, size);
    }
}

/// Answers so many times.
pub fn answer(ends: &mut impl Bare, packet: usize, size: usize, times: u64) {
    ends.submit(Way::Receive, packet);
    for left in (0..times).rev() {
        let question = taken(ends, Way::Receive, size);
        if left > 0 {
            ends.submit(Way::Receive, packet);
        }
        let buffer = ends.buffer(Way::Send).expect("none is under way");
        buffer[..8].copy_from_slice(&question.to_le_bytes());
        ends.submit(Way::Send, size);
        taken(ends, Way::Send, size);
    }
}

/// Waits for the oldest transfer.
fn taken(ends: &mut impl Bare, way: Way, size: usize) -> u64 {
    loop {
        if let Some(moved) = ends.take(way) {
            assert_eq!(moved.len(), size, "a short transfer");
            return number(moved);
        }
        ends.wait();
    }
}
