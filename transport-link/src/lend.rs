//! What a link can lend: its own buffers, so that nothing is copied between them and others.

use std::io;
use std::task::{Context, Poll};

/// The buffers of a [`Link`](crate::Link) that lends them, see [`Link::lends`](crate::Link::lends): what is sent is
/// written where the link sends it from, and what was received is read where the link has put it.
///
/// The poll functions never block; `Pending` means what it means for those of the link.
pub trait Lend {
    /// What has arrived, or the first part of it. It remains until it is [consumed](Lend::consume): the next call
    /// gives what was left. No bytes: the other end is gone. Ends and errors as with
    /// [`poll_read`](crate::Link::poll_read).
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>>;

    /// The first `n` bytes of what was received are not needed any more. It is at most as many as were given.
    fn consume(&mut self, n: usize);

    /// Room for what is to be sent next, at least [`MIN_TRANSMIT`](crate::MIN_TRANSMIT) bytes, whatever they hold.
    /// Whoever asks need not use it, and gets it again. While there is none, nothing is flushed. Errors as with
    /// [`poll_write`](crate::Link::poll_write).
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut [u8]>>;

    /// Sends the first `n` bytes of the room, all of them: at least one, and at most what was lent. After that, it is
    /// to be asked for room again.
    ///
    /// # Errors
    /// As with [`poll_write`](crate::Link::poll_write).
    fn send(&mut self, n: usize) -> io::Result<()>;
}
