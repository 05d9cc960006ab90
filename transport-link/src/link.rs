//! What a link is: bytes in, bytes out, between two devices.

use std::io;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

use crate::lend::Lend;

/// One opened link: a duplex stream of bytes that keeps its order. Whether it damages or loses some is for
/// [`Settings::noise`](crate::Settings::noise) to make good.
///
/// Only its driver's thread calls it. A poll function never blocks; where it says `Pending`, the waker of the
/// last call is woken when a further call is worth it (or the link has [descriptors](Link::descriptors)).
pub trait Link: Send {
    /// Reads what has arrived into `into`, which is not empty. `Ok(0)`: the other end is gone; so it is, too, after
    /// an error, and the link is closed.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Sends from `from`, which is not empty, at least one byte. After an error nothing is written any more, and the
    /// link is closed when what has arrived by then was read; a bare stream is read on until it ends by itself.
    ///
    /// What was taken cannot be overtaken any more: a link with a large buffer on a slow line makes urgent frames
    /// wait, and does better to take less.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>>;

    /// For a link that knows how fast its line is: until when the line has enough to do with what it was given.
    /// Nothing is asked of the mux, and nothing written, before that: so an urgent frame overtakes what is not yet
    /// chosen. `None`: never.
    fn busy_until(&self) -> Option<std::time::Instant> {
        None
    }

    /// For a link that has buffers of its own: they are used instead of [`poll_read`](Link::poll_read) and
    /// [`poll_write`](Link::poll_write), which saves a copy each way. If this is `Some`, it always is.
    fn lends(&mut self) -> Option<&mut dyn Lend> {
        None
    }

    /// Ready when everything that was written is out of this process. The link is dropped only after that, if
    /// nothing breaks.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Nothing more will be written: tells the other end so, if the link has a way (a half-close). For plain mode.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What the driver's thread can sleep on itself, which saves it a switch of threads for each wake-up. If this
    /// is `Some`, it always is, and the wakers of the poll functions need not be woken (but see
    /// [`Descriptors::News`]): after `Pending` they are called again when the system says that the descriptor is ready.
    #[cfg(unix)]
    fn descriptors(&self) -> Option<Descriptors<'_>> {
        None
    }
}

/// What a link's driver sleeps on, in non-blocking mode.
#[cfg(unix)]
#[derive(Clone, Copy, Debug)]
pub enum Descriptors<'a> {
    /// A descriptor for each half. They may be the same.
    Halves {
        /// Readable when [`Link::poll_read`] is worth a call.
        read: BorrowedFd<'a>,
        /// Writable when [`Link::poll_write`] is worth a call.
        write: BorrowedFd<'a>,
    },
    /// One for both halves, such as an epoll: readable when one of the poll functions is worth a call, until one of
    /// them was called and took note of what had happened. If that is news for the other half as well, it wakes the
    /// waker of the other's last call.
    News(BorrowedFd<'a>),
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, from)
    }

    fn busy_until(&self) -> Option<std::time::Instant> {
        (**self).busy_until()
    }

    fn lends(&mut self) -> Option<&mut dyn Lend> {
        (**self).lends()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_flush(cx)
    }

    fn finish(&mut self) -> io::Result<()> {
        (**self).finish()
    }

    #[cfg(unix)]
    fn descriptors(&self) -> Option<Descriptors<'_>> {
        (**self).descriptors()
    }
}
