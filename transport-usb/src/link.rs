//! A link over a pair of bulk endpoints: several transfers are in flight each way, so that the bus never waits.

mod lend;

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker, ready};

#[cfg(unix)]
use transport_link::Descriptors;
use transport_link::{Lend, Link, MIN_TRANSMIT};

use crate::bulk::{Bulk, Completion, Fault, Way};
use crate::queue::{Ends, Queue};
use crate::sequence::{Ended, Received, Sequence, TAIL};

/// A [`Link`] over a [`Bulk`].
///
/// What was received before a fault is given to the reader first, then the fault as an error; after it, nothing is. The
/// writer is told of it at once. Transfers that were sent are not repeated: an error ends the link, and what was lost is
/// the business of the session above.
///
/// It [lends](Lend) its transfers' buffers, unless they are very small, or packets without bytes
/// ([`Ends::ZeroPacket`]) are to show where a write has ended.
pub struct BulkLink {
    bulk: Box<dyn Bulk>,
    how: Queue,
    /// The largest packet that is sent.
    packet: usize,
    /// What was received and not read.
    received: VecDeque<Received>,
    /// Bytes of a buffer to be sent: whole packets.
    bytes: usize,
    /// The one that is lent.
    room: Option<Vec<u8>>,
    /// Those that are free.
    spare: Vec<Vec<u8>>,
    /// The lengths of the transfers that are being sent.
    sending: VecDeque<usize>,
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
            .field("sending", &self.sending.len())
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
        let packet = bulk.packet(Way::Send).max(1);
        let mut link = BulkLink {
            packet,
            bulk: Box::new(bulk),
            received: VecDeque::with_capacity(how.transfers),
            bytes: how.bytes.next_multiple_of(packet),
            room: None,
            spare: Vec::with_capacity(how.transfers),
            sending: VecDeque::with_capacity(how.transfers),
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
                .submit(Way::Receive, vec![0; bytes], bytes)
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
            Ended::Next(parts) => {
                for part in parts {
                    match part.bytes() {
                        // It had nothing but the end of the number.
                        [] => self.receive_into(part.buffer),
                        _ => self.received.push_back(part),
                    }
                }
            }
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
        let length = buffer.len();
        // What would come now could have a hole before it.
        if self.broken.is_none()
            && let Err(fault) = self.bulk.submit(Way::Receive, buffer, length)
        {
            self.breaks(fault);
        }
    }

    fn has_sent(&mut self, over: Completion) {
        let length = self.sending.pop_front();
        match over.result {
            Ok(()) if length != Some(over.moved) => self.breaks(Fault::Io),
            // Of an empty packet.
            Ok(()) if over.buffer.is_empty() => {}
            Ok(()) => self.spare.push(over.buffer),
            Err(fault) => self.breaks(fault),
        }
    }

    fn breaks(&mut self, fault: Fault) {
        self.broken.get_or_insert(fault);
    }

    /// Takes note for one half, and wakes the other if there is something for it: the descriptor tells of it only
    /// once.
    fn note_for_reader(&mut self, cx: &mut Context<'_>) {
        let sending = self.sending.len();
        self.note(cx);
        if (self.sending.len() < sending || self.broken.is_some())
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
}

impl Link for BulkLink {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_received(cx))?;
        let mut given = 0;
        while given < into.len()
            && let Some(front) = self.received.front()
        {
            let n = front.bytes().len().min(into.len() - given);
            into[given..given + n].copy_from_slice(&front.bytes()[..n]);
            given += n;
            self.consume(n);
        }
        Poll::Ready(Ok(given))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let room = ready!(self.poll_room(cx))?;
        let n = from.len().min(room.len());
        room[..n].copy_from_slice(&from[..n]);
        let piece = n - usize::from(self.is_endless(n));
        let mut sent = self.send(piece);
        let ends_whole = piece == from.len() && piece.is_multiple_of(self.packet);
        if sent.is_ok() && ends_whole && self.how.ends == Ends::ZeroPacket {
            self.submit(Vec::new(), 0);
            sent = self.check();
        }
        if sent.is_err() {
            self.note_for_writer(cx);
        }
        Poll::Ready(sent.map(|()| piece))
    }

    fn lends(&mut self) -> Option<&mut dyn Lend> {
        (self.how.ends != Ends::ZeroPacket && self.most() >= MIN_TRANSMIT).then_some(self)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.sending.is_empty() || self.broken.is_some() {
            self.note_for_writer(cx);
        }
        self.check()?;
        if self.sending.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
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
