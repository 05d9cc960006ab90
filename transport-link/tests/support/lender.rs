//! A link that lends: any other one, with buffers in front of it.

use std::io;
use std::task::{Context, Poll, ready};

use transport_link::{Descriptors, Lend, Link};

/// Lends buffers of so many bytes, and is not asked to copy.
pub struct Lender<L> {
    link: L,
    into: Box<[u8]>,
    /// What of it was received and not consumed.
    from: usize,
    to: usize,
    out: Box<[u8]>,
    /// How much of it was sent, and how much is to be.
    sent: usize,
    length: usize,
}

impl<L: Link> Lender<L> {
    pub fn new(link: L, bytes: usize) -> Lender<L> {
        Lender {
            link,
            into: vec![0; bytes].into(),
            from: 0,
            to: 0,
            out: vec![0; bytes].into(),
            sent: 0,
            length: 0,
        }
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.length {
            let left = &self.out[self.sent..self.length];
            self.sent += ready!(self.link.poll_write(cx, left))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<L: Link> Lend for Lender<L> {
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.from == self.to {
            self.to = ready!(self.link.poll_read(cx, &mut self.into))?;
            self.from = 0;
        }
        Poll::Ready(Ok(&self.into[self.from..self.to]))
    }

    fn consume(&mut self, n: usize) {
        self.from += n;
        assert!(n > 0 && self.from <= self.to, "more than was given");
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut [u8]>> {
        ready!(self.poll_sent(cx))?;
        // Whatever it holds.
        self.out.fill(0xee);
        Poll::Ready(Ok(&mut self.out))
    }

    fn send(&mut self, n: usize) -> io::Result<()> {
        assert_eq!(self.sent, self.length, "it was not asked for room");
        (self.sent, self.length) = (0, n);
        assert!((1..=self.out.len()).contains(&n), "{n} bytes");
        Ok(())
    }
}

impl<L: Link> Link for Lender<L> {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        panic!("it lends what it has received")
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("it lends room")
    }

    fn lends(&mut self) -> Option<&mut dyn Lend> {
        Some(self)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        self.link.poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        assert_eq!(self.sent, self.length, "it was not flushed");
        self.link.finish()
    }

    fn descriptors(&self) -> Option<Descriptors<'_>> {
        self.link.descriptors()
    }
}
