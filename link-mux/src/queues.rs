//! A [`Stream`] with buffers of its own, for programs without others: firmware, tests.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::RefCell;

use crate::stream::{End, Pull, Reading, Stream};

/// Two bounded queues, and the application's calls on them. None of them blocks. After each,
/// [`Mux::touch`](crate::Mux::touch) is to be called.
///
/// Memory is taken as bytes come, at most twice as much as are there at once and never more than the capacities
/// ([`on_demand`](Self::on_demand)), or all of it at the beginning ([`new`](Self::new)).
///
/// The mux drops a stream when its channel is over. An application that wants to read what is left, or the
/// [receipt](Self::receipt), gives the mux one `Rc<RefCell<Queues>>` and keeps another.
#[derive(Debug)]
pub struct Queues {
    inbound: Queue,
    /// How much the application has read.
    read: u64,
    /// How the peer's stream ended.
    finished: Option<End>,
    /// How the application stopped reading, before it had read all.
    gave_up: Option<End>,
    outbound: Queue,
    /// How the application ended its stream.
    ended: Option<End>,
    /// How far the peer has read, and how it stopped.
    stopped: Option<(Option<u64>, End)>,
}

impl Queues {
    /// Queues for so many bytes to be read and to be written, at least 1 each. Allocates them.
    pub fn new(inbound: u32, outbound: u32) -> Queues {
        let mut queues = Queues::on_demand(inbound, outbound);
        queues.inbound.allocate();
        queues.outbound.allocate();
        queues
    }

    /// Queues for so many bytes to be read and to be written, at least 1 each. Allocates nothing yet.
    pub fn on_demand(inbound: u32, outbound: u32) -> Queues {
        Queues {
            inbound: Queue::new(inbound),
            read: 0,
            finished: None,
            gave_up: None,
            outbound: Queue::new(outbound),
            ended: None,
            stopped: None,
        }
    }

    /// Takes as many of the bytes as there is room for; returns how many. 0 once either end has ended this stream.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        if self.ended.is_some() || self.stopped.is_some() {
            return 0;
        }
        self.outbound.put(bytes)
    }

    /// How many bytes [`write`](Self::write) would take now.
    pub fn writable(&self) -> usize {
        if self.ended.is_some() || self.stopped.is_some() {
            return 0;
        }
        self.outbound.room()
    }

    /// Ends the outbound stream. In an orderly way, what was written still leaves; an abort drops what has not left,
    /// and can follow an orderly end.
    pub fn finish_writing(&mut self, end: End) {
        if end == End::Abort {
            self.outbound.clear();
            self.ended = Some(End::Abort);
        } else {
            self.ended.get_or_insert(end);
        }
    }

    /// Takes inbound bytes; 0: there are none now (see [`ended`](Self::ended)).
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        let n = self.inbound.take(out);
        self.read += n as u64;
        n
    }

    /// How many bytes [`read`](Self::read) has for the caller now.
    pub fn readable(&self) -> usize {
        self.inbound.len()
    }

    /// Reads no more; what was not read is dropped. Nothing happens if all was read.
    pub fn stop_reading(&mut self, end: End) {
        if self.ended().is_none() {
            self.gave_up.get_or_insert(end);
            self.inbound.clear();
        }
    }

    /// How the inbound stream ended, once all of it was read. A lost session is an abort. `None` for good if the
    /// application stopped reading before.
    pub fn ended(&self) -> Option<End> {
        self.finished
            .filter(|_| self.gave_up.is_none() && self.inbound.len() == 0)
    }

    /// How far the peer has read, once it reads no more; `None` in it: nobody knows (the session was lost).
    pub fn receipt(&self) -> Option<Option<u64>> {
        self.stopped.map(|(read, _)| read)
    }

    /// How the peer stopped reading, once it reads no more: orderly if it has read all. A lost session is an abort.
    pub fn refused(&self) -> Option<End> {
        self.stopped.map(|(_, end)| end)
    }
}

impl Stream for Queues {
    fn capacity(&self) -> u32 {
        self.inbound.capacity
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        match (self.outbound.len(), self.ended) {
            (0, None) => Pull::Empty,
            (0, Some(end)) => Pull::End(end),
            _ => Pull::Bytes(self.outbound.take(out)),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        // What was granted before the application stopped may still come.
        if self.gave_up.is_none() {
            let taken = self.inbound.put(bytes);
            assert_eq!(taken, bytes.len(), "more was pushed than was granted");
        }
    }

    fn finish(&mut self, end: End) {
        self.finished.get_or_insert(end);
    }

    fn reading(&mut self, _wanted: Option<u32>) -> Reading {
        let read = self.read;
        match (self.gave_up, self.ended()) {
            (Some(end), _) => Reading::Over { read, end },
            (None, Some(_)) => Reading::Over {
                read,
                end: End::Orderly,
            },
            (None, None) => Reading::On { read },
        }
    }

    fn stopped(&mut self, read: u64, end: End) {
        self.stopped.get_or_insert((Some(read), end));
        self.outbound.clear();
    }

    fn lost(&mut self) {
        self.finished.get_or_insert(End::Abort);
        self.stopped.get_or_insert((None, End::Abort));
        self.outbound.clear();
    }
}

/// A stream that the application keeps hold of. The mux borrows it within its own calls only.
impl<S: Stream + ?Sized> Stream for Rc<RefCell<S>> {
    fn capacity(&self) -> u32 {
        self.borrow().capacity()
    }

    fn pull(&mut self, out: &mut [u8]) -> Pull {
        self.borrow_mut().pull(out)
    }

    fn push(&mut self, bytes: &[u8]) {
        self.borrow_mut().push(bytes);
    }

    fn finish(&mut self, end: End) {
        self.borrow_mut().finish(end);
    }

    fn reading(&mut self, wanted: Option<u32>) -> Reading {
        self.borrow_mut().reading(wanted)
    }

    fn stopped(&mut self, read: u64, end: End) {
        self.borrow_mut().stopped(read, end);
    }

    fn lost(&mut self) {
        self.borrow_mut().lost();
    }
}

/// Bytes in order, up to a capacity.
#[derive(Debug)]
struct Queue {
    bytes: VecDeque<u8>,
    capacity: u32,
}

impl Queue {
    fn new(capacity: u32) -> Queue {
        Queue {
            bytes: VecDeque::new(),
            capacity: capacity.max(1),
        }
    }

    fn allocate(&mut self) {
        self.bytes.reserve_exact(self.capacity as usize);
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn room(&self) -> usize {
        self.capacity as usize - self.bytes.len()
    }

    /// Copies in as many as fit.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        if self.bytes.capacity() - self.bytes.len() < n {
            // Doubling by itself would pass the capacity.
            let more = n.max(self.bytes.len()).min(self.room());
            self.bytes.reserve_exact(more);
        }
        self.bytes.extend(&bytes[..n]);
        n
    }

    /// Copies out as many as there are and fit.
    fn take(&mut self, out: &mut [u8]) -> usize {
        let n = out.len().min(self.bytes.len());
        let (front, back) = self.bytes.as_slices();
        let here = n.min(front.len());
        out[..here].copy_from_slice(&front[..here]);
        out[here..n].copy_from_slice(&back[..n - here]);
        self.bytes.drain(..n);
        n
    }

    /// Drops all, the memory too.
    fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_bytes_up_to_the_capacity() {
        for capacity in [1, 7, 100, 10_000] {
            for piece in [1, 3, 64, 20_000] {
                let mut queue = Queue::new(capacity);
                assert_eq!(queue.bytes.capacity(), 0);
                while queue.room() > 0 {
                    queue.put(&alloc::vec![0; piece]);
                    let held = queue.bytes.capacity();
                    assert!(held <= capacity as usize);
                    assert!(held <= 2 * queue.len());
                }
                queue.clear();
                assert_eq!(queue.bytes.capacity(), 0);
            }
        }
    }
}
