//! The reader's half.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::inbound::Inbound;
use super::{CLOSED, ENDED, LEFT, SEALED, SILENT, SOURCE_DROPPED, Shared, discard, not_connected};
use crate::reception;
use crate::transport::Source;
use crate::wait;

/// Smaller reads come out of the carrier's read-ahead.
const DIRECT: usize = 8 * 1024;

/// Lends payload where the carrier has it, without a copy.
pub(super) struct RecordSource {
    shared: Arc<Shared>,
    /// Calls a read away that blocks in the carrier, where that can be done.
    interrupter: Option<Waker>,
    /// The stream, while some of it is lent. It is in the slot otherwise.
    held: Option<Box<Inbound>>,
    /// How much of the payload was shown to the application and not consumed yet.
    lent: usize,
}

impl RecordSource {
    pub(super) fn new(shared: Arc<Shared>, interrupter: Option<Waker>) -> RecordSource {
        RecordSource {
            shared,
            interrupter,
            held: None,
            lent: 0,
        }
    }

    /// The stream, to be put back or held.
    fn take(&mut self) -> io::Result<Box<Inbound>> {
        self.lent = 0;
        let stream = self.held.take();
        if self.shared.has_any(LEFT) {
            if let Some(stream) = stream {
                self.shared.put_back(stream, false);
            }
            return Err(not_connected("this side has disconnected"));
        }
        stream
            .or_else(|| self.shared.inbound.lock().stream.take())
            .ok_or_else(|| not_connected("the connection is closed"))
    }

    /// Waits for payload or the end.
    fn poll_payload(&self, stream: &mut Inbound, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // What has arrived already needs no waker.
        if stream.decode(&self.shared) {
            return Poll::Ready(stream.outcome());
        }
        self.prepare(cx.waker())?;
        stream.poll_payload(
            &self.shared,
            &mut Context::from_waker(&self.shared.inbound_news),
        )
    }

    /// Before a wait for more, with the waker that is to end it.
    fn prepare(&self, waker: &Waker) -> io::Result<()> {
        self.shared.send_held();
        self.shared.wakers.reader.set(waker);
        // A disconnect sets its flag, then wakes. If it did not find this waker, the flag is seen
        // here: both went through the lock of the waker's slot.
        match self.shared.has_any(LEFT) {
            true => Err(not_connected("this side has disconnected")),
            false => Ok(()),
        }
    }

    /// Blocks until there is something, which `read` sees to. `read` waits in the carrier, and says also
    /// whether the stream is to be held.
    fn block(
        &mut self,
        mut read: impl FnMut(&mut Self, &mut Inbound) -> (io::Result<usize>, bool),
    ) -> io::Result<usize> {
        loop {
            let mut stream = self.take()?;
            let before = self.shared.flags();
            let (result, hold) = read(self, &mut stream);
            if hold {
                self.held = Some(stream);
            } else {
                self.shared.put_back(stream, false);
            }
            self.shared.pass_on(before);
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// As [`poll_payload`](Self::poll_payload), in the carrier's blocking form.
    fn wait_payload(
        &self,
        stream: &mut Inbound,
        interrupter: &Waker,
        until: Option<Instant>,
    ) -> io::Result<usize> {
        if stream.decode(&self.shared) {
            return stream.outcome();
        }
        self.prepare(interrupter)?;
        stream.wait_payload(&self.shared, until)
    }

    /// A large read, straight from the carrier; `None` if it has to go another way.
    fn poll_direct(
        &self,
        stream: &mut Inbound,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Option<Poll<io::Result<usize>>> {
        let out = self.direct(stream, out)?;
        if let Err(error) = self.prepare(cx.waker()) {
            return Some(Poll::Ready(Err(error)));
        }
        let mut cx = Context::from_waker(&self.shared.inbound_news);
        match stream.poll_direct(&self.shared, &mut cx, out) {
            Poll::Ready(read) => self.directly(stream, read).map(Poll::Ready),
            Poll::Pending => Some(Poll::Pending),
        }
    }

    /// As [`poll_direct`](Self::poll_direct), in the carrier's blocking form.
    fn wait_direct(
        &self,
        stream: &mut Inbound,
        interrupter: &Waker,
        until: Option<Instant>,
        out: &mut [IoSliceMut<'_>],
    ) -> Option<io::Result<usize>> {
        let out = self.direct(stream, out)?;
        if let Err(error) = self.prepare(interrupter) {
            return Some(Err(error));
        }
        match stream.wait_direct(&self.shared, until, out) {
            Ok(read) => self.directly(stream, read),
            Err(error) => Some(Err(error)),
        }
    }

    /// Where a large read is to go to, if nothing has arrived yet of the rest of a record.
    fn direct<'a>(
        &self,
        stream: &mut Inbound,
        out: &'a mut [IoSliceMut<'_>],
    ) -> Option<&'a mut [u8]> {
        if stream.decode(&self.shared) {
            return None;
        }
        let out = out.iter_mut().find(|slice| !slice.is_empty())?;
        let room = out.len().min(stream.direct());
        (room >= DIRECT).then(|| &mut out[..room])
    }

    /// Counts what was read straight to where it was wanted.
    fn directly(&self, stream: &mut Inbound, read: Option<usize>) -> Option<io::Result<usize>> {
        let n = read?;
        if !self.shared.count_read(n) {
            // The peer was told what was read before. These bytes were not.
            return Some(Err(not_connected("this side has disconnected")));
        }
        // END may have arrived behind these bytes: then the receipt leaves now.
        stream.decode(&self.shared);
        Some(Ok(n))
    }

    /// Fills `out` from all records that have arrived: one call may take many small ones.
    fn gather(&self, stream: &mut Inbound, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut room = Room::new(out);
        let mut total = 0;
        loop {
            let n = room.put(stream.payload());
            if !self.shared.count_read(n) {
                // The peer was told what was read before. These bytes were not.
                return match total {
                    0 if n > 0 => Err(not_connected("this side has disconnected")),
                    total => Ok(total),
                };
            }
            stream.consume(n);
            total += n;
            // Goes on even if there is no more room: when END comes next, the receipt leaves now.
            if !stream.decode(&self.shared) || stream.payload().is_empty() || room.is_full() {
                return Ok(total);
            }
        }
    }
}

impl Source for RecordSource {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut stream = self.take()?;
        let before = self.shared.flags();
        let poll = self.poll_payload(&mut stream, cx);
        match &poll {
            Poll::Ready(Ok(n)) if *n > 0 => {
                self.lent = *n;
                self.held = Some(stream);
            }
            other => self.shared.put_back(stream, other.is_pending()),
        }
        self.shared.pass_on(before);
        poll
    }

    fn filled(&self) -> &[u8] {
        match &self.held {
            Some(stream) => &stream.payload()[..self.lent],
            None => &[],
        }
    }

    fn consume(&mut self, n: usize) {
        assert!(n <= self.lent, "consume({n}) of {} lent bytes", self.lent);
        let Some(mut stream) = self.held.take() else {
            return;
        };
        let before = self.shared.flags();
        // Bytes that are consumed after a disconnect do not count any more.
        self.shared.count_read(n);
        stream.consume(n);
        self.lent -= n;
        if self.lent > 0 {
            self.held = Some(stream);
            return;
        }
        // END may have arrived with these bytes: then the receipt leaves now.
        stream.decode(&self.shared);
        self.shared.put_back(stream, false);
        self.shared.pass_on(before);
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut stream = self.take()?;
        let before = self.shared.flags();
        let poll = match self.poll_direct(&mut stream, cx, out) {
            Some(poll) => poll,
            None => match self.poll_payload(&mut stream, cx) {
                Poll::Ready(Ok(n)) if n > 0 => Poll::Ready(self.gather(&mut stream, out)),
                other => other,
            },
        };
        self.shared.put_back(stream, poll.is_pending());
        self.shared.pass_on(before);
        poll
    }

    fn read(&mut self, out: &mut [IoSliceMut<'_>], until: Option<Instant>) -> io::Result<usize> {
        let Some(interrupter) = self.interrupter.clone() else {
            return wait::block(until, |cx| self.poll_read(cx, out));
        };
        self.block(|this, stream| {
            if let Some(result) = this.wait_direct(stream, &interrupter, until, out) {
                return (result, false);
            }
            let result = match this.wait_payload(stream, &interrupter, until) {
                Ok(n) if n > 0 => this.gather(stream, out),
                other => other,
            };
            (result, false)
        })
    }

    fn fill(&mut self, until: Option<Instant>) -> io::Result<usize> {
        let Some(interrupter) = self.interrupter.clone() else {
            return wait::block(until, |cx| self.poll_fill(cx));
        };
        self.block(
            |this, stream| match this.wait_payload(stream, &interrupter, until) {
                Ok(n) if n > 0 => {
                    this.lent = n;
                    (Ok(n), true)
                }
                other => (other, false),
            },
        )
    }
}

impl Drop for RecordSource {
    fn drop(&mut self) {
        self.shared.set(SOURCE_DROPPED);
        if let Some(stream) = self.held.take() {
            self.shared.put_back(stream, false);
        }
        self.shared.settle();
        // Whoever looks at the stream now discards what lies in its way. And the reader's waker is
        // not kept for the time that the rest lingers.
        self.shared.wakers.wake_all();
        if !self.shared.is_closing() && !self.shared.has_any(ENDED | SILENT) {
            drop(reception::spawn(discard::run(self.shared.clone())));
        }
    }
}

impl Shared {
    /// Counts bytes as read by the application; `false` if the peer was told the count already.
    fn count_read(&self, n: usize) -> bool {
        // Relaxed: see the field. Nobody else counts; the one thing that can come in between is
        // the seal.
        let read = self.read.load(Ordering::Relaxed);
        read & SEALED == 0
            && self
                .read
                .compare_exchange(read, read + n as u64, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Puts the inbound stream into its slot. `armed`: the carrier was polled last and said
    /// `Pending`, so it will wake all who wait.
    fn put_back(&self, stream: Box<Inbound>, armed: bool) {
        let mut slot = self.inbound.lock();
        // `close` sets the flag before it empties the slot.
        let (wake, closed) = if self.has_any(CLOSED) {
            (false, Some(stream))
        } else {
            slot.stream = Some(stream);
            (!armed && std::mem::take(&mut slot.wanted), None)
        };
        drop(slot);
        drop(closed);
        if wake {
            self.wakers.wake_others();
        }
    }

    /// Tells others what the reader came across, if anything, since `before`.
    fn pass_on(self: &Arc<Self>, before: u16) {
        let now = self.flags();
        if now == before {
            return;
        }
        if now & ENDED != 0 && before & ENDED == 0 {
            self.settle();
            // A peer that left in two steps has its RECEIPT behind its END: the next write fails.
            self.look(false);
        }
        self.wakers.wake_others();
    }
}

/// Where the next byte goes in several slices, without touching the slices themselves.
struct Room<'a, 'b> {
    out: &'a mut [IoSliceMut<'b>],
    /// The slice, and the place in it.
    at: (usize, usize),
}

impl<'a, 'b> Room<'a, 'b> {
    fn new(out: &'a mut [IoSliceMut<'b>]) -> Self {
        Room { out, at: (0, 0) }
    }

    /// Copies as much as fits; returns how much.
    fn put(&mut self, mut from: &[u8]) -> usize {
        let given = from.len();
        while !from.is_empty() && !self.is_full() {
            let (slice, place) = self.at;
            let to = &mut self.out[slice][place..];
            let n = to.len().min(from.len());
            to[..n].copy_from_slice(&from[..n]);
            from = &from[n..];
            self.at.1 += n;
        }
        given - from.len()
    }

    /// Steps over slices that have no room.
    fn is_full(&mut self) -> bool {
        while self.at.0 < self.out.len() && self.at.1 == self.out[self.at.0].len() {
            self.at = (self.at.0 + 1, 0);
        }
        self.at.0 == self.out.len()
    }
}
