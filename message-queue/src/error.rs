//! Errors of sending and receiving: one per operation, with a fixed [`io::ErrorKind`] each.

use std::io;

use channel::{ReadError, WriteError};
use thiserror::Error;

use crate::codec::{TooLarge, Truncated};

/// Why a message was not sent, or not all of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message is over the limit. Nothing of it was sent, and the queue can still be used.
    #[error("{0}: nothing was sent; send less, or raise the limit at both ends")]
    TooLarge(#[from] TooLarge),
    /// The time limit passed, and nothing of the message was sent: it is still the caller's. From a
    /// flush: what the queue holds is not all sent yet.
    #[error("no room within the time limit, and nothing was sent; send again")]
    TimedOut,
    /// A call that never blocks found no room, or another thread sending. Nothing of the message
    /// was sent. From a flush: what the queue holds is not all sent yet.
    #[error("no room yet, and nothing was sent")]
    WouldBlock,
    /// The call ended in the middle of the message. The queue keeps the unsent rest and sends it
    /// ahead of whatever is next (a send, a flush, the close): **do not send it again**.
    #[error(
        "cut short inside the message; the queue keeps the rest and sends it ahead of the next: \
         flush, and do not send it again"
    )]
    Unfinished,
    /// This side has closed the queue.
    #[error("this side has closed the queue; connect or accept a new one")]
    Closed,
    /// This side has finished sending; receiving goes on.
    #[error("this side has finished sending on the queue")]
    Finished,
    /// The peer has closed the queue, or receives no more: nobody would get this message.
    #[error("the peer receives no more from this queue")]
    PeerClosed,
    /// The peer is lost: it crashed, was reset or unplugged.
    #[error("the peer is lost (it did not close in an orderly way); connect again: {0}")]
    PeerLost(#[source] io::Error),
    /// The connection is broken in a way that the transport describes.
    #[error("the connection is broken: {0}")]
    Broken(#[source] io::Error),
}

impl From<WriteError> for SendError {
    #[cold]
    fn from(error: WriteError) -> SendError {
        match error {
            WriteError::Disconnected => SendError::Closed,
            WriteError::Finished => SendError::Finished,
            WriteError::PeerClosed => SendError::PeerClosed,
            WriteError::PeerLost(reason) => SendError::PeerLost(reason),
            WriteError::TimedOut => SendError::TimedOut,
            WriteError::WouldBlock => SendError::WouldBlock,
            WriteError::Broken(reason) => SendError::Broken(reason),
            other => SendError::Broken(other.into()),
        }
    }
}

/// Why no message was received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The peer has closed the queue or finished sending, and all its messages were received.
    #[error("the peer has closed the queue, and all its messages were received")]
    PeerClosed,
    /// This side has closed the queue.
    #[error("this side has closed the queue; connect or accept a new one")]
    Closed,
    /// The peer is lost: it crashed, was reset or unplugged. Every message that did arrive whole was
    /// received.
    #[error("the peer is lost (it did not close in an orderly way); connect again: {0}")]
    PeerLost(#[source] io::Error),
    /// The stream ended inside a message, or inside its length. The next call tells how it ended.
    #[error("the peer's last message is not whole: {0}")]
    Truncated(#[from] Truncated),
    /// The peer announced a message over the limit. Nothing was allocated for it; what follows cannot
    /// be told apart from it, so the queue was closed.
    #[error("the peer announces too much: {0}; the queue is closed (raise the limit at this end)")]
    TooLarge(#[from] TooLarge),
    /// The message does not fit into the caller's buffer. It is kept: receive again, with more room.
    #[error("a message of {length} bytes does not fit into a buffer of {capacity}; it is kept")]
    BufferTooSmall {
        /// Bytes in the message.
        length: usize,
        /// Bytes in the buffer.
        capacity: usize,
    },
    /// The time limit passed. Nothing is lost; what has arrived of a message is kept.
    #[error("no message within the time limit; receive again to go on waiting")]
    TimedOut,
    /// A call that never blocks found no whole message, or another thread receiving.
    #[error("no message yet")]
    WouldBlock,
    /// The connection is broken in a way that the transport describes.
    #[error("the connection is broken: {0}")]
    Broken(#[source] io::Error),
}

impl From<ReadError> for ReceiveError {
    #[cold]
    fn from(error: ReadError) -> ReceiveError {
        match error {
            ReadError::Disconnected => ReceiveError::Closed,
            ReadError::PeerLost(reason) => ReceiveError::PeerLost(reason),
            ReadError::TimedOut => ReceiveError::TimedOut,
            ReadError::WouldBlock => ReceiveError::WouldBlock,
            ReadError::Broken(reason) => ReceiveError::Broken(reason),
            other => ReceiveError::Broken(other.into()),
        }
    }
}

impl SendError {
    fn kind(&self) -> io::ErrorKind {
        match self {
            SendError::TooLarge(_) => io::ErrorKind::InvalidInput,
            SendError::TimedOut => io::ErrorKind::TimedOut,
            SendError::WouldBlock => io::ErrorKind::WouldBlock,
            // Not one that stands for "try again".
            SendError::Unfinished => io::ErrorKind::Other,
            SendError::Closed => io::ErrorKind::NotConnected,
            SendError::Finished | SendError::PeerClosed => io::ErrorKind::BrokenPipe,
            SendError::PeerLost(_) => io::ErrorKind::ConnectionReset,
            SendError::Broken(reason) => reason.kind(),
        }
    }
}

impl ReceiveError {
    fn kind(&self) -> io::ErrorKind {
        match self {
            ReceiveError::PeerClosed | ReceiveError::Truncated(_) => io::ErrorKind::UnexpectedEof,
            ReceiveError::Closed => io::ErrorKind::NotConnected,
            ReceiveError::PeerLost(_) => io::ErrorKind::ConnectionReset,
            ReceiveError::TooLarge(_) => io::ErrorKind::InvalidData,
            ReceiveError::BufferTooSmall { .. } => io::ErrorKind::InvalidInput,
            ReceiveError::TimedOut => io::ErrorKind::TimedOut,
            ReceiveError::WouldBlock => io::ErrorKind::WouldBlock,
            ReceiveError::Broken(reason) => reason.kind(),
        }
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}
