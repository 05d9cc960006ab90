//! The outbound stream: the carrier's sink, and the bytes of a record that it did not take.

use std::io::{self, IoSlice};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::backlog::Backlog;
use super::inbound::Failure;
use super::parcel::Parcel;
use super::{
    ABORTED, ENDED, FINISHED, LEFT, LOST, PEER_ABORTED, SEALED, SOURCE_DROPPED, STOPPED, Shared,
    not_connected,
};
use crate::transport::Sink;
use crate::wire::record::{MAX_RECORD, encode_abort, encode_data, encode_end, encode_receipt};

/// Slices in one vectored write: the header and what the user gives. More slices than that are taken
/// by the next write. Enough for any framing; and they lie on the stack.
const SLICES: usize = 16;

pub(super) struct Outbound {
    /// Gone when the carrier was let go.
    sink: Option<Box<dyn Sink>>,
    backlog: Backlog,
    /// Writes that follow each other within this time may be held.
    coalescing: Duration,
    /// When the last write was taken.
    last_write: Option<Instant>,
    /// What the application had read by then.
    read_before: u64,
    was_held: bool,
    /// Calls of the carrier's.
    pub(super) calls: u32,
    /// END was queued.
    end: bool,
    /// RECEIPT was queued.
    receipt: bool,
    /// The carrier's own end was given.
    finished: bool,
    failed: Option<Failure>,
    /// The linger job runs.
    pub(super) lingering: bool,
    /// It sleeps until the carrier wakes it, not for a time.
    pub(super) waits_for_carrier: bool,
    /// When this side began to close: the linger time runs from here.
    pub(super) closing_since: Option<Instant>,
}

impl Outbound {
    pub(super) fn new(sink: Box<dyn Sink>, coalescing: Duration, ahead: Vec<u8>) -> Outbound {
        Outbound {
            sink: Some(sink),
            backlog: Backlog::ahead(ahead),
            coalescing,
            last_write: None,
            read_before: 0,
            was_held: false,
            calls: 0,
            end: false,
            receipt: false,
            finished: false,
            failed: None,
            lingering: false,
            waits_for_carrier: false,
            closing_since: None,
        }
    }

    /// Bytes that wait for the carrier.
    pub(super) fn pending(&self) -> usize {
        self.backlog.len()
    }

    /// Since when writes are held back.
    pub(super) fn held_since(&self) -> Option<Instant> {
        self.backlog.held_since()
    }

    /// Whether writes were held since this was asked last.
    pub(super) fn take_held(&mut self) -> bool {
        std::mem::take(&mut self.was_held)
    }

    /// Gives back memory that a pause in the stream leaves unused.
    pub(super) fn rest(&mut self) {
        self.backlog.shrink();
    }

    /// Whether nothing is left to be sent, or nothing can be.
    pub(super) fn is_done(&self) -> bool {
        self.sink.is_none() || self.failed.is_some() || self.finished
    }

    /// Why nothing can be sent.
    pub(super) fn refusal(&self, shared: &Shared) -> Option<io::Error> {
        let flags = shared.flags();
        if flags & LEFT != 0 {
            Some(not_connected("this side has disconnected"))
        } else if flags & PEER_ABORTED != 0
            || flags & LOST != 0 && flags & (STOPPED | ENDED) != STOPPED | ENDED
        {
            // Also if it has told its receipt: an abort does that too.
            let why = "the peer is lost";
            Some(io::Error::new(io::ErrorKind::ConnectionReset, why))
        } else if flags & STOPPED != 0 {
            let why = "the peer reads no more";
            Some(io::Error::new(io::ErrorKind::BrokenPipe, why))
        } else {
            self.failed.as_ref().map(Failure::error)
        }
    }

    /// Takes some of `bufs`, which hold at least one byte.
    pub(super) fn poll_write(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.refusal(shared) {
            return Poll::Ready(Err(error));
        }
        // Nothing may follow END. That it was queued is known under the lock only.
        if self.end {
            return Poll::Ready(Err(not_connected("this side has finished writing")));
        }
        let len = bufs.iter().map(|buf| buf.len()).sum();
        let now = self.may_hold(shared, len);
        // What the carrier has refused goes first, and what is held if this does not fit behind it.
        let fits = Backlog::is_small(len) && self.backlog.takes(len);
        if !fits || self.backlog.held_since().is_none() {
            ready!(self.poll_drain(cx))?;
        }
        let len = match now {
            Some(now) => {
                self.hold(shared, bufs, now);
                len
            }
            // Together with what is ahead of it. Then it is taken, whatever leaves at once.
            None if !self.backlog.is_empty() => {
                self.hold(shared, bufs, Instant::now());
                if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
                    return Poll::Ready(Err(error));
                }
                len
            }
            None => {
                let len = ready!(self.poll_records(cx, bufs, len))?;
                if !self.coalescing.is_zero() {
                    self.wrote(shared, Instant::now());
                }
                len
            }
        };
        // Relaxed: see the field. Only written under the lock that is held here.
        let written = shared.written.load(Ordering::Relaxed) + len as u64;
        shared.written.store(written, Ordering::Relaxed);
        Poll::Ready(Ok(len))
    }

    /// Whether a write of `len` bytes, now, is one of several that follow each other closely.
    ///
    /// What comes after a read is an answer, and somebody waits for it.
    fn may_hold(&self, shared: &Shared, len: usize) -> Option<Instant> {
        let last = self.last_write?;
        // Relaxed: a hint.
        if !Backlog::is_small(len) || self.read_before != shared.read.load(Ordering::Relaxed) {
            return None;
        }
        let now = Instant::now();
        (now.saturating_duration_since(last) < self.coalescing).then_some(now)
    }

    fn hold(&mut self, shared: &Shared, bufs: &[IoSlice<'_>], now: Instant) {
        self.backlog.hold(bufs, now);
        self.was_held = true;
        // Relaxed: see the field.
        shared.holds.store(true, Ordering::Relaxed);
        self.wrote(shared, now);
    }

    fn wrote(&mut self, shared: &Shared, now: Instant) {
        self.last_write = Some(now);
        // Relaxed: a hint.
        self.read_before = shared.read.load(Ordering::Relaxed);
    }

    /// Sends of `bufs`, `len` bytes in all, while nothing is pending: one record, or several at once.
    fn poll_records(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        len: usize,
    ) -> Poll<io::Result<usize>> {
        if len > MAX_RECORD {
            let parcel = Parcel::new(bufs);
            return parcel.with(|slices| {
                let taken = ready!(self.poll_carrier(cx, slices, false))?;
                let (payload, begun) = parcel.begun(taken);
                self.backlog.keep(&slices[..begun], taken);
                Poll::Ready(Ok(payload))
            });
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (mut used, mut len) = (1, 0);
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            if used == SLICES {
                break;
            }
            slices[used] = IoSlice::new(buf);
            used += 1;
            len += buf.len();
        }
        let header = encode_data(len);
        slices[0] = IoSlice::new(&header);

        let taken = ready!(self.poll_carrier(cx, &slices[..used], false))?;
        // The header has promised the payload: what the carrier left must follow, whatever the
        // user does next, so it is ours now.
        self.backlog.keep(&slices[..used], taken);
        Poll::Ready(Ok(len))
    }

    /// Sends what is pending, then the carrier's end if it is due. An error stays.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.backlog.is_empty() {
            let mut backlog = std::mem::take(&mut self.backlog);
            // The carrier's end, below, comes right behind it.
            let last = self.end && self.receipt && !self.finished;
            let poll = self.poll_carrier(cx, &[IoSlice::new(backlog.next())], last);
            if self.failed.is_none() {
                self.backlog = backlog;
            }
            self.backlog.left(ready!(poll)?);
        }
        // An idle channel owns no buffer. While the linger job runs, it is not idle.
        if !self.lingering {
            self.backlog.shrink();
        }
        if self.end && self.receipt && !self.is_done() {
            self.finished = true;
            if let Some(Err(error)) = self.sink.as_mut().map(|sink| sink.finish()) {
                return Poll::Ready(Err(self.fail(Failure::of_carrier(&error))));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what is pending, and what the carrier itself holds back.
    pub(super) fn poll_flush(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.refusal(shared) {
            return Poll::Ready(Err(error));
        }
        ready!(self.poll_drain(cx))?;
        let Some(sink) = &mut self.sink else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(sink.poll_flush(cx));
        Poll::Ready(result.map_err(|error| self.fail(Failure::of_carrier(&error))))
    }

    /// One write to the carrier.
    fn poll_carrier(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        if let Some(failure) = &self.failed {
            return Poll::Ready(Err(failure.error()));
        }
        let Some(sink) = &mut self.sink else {
            return Poll::Ready(Err(not_connected("the connection is closed")));
        };
        self.calls = self.calls.wrapping_add(1);
        let poll = match last {
            true => sink.poll_write_last(cx, bufs),
            false => sink.poll_write(cx, bufs),
        };
        let failure = match ready!(poll) {
            Ok(0) => Failure::new(io::ErrorKind::WriteZero, "the carrier takes no more bytes"),
            Ok(n) => return Poll::Ready(Ok(n)),
            Err(error) => Failure::of_carrier(&error),
        };
        Poll::Ready(Err(self.fail(failure)))
    }

    fn fail(&mut self, failure: Failure) -> io::Error {
        self.backlog = Backlog::default();
        let failure = self.failed.insert(failure);
        failure.error()
    }

    /// Queues RECEIPT and END, each once, when its time has come.
    pub(super) fn queue_what_is_due(&mut self, shared: &Shared) {
        let flags = shared.flags();
        // A half that hears of the abort before its record has left, and is dropped for that, must
        // not make an orderly end of it.
        if flags & ABORTED != 0 {
            return;
        }
        if !self.receipt && flags & (LEFT | SOURCE_DROPPED | ENDED) != 0 {
            let receipt = self.seal(shared);
            self.queue(&receipt);
        }
        if !self.end && flags & (LEFT | FINISHED) != 0 {
            self.end = true;
            // Relaxed: written under the lock that is held here.
            self.queue(&encode_end(shared.written.load(Ordering::Relaxed)));
        }
    }

    /// The RECEIPT record, to be sent once. From here on no read counts, so the number is exact.
    fn seal(&mut self, shared: &Shared) -> [u8; 12] {
        self.receipt = true;
        // Relaxed: see the field.
        encode_receipt(shared.read.fetch_or(SEALED, Ordering::Relaxed) & !SEALED)
    }

    fn queue(&mut self, record: &[u8]) {
        if self.failed.is_none() && self.sink.is_some() {
            self.backlog.push(record);
        }
    }

    /// Sends RECEIPT, unless that was sent, and ABORT, if there is a place for them and they leave at
    /// once; nothing else from now on.
    pub(super) fn abort(&mut self, shared: &Shared) {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.poll_drain(&mut cx);
        if self.backlog.is_empty() && !self.finished {
            if !self.receipt {
                let receipt = self.seal(shared);
                self.queue(&receipt);
            }
            self.queue(&encode_abort());
            // What the carrier does not take now is lost, as the peer will find.
            let _ = self.poll_drain(&mut cx);
        }
        self.fail(Failure::new(
            io::ErrorKind::NotConnected,
            "this side has aborted",
        ));
    }

    /// Hands out the carrier's sink, to be dropped without the lock.
    pub(super) fn let_go(&mut self) -> Option<Box<dyn Sink>> {
        self.backlog = Backlog::default();
        self.sink.take()
    }
}
