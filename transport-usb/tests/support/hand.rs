//! Two links at the ends of a wire, driven by hand as a driver does it, on one thread: a half that found nothing is
//! asked again only when the link has called. So a call that is missing is a stream that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use transport_link::{Descriptors, Link};
use transport_usb::{BulkLink, Queue};

use super::event::is_readable;
use super::memory::{End, Told, Wire};
use super::random::Random;

/// One end.
pub struct Side {
    wire: Wire,
    end: End,
    link: BulkLink,
    called: Arc<Flag>,
    readable: bool,
    writable: bool,
    /// What is to be sent, and how much of it was.
    pub send: Vec<u8>,
    pub sent: usize,
    pub got: Vec<u8>,
    flushed: bool,
    /// The writer was told that it takes no more.
    pub torn: bool,
    /// What the link ended with.
    pub error: Option<std::io::Error>,
    /// Reads nothing.
    pub deaf: bool,
    /// Writes so many bytes at a time, and not some.
    pub piece: Option<usize>,
    /// Uses the buffers that the link lends, where it does: always, never, or now and then.
    pub lends: Option<bool>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        // Relaxed: one thread.
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Side {
    pub fn new(
        wire: &Wire,
        end: End,
        told: Told,
        how: Queue,
        send: Vec<u8>,
    ) -> std::io::Result<Side> {
        Ok(Side {
            wire: wire.clone(),
            end,
            link: BulkLink::new(wire.attach(end, told), how)?,
            called: Arc::new(Flag(AtomicBool::new(false))),
            readable: true,
            writable: true,
            send,
            sent: 0,
            got: Vec::new(),
            flushed: false,
            torn: false,
            error: None,
            deaf: false,
            piece: None,
            lends: None,
        })
    }

    pub fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Asks both halves, as far as they are to be asked; whether one was.
    fn turn(&mut self, random: &mut Random) -> bool {
        if self.error.is_some() {
            return false;
        }
        // The descriptor is looked at by who is about to sleep.
        let called = self.called.0.swap(false, Ordering::Relaxed);
        if called || self.is_idle() && self.has_news() {
            (self.readable, self.writable) = (true, true);
        }
        let waker = Waker::from(self.called.clone());
        let mut cx = Context::from_waker(&waker);
        let mut asked = false;
        for _ in 0..random.below(4) {
            asked |= self.read(&mut cx, random);
        }
        for _ in 0..random.below(4) {
            asked |= self.write(&mut cx, random);
        }
        asked || !self.is_idle()
    }

    /// Whether there is nothing to ask for.
    fn is_idle(&self) -> bool {
        let reads = self.readable && !self.deaf;
        let writes = self.writable && !self.flushed && !self.torn;
        self.error.is_some() || !reads && !writes
    }

    fn has_news(&self) -> bool {
        match self.link.descriptors() {
            Some(Descriptors::News(news)) => is_readable(news),
            _ => false,
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, random: &mut Random) -> bool {
        if !self.readable || self.deaf {
            return false;
        }
        let lends = self.lends(random);
        let most = 1 + random.below(40_000) as usize;
        let read = match self.link.lends().filter(|_| lends) {
            None => {
                let mut into = vec![0; most];
                let read = self.link.poll_read(cx, &mut into);
                read.map_ok(|n| self.got.extend_from_slice(&into[..n]))
            }
            Some(lent) => match lent.poll_received(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(bytes)) => {
                    assert!(!bytes.is_empty(), "an end, which USB does not have");
                    let n = bytes.len().min(most);
                    self.got.extend_from_slice(&bytes[..n]);
                    lent.consume(n);
                    Poll::Ready(Ok(()))
                }
            },
        };
        match read {
            Poll::Pending => self.readable = false,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => self.error = Some(error),
        }
        true
    }

    fn write(&mut self, cx: &mut Context<'_>, random: &mut Random) -> bool {
        if !self.writable || self.error.is_some() || self.flushed || self.torn {
            return false;
        }
        let left = &self.send[self.sent..];
        if left.is_empty() {
            match self.link.poll_flush(cx) {
                Poll::Pending => self.writable = false,
                Poll::Ready(Ok(())) => {
                    assert!(self.wire.left(self.end).is_empty(), "flushed, and not sent");
                    self.flushed = true;
                }
                Poll::Ready(Err(_)) => self.tears(),
            }
            return true;
        }
        let some = 1 + random.below(40_000) as usize;
        let most = left.len().min(self.piece.unwrap_or(some));
        let lends = self.lends(random);
        let left = &self.send[self.sent..];
        let written = match self.link.lends().filter(|_| lends) {
            None => self.link.poll_write(cx, &left[..most]),
            Some(lent) => match lent.poll_room(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(room)) => {
                    let n = most.min(room.len());
                    room[..n].copy_from_slice(&left[..n]);
                    Poll::Ready(lent.send(n).map(|()| n))
                }
            },
        };
        match written {
            Poll::Pending => self.writable = false,
            Poll::Ready(Ok(n)) => {
                assert!((1..=most).contains(&n), "{n} of {most} bytes were taken");
                self.sent += n;
            }
            Poll::Ready(Err(_)) => self.tears(),
        }
        true
    }

    fn lends(&self, random: &mut Random) -> bool {
        self.lends.unwrap_or_else(|| random.below(2) == 0)
    }

    /// As the driver does it: what has come is still read, up to the error.
    fn tears(&mut self) {
        self.torn = true;
        self.readable = true;
    }
}

/// Drives both until neither has been asked: nobody has called.
pub fn drive(sides: &mut [Side; 2], random: &mut Random) {
    loop {
        let mut asked = false;
        for side in &mut *sides {
            asked |= side.turn(random);
        }
        if !asked {
            return;
        }
    }
}

/// Bytes that tell where they are, and whose.
pub fn bytes(of: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(of);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.below(u64::MAX).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
