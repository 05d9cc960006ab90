//! The buffers of the transfers, lent: what is received is read out of them, what is sent is written into them.

use std::io;
use std::task::{Context, Poll};

use transport_link::Lend;

use super::BulkLink;
use crate::bulk::Way;
use crate::queue::Ends;
use crate::sequence::{TAIL, tail};

impl Lend for BulkLink {
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.received.is_empty() {
            self.note_for_reader(cx);
        }
        match (self.received.front(), &self.broken) {
            (Some(front), _) => Poll::Ready(Ok(front.bytes())),
            (None, Some(fault)) => Poll::Ready(Err(fault.clone().into())),
            (None, None) => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn consume(&mut self, n: usize) {
        let Some(front) = self.received.front_mut() else {
            return;
        };
        front.from = front.to.min(front.from + n);
        if front.from == front.to
            && let Some(empty) = self.received.pop_front()
        {
            self.receive_into(empty.buffer);
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut [u8]>> {
        // Of a link that is broken, what came before that is still to be noted.
        if self.sending.len() >= self.how.transfers || self.broken.is_some() {
            self.note_for_writer(cx);
        }
        // What was received before is still read.
        self.check()?;
        if self.sending.len() >= self.how.transfers {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = self.most();
        let room = self.room.take().unwrap_or_else(|| self.buffer());
        Poll::Ready(Ok(&mut self.room.insert(room)[..most]))
    }

    fn send(&mut self, n: usize) -> io::Result<()> {
        let Some(buffer) = self.room.take() else {
            return Err(io::Error::other("no room was asked for"));
        };
        // Rare: then its last byte is a transfer of its own, also if as many as may be are in flight.
        let last = self.is_endless(n).then(|| buffer[n - 1]);
        self.submit(buffer, n - usize::from(last.is_some()));
        if let Some(last) = last {
            let mut buffer = self.buffer();
            buffer[0] = last;
            self.submit(buffer, 1);
        }
        self.check()
    }
}

impl BulkLink {
    /// Queues a transfer of the first `n` bytes; where that cannot be done, the link is broken.
    pub(super) fn submit(&mut self, mut buffer: Vec<u8>, n: usize) {
        if self.broken.is_some() {
            return;
        }
        let mut length = n;
        if self.how.numbered {
            length += TAIL;
            buffer[n..length].copy_from_slice(&tail(self.number, n));
            self.number = self.number.wrapping_add(1);
        }
        match self.bulk.submit(Way::Send, buffer, length) {
            Ok(()) => self.sending.push_back(length),
            Err(fault) => self.breaks(fault),
        }
    }

    /// Bytes behind those of a transfer.
    fn tail(&self) -> usize {
        if self.how.numbered { TAIL } else { 0 }
    }

    /// Whether a transfer of so many bytes would not be seen to end: they are whole packets, and must not be.
    pub(super) fn is_endless(&self, bytes: usize) -> bool {
        // A packet of one byte is short of nothing; no bus has one.
        self.how.ends == Ends::Short
            && bytes > 1
            && (bytes + self.tail()).is_multiple_of(self.packet)
    }

    /// The most bytes of a transfer.
    pub(super) fn most(&self) -> usize {
        let most = self.bytes - self.tail();
        most - usize::from(self.is_endless(most))
    }

    /// Whether it is of use.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.broken {
            Some(fault) => Err(fault.clone().into()),
            None => Ok(()),
        }
    }

    /// One to be sent, whatever it holds.
    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| vec![0; self.bytes])
    }
}
