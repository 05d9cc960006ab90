//! How messages leave: framed, in pieces if need be, with what is owed ahead of them.

use std::io::IoSlice;
use std::task::{Context, Poll};

use channel::{Handle, Key, Poller, Writer};

use crate::codec::{self, PREFIX};
use crate::error::SendError;
use crate::turn::Half;
use crate::wait::Wait;

/// How many bytes [`feed`](crate::MessageSender::feed) gathers before it writes them: enough that the cost
/// of a write (a barrier, perhaps a wake-up or a system call) is shared by many small messages, and
/// a quarter of a channel's default buffer, so that the receiver works on one part while the next is
/// being gathered.
pub const BATCH: usize = 16 * 1024;

/// Slices that are handed on at once. Linux takes 1,024; most messages have a few.
const WINDOW: usize = 16;

/// The engine of a [`MessageSender`](crate::MessageSender).
pub(crate) struct Outbound {
    /// None only while it is being dropped.
    writer: Option<Writer>,
    /// Framed bytes that leave ahead of everything else, from `gone` on: batched messages, or the
    /// rest of one. At most a batch and the rest of one message.
    outgoing: Vec<u8>,
    gone: usize,
    limit: usize,
}

/// A message on its way: its prefix, and its slices.
struct Framed<'a> {
    prefix: [u8; PREFIX],
    body: &'a [IoSlice<'a>],
    length: usize,
}

impl<'a> Framed<'a> {
    fn new(body: &'a [IoSlice<'a>], limit: usize) -> Result<Framed<'a>, SendError> {
        let length = body
            .iter()
            .fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
        Ok(Framed {
            prefix: codec::prefix(length, limit)?,
            body,
            length,
        })
    }

    fn size(&self) -> usize {
        PREFIX + self.length
    }

    fn part(&self, number: usize) -> Option<&[u8]> {
        match number.checked_sub(1) {
            None => Some(&self.prefix),
            Some(number) => self.body.get(number).map(|slice| &**slice),
        }
    }

    /// What is left of it, in slices.
    fn rest(&self, from: At) -> impl Iterator<Item = &[u8]> {
        (from.part..)
            .map_while(|number| self.part(number))
            .enumerate()
            .filter_map(move |(number, part)| {
                let part = if number == 0 {
                    &part[from.within..]
                } else {
                    part
                };
                (!part.is_empty()).then_some(part)
            })
    }
}

/// How far a message has left.
#[derive(Clone, Copy, Default)]
struct At {
    part: usize,
    within: usize,
    /// From the start of the message.
    bytes: usize,
}

impl At {
    fn advance(&mut self, message: &Framed<'_>, n: usize) {
        self.bytes += n;
        self.within += n;
        while let Some(part) = message.part(self.part)
            && self.within >= part.len()
        {
            self.within -= part.len();
            self.part += 1;
        }
    }
}

impl Outbound {
    pub(crate) fn new(writer: Writer, limit: usize) -> Outbound {
        Outbound {
            writer: Some(writer),
            outgoing: Vec::new(),
            gone: 0,
            limit: limit.min(codec::MAX_LIMIT),
        }
    }

    #[inline]
    fn writer(&mut self) -> &mut Writer {
        self.writer.as_mut().expect("it is there until the drop")
    }

    /// The largest message it sends, in bytes.
    pub(crate) fn max_message(&self) -> usize {
        self.limit
    }

    pub(crate) fn handle(&self) -> Handle {
        self.writer.as_ref().expect("it is there").handle()
    }

    /// Bytes that wait in `outgoing`.
    pub(crate) fn unsent(&self) -> usize {
        self.outgoing.len() - self.gone
    }

    #[inline]
    pub(crate) fn put(&mut self, message: &[u8], wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        let prefix = codec::prefix(message.len(), self.limit)?;
        if !self.outgoing.is_empty() {
            return self.put_slices(&[IoSlice::new(message)], wait);
        }
        let slices = [IoSlice::new(&prefix), IoSlice::new(message)];
        let n = wait.write(self.writer(), &slices)?;
        if n == PREFIX + message.len() {
            return Ok(());
        }
        self.put_from(&Framed::new(&[IoSlice::new(message)], self.limit)?, n, wait)
    }

    pub(crate) fn put_slices(
        &mut self,
        slices: &[IoSlice<'_>],
        wait: &mut Wait<'_, '_>,
    ) -> Result<(), SendError> {
        self.put_from(&Framed::new(slices, self.limit)?, 0, wait)
    }

    /// Sends a message of which the first `sent` bytes have left already, behind what is to leave
    /// ahead of it.
    fn put_from(
        &mut self,
        message: &Framed<'_>,
        sent: usize,
        wait: &mut Wait<'_, '_>,
    ) -> Result<(), SendError> {
        let mut at = At::default();
        at.advance(message, sent);
        while at.bytes < message.size() {
            let mut window = [IoSlice::new(&[]); WINDOW];
            let ahead = &self.outgoing[self.gone..];
            let mut count = 0;
            for slice in std::iter::once(ahead)
                .filter(|ahead| !ahead.is_empty())
                .chain(message.rest(at))
                .take(WINDOW)
            {
                window[count] = IoSlice::new(slice);
                count += 1;
            }
            let writer = self.writer.as_mut().expect("it is there until the drop");
            match wait.write(writer, &window[..count]) {
                Ok(n) => {
                    let of_ahead = n.min(ahead.len());
                    self.left(of_ahead);
                    at.advance(message, n - of_ahead);
                }
                Err(error) => {
                    let error = SendError::from(error);
                    if at.bytes == 0 {
                        return Err(error);
                    }
                    // Whatever comes next, the rest leaves ahead of it: never a torn message.
                    for slice in message.rest(at) {
                        self.outgoing.extend_from_slice(slice);
                    }
                    return Err(match error {
                        SendError::TimedOut | SendError::WouldBlock => SendError::Unfinished,
                        other => other,
                    });
                }
            }
        }
        Ok(())
    }

    /// Notes that the first `n` unsent bytes have left.
    fn left(&mut self, n: usize) {
        self.gone += n;
        if self.gone == self.outgoing.len() {
            self.gone = 0;
            self.outgoing.clear();
            // The room of a batch is kept for the next; that of a large message is not.
            if self.outgoing.capacity() > 2 * BATCH {
                self.outgoing = Vec::new();
            }
        }
    }

    /// Sends what the queue holds.
    fn drain(&mut self, wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        while self.unsent() > 0 {
            let writer = self.writer.as_mut().expect("it is there until the drop");
            let n = wait.write(writer, &[IoSlice::new(&self.outgoing[self.gone..])])?;
            self.left(n);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn batch(
        &mut self,
        message: &[u8],
        wait: &mut Wait<'_, '_>,
    ) -> Result<(), SendError> {
        let prefix = codec::prefix(message.len(), self.limit)?;
        let size = PREFIX + message.len();
        self.writer().check()?;
        if self.unsent() + size > BATCH {
            if size > BATCH {
                return self.put(message, wait);
            }
            let drained = self.drain(wait);
            // A little room will do.
            if self.unsent() + size > BATCH {
                drained?;
            }
        }
        // What has left does not stay for long if something always waits behind it.
        if self.gone > BATCH {
            self.outgoing.drain(..self.gone);
            self.gone = 0;
        }
        self.outgoing.extend_from_slice(&prefix);
        self.outgoing.extend_from_slice(message);
        Ok(())
    }

    pub(crate) fn flush_with(&mut self, wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        self.drain(wait)?;
        Ok(wait.flush(self.writer())?)
    }

    /// The part of an asynchronous send that decides whether the message is taken.
    pub(crate) fn poll_put(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<(), SendError>> {
        match self.put_slices(slices, &mut Wait::Poll(cx)) {
            Err(SendError::WouldBlock) => Poll::Pending,
            // It is taken: the rest is the queue's.
            Err(SendError::Unfinished) => Poll::Ready(Ok(())),
            other => Poll::Ready(other),
        }
    }

    /// Sends what the queue holds, without a flush of the channel.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        pending(self.drain(&mut Wait::Poll(cx)))
    }

    pub(crate) fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        message: &[u8],
    ) -> Poll<Result<(), SendError>> {
        match self.batch(message, &mut Wait::Poll(cx)) {
            Err(SendError::Unfinished) => Poll::Ready(Ok(())),
            other => pending(other),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        pending(self.flush_with(&mut Wait::Poll(cx)))
    }

    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        pending(self.finish_with(&mut Wait::Poll(cx)))
    }

    pub(crate) fn finish_with(&mut self, wait: &mut Wait<'_, '_>) -> Result<(), SendError> {
        match self.flush_with(wait) {
            Ok(()) => Ok(self.writer().finish()?),
            Err(SendError::Finished) if self.unsent() == 0 => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            let mut rest = std::mem::take(&mut self.outgoing);
            rest.drain(..self.gone);
            writer.finish_after(rest);
        }
    }
}

impl Half for Outbound {
    fn register(&mut self, poller: &Poller, key: Key) {
        self.writer().register(poller, key);
    }

    fn deregister(&mut self) {
        self.writer().deregister();
    }
}

/// In a poll function, "would block" means that the waker will be woken.
fn pending(result: Result<(), SendError>) -> Poll<Result<(), SendError>> {
    match result {
        Err(SendError::WouldBlock) => Poll::Pending,
        other => Poll::Ready(other),
    }
}
