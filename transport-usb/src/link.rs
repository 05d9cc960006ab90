//! A link over a pair of bulk endpoints: several transfers are in flight each way, so that the bus never waits.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

#[cfg(unix)]
use transport_link::Descriptors;
use transport_link::Link;

use crate::bulk::{Bulk, Completion, Fault, Way};
use crate::sequence::{Ended, Received, Sequence, TAIL, tail};

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

/// A [`Link`] over a [`Bulk`].
///
/// What was received before a fault is given to the reader first, then the fault as an error; after it, nothing is. The
/// writer is told of it at once. Transfers that were sent are not repeated: an error ends the link, and what was lost is
/// the business of the session above.
pub struct BulkLink {
    bulk: Box<dyn Bulk>,
    how: Queue,
    /// The largest packet that is sent.
    packet: usize,
    /// What was received and not read.
    received: VecDeque<Received>,
    /// Buffers that are free to be sent.
    spare: Vec<Vec<u8>>,
    /// How many transfers are being sent.
    sending: usize,
    /// The number of the next one.
    number: u32,
    /// What was received of transfers that are numbered.
    sequence: Option<Sequence>,
    /// Bytes that were to be received may be missing: what comes behind them is not given.
    hole: bool,
    broken: Option<Fault>,
    /// Whoever found nothing to read, and no room to write.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl std::fmt::Debug for BulkLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BulkLink")
            .field("how", &self.how)
            .field("sending", &self.sending)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl BulkLink {
    /// Begins to receive.
    ///
    /// # Errors
    /// The endpoints take no transfer; `NotConnected`: not any more.
    pub fn new(bulk: impl Bulk + 'static, how: Queue) -> io::Result<BulkLink> {
        let how = match how.numbered {
            true => Queue {
                bytes: how.bytes.max(2 * TAIL),
                ends: Ends::Short,
                ..how
            },
            false => how,
        };
        let how = Queue {
            transfers: how.transfers.max(1),
            bytes: how.bytes.max(1),
            ..how
        };
        let mut link = BulkLink {
            packet: bulk.packet(Way::Send).max(1),
            bulk: Box::new(bulk),
            received: VecDeque::with_capacity(how.transfers),
            spare: Vec::with_capacity(how.transfers),
            sending: 0,
            number: 0,
            sequence: how.numbered.then(Sequence::default),
            hole: false,
            broken: None,
            reader: None,
            writer: None,
            how,
        };
        let packet = link.bulk.packet(Way::Receive).max(1);
        let bytes = link.how.bytes.next_multiple_of(packet);
        for _ in 0..link.how.transfers {
            link.bulk
                .submit(Way::Receive, vec![0; bytes])
                .map_err(|fault| match fault {
                    // It was there when the device was opened: for whoever waits for it, it is absent.
                    Fault::Gone => io::Error::new(io::ErrorKind::NotConnected, fault),
                    fault => fault.into(),
                })?;
        }
        Ok(link)
    }

    /// Takes note of what has happened.
    fn note(&mut self, cx: &mut Context<'_>) {
        let progress = self.bulk.progress(cx);
        while let Some(completion) = self.bulk.next(Way::Receive) {
            self.has_received(completion);
        }
        while let Some(completion) = self.bulk.next(Way::Send) {
            self.has_sent(completion);
        }
        if let Err(fault) = progress {
            self.breaks(fault);
        }
    }

    fn has_received(&mut self, over: Completion) {
        if self.hole {
            return;
        }
        let moved = over.moved.min(over.buffer.len());
        // The rest of one that ran into its limit comes in the next, unless it had all.
        let packet = self.bulk.packet(Way::Receive).max(1);
        let short = match over.result {
            Ok(()) => moved < over.buffer.len(),
            Err(_) => !moved.is_multiple_of(packet),
        };
        let fault = over.result.err().filter(|fault| *fault != Fault::Timeout);
        self.hole = fault.is_some();
        if let Some(fault) = fault {
            self.breaks(fault);
        }
        let part = Received {
            buffer: over.buffer,
            from: 0,
            to: moved,
        };
        match &mut self.sequence {
            // A packet without bytes ends somebody's transfer, not the stream.
            _ if moved == 0 => self.receive_into(part.buffer),
            None => self.received.push_back(part),
            Some(sequence) => sequence.add(part),
        }
        if short || self.hole {
            self.has_ended();
        } else if self
            .sequence
            .as_ref()
            .is_some_and(|sequence| sequence.open() >= self.how.transfers)
        {
            self.breaks(Fault::Overflow);
        }
    }

    /// What was received last ends a transfer.
    fn has_ended(&mut self) {
        let Some(sequence) = &mut self.sequence else {
            return;
        };
        if sequence.open() == 0 {
            return;
        }
        match sequence.end() {
            Ended::Next(parts) => self.received.extend(parts),
            Ended::Older(parts) => {
                for part in parts {
                    self.receive_into(part.buffer);
                }
            }
            Ended::Hole => {
                self.hole = true;
                self.breaks(Fault::Hole);
            }
        }
    }

    fn receive_into(&mut self, buffer: Vec<u8>) {
        // What would come now could have a hole before it.
        if self.broken.is_none()
            && let Err(fault) = self.bulk.submit(Way::Receive, buffer)
        {
            self.breaks(fault);
        }
    }

    fn has_sent(&mut self, over: Completion) {
        self.sending -= 1;
        match over.result {
            Ok(()) if over.moved == over.buffer.len() => self.spare.push(over.buffer),
            Ok(()) => self.breaks(Fault::Io),
            Err(fault) => self.breaks(fault),
        }
    }

    fn breaks(&mut self, fault: Fault) {
        self.broken.get_or_insert(fault);
    }

    /// Takes note for one half, and wakes the other if there is something for it: the descriptor tells of it only
    /// once.
    fn note_for_reader(&mut self, cx: &mut Context<'_>) {
        let sending = self.sending;
        self.note(cx);
        if (self.sending < sending || self.broken.is_some())
            && let Some(writer) = self.writer.take()
        {
            writer.wake();
        }
    }

    fn note_for_writer(&mut self, cx: &mut Context<'_>) {
        let received = self.received.len();
        self.note(cx);
        if (self.received.len() > received || self.broken.is_some())
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }

    /// Fills `into` with what was received.
    fn give(&mut self, into: &mut [u8]) -> usize {
        let mut given = 0;
        while given < into.len()
            && let Some(front) = self.received.front_mut()
        {
            let n = (front.to - front.from).min(into.len() - given);
            into[given..given + n].copy_from_slice(&front.buffer[front.from..front.from + n]);
            given += n;
            front.from += n;
            if front.from == front.to
                && let Some(empty) = self.received.pop_front()
            {
                self.receive_into(empty.buffer);
            }
        }
        given
    }

    /// Queues a transfer; where that cannot be done, the link is broken.
    fn send(&mut self, bytes: &[u8]) -> bool {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        if self.how.numbered {
            buffer.extend_from_slice(&tail(self.number, bytes.len()));
            self.number = self.number.wrapping_add(1);
        }
        match self.bulk.submit(Way::Send, buffer) {
            Ok(()) => self.sending += 1,
            Err(fault) => self.breaks(fault),
        }
        self.broken.is_none()
    }

    /// How many of so many bytes go into the next transfer.
    fn piece(&self, bytes: usize) -> usize {
        let most = self.how.bytes.next_multiple_of(self.packet);
        let tail = if self.how.numbered { TAIL } else { 0 };
        let piece = bytes.min(most - tail);
        match self.how.ends {
            // A packet of one byte is short of nothing; no bus has one.
            Ends::Short if (piece + tail).is_multiple_of(self.packet) && piece > 1 => piece - 1,
            _ => piece,
        }
    }
}

impl Link for BulkLink {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.received.is_empty() {
            self.note_for_reader(cx);
        }
        match (self.give(into), &self.broken) {
            (0, Some(fault)) => Poll::Ready(Err(fault.clone().into())),
            (0, None) => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            (given, _) => Poll::Ready(Ok(given)),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        // Of a link that is broken, what came before that is still to be noted.
        if self.sending >= self.how.transfers || self.broken.is_some() {
            self.note_for_writer(cx);
        }
        if self.broken.is_none() && self.sending < self.how.transfers {
            let piece = self.piece(from.len());
            let ends_whole = piece == from.len() && piece.is_multiple_of(self.packet);
            if self.send(&from[..piece])
                && (!ends_whole || self.how.ends != Ends::ZeroPacket || self.send(&[]))
            {
                return Poll::Ready(Ok(piece));
            }
            self.note_for_writer(cx);
        }
        match &self.broken {
            // What was received before is still read.
            Some(fault) => Poll::Ready(Err(fault.clone().into())),
            None => {
                self.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sending > 0 || self.broken.is_some() {
            self.note_for_writer(cx);
        }
        match &self.broken {
            Some(fault) => Poll::Ready(Err(fault.clone().into())),
            None if self.sending == 0 => Poll::Ready(Ok(())),
            None => {
                self.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    #[cfg(unix)]
    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.bulk.descriptor().map(Descriptors::News)
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        let kind = match fault {
            Fault::Gone => io::ErrorKind::ConnectionReset,
            Fault::Timeout => io::ErrorKind::TimedOut,
            Fault::Overflow | Fault::Hole => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, fault)
    }
}
