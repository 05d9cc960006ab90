//! Errors of reading and writing.

use std::io;

use thiserror::Error;

/// Why a read gave no bytes. End of stream is not an error but `Ok(0)`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// This side has disconnected the channel.
    #[error("this side has disconnected the channel; connect or accept a new one")]
    Disconnected,
    /// The peer is lost: it crashed, was reset or unplugged. Everything that did arrive was read.
    #[error("the peer is lost (it did not disconnect in an orderly way); connect again: {0}")]
    PeerLost(#[source] io::Error),
    /// The time limit passed before a byte came. Nothing is lost; read again.
    #[error("no byte came within the time limit; read again to go on waiting")]
    TimedOut,
    /// A call that never blocks found nothing to read.
    #[error("nothing to read yet")]
    WouldBlock,
    /// The connection is broken in a way that the transport describes.
    #[error("the connection is broken: {0}")]
    Broken(#[source] io::Error),
}

impl ReadError {
    pub(crate) fn from_transport(error: io::Error) -> ReadError {
        match error.kind() {
            io::ErrorKind::NotConnected => ReadError::Disconnected,
            io::ErrorKind::TimedOut => ReadError::TimedOut,
            kind if is_loss(kind) => ReadError::PeerLost(error),
            _ => ReadError::Broken(error),
        }
    }
}

/// Why a write took no bytes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// This side has disconnected the channel.
    #[error("this side has disconnected the channel; connect or accept a new one")]
    Disconnected,
    /// This side has finished writing; reading goes on.
    #[error("this side has finished writing on the channel")]
    Finished,
    /// The peer has disconnected, or dropped its reader: nobody would read these bytes.
    #[error("the peer reads no more from this channel")]
    PeerClosed,
    /// The peer is lost: it crashed, was reset or unplugged.
    #[error("the peer is lost (it did not disconnect in an orderly way); connect again: {0}")]
    PeerLost(#[source] io::Error),
    /// The time limit passed before a byte fitted. Nothing was taken.
    #[error(
        "no room within the time limit: the peer does not read; nothing was taken, write again"
    )]
    TimedOut,
    /// A call that never blocks found no room.
    #[error("no room yet")]
    WouldBlock,
    /// The connection is broken in a way that the transport describes.
    #[error("the connection is broken: {0}")]
    Broken(#[source] io::Error),
}

impl WriteError {
    pub(crate) fn from_transport(error: io::Error) -> WriteError {
        match error.kind() {
            io::ErrorKind::NotConnected => WriteError::Disconnected,
            io::ErrorKind::BrokenPipe => WriteError::PeerClosed,
            io::ErrorKind::TimedOut => WriteError::TimedOut,
            kind if is_loss(kind) => WriteError::PeerLost(error),
            _ => WriteError::Broken(error),
        }
    }
}

fn is_loss(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
    )
}

/// A `write_all` that was cut short. It is also the payload of the [`io::Error`] that the
/// [`std::io::Write`] implementation and `From` give:
///
/// ```
/// # use channel::{WriteAllError, WriteError};
/// let error = std::io::Error::from(WriteAllError { written: 5, error: WriteError::PeerClosed });
/// let ours: &WriteAllError = error.get_ref().unwrap().downcast_ref().unwrap();
/// assert_eq!(ours.written, 5);
/// ```
#[derive(Debug, Error)]
#[error("cut short after {written} bytes: {error}")]
pub struct WriteAllError {
    /// How many bytes from the start of the buffer were written. They stay readable for the peer
    /// unless it is lost.
    pub written: usize,
    /// Why it ended.
    #[source]
    pub error: WriteError,
}

/// A `read_exact` that was cut short.
#[derive(Debug, Error)]
#[error("cut short after {read} of {wanted} bytes: {}", .error.as_ref().map_or_else(|| "end of stream".to_string(), ToString::to_string))]
pub struct ReadExactError {
    /// How many bytes at the start of the buffer were filled; they are taken out of the stream.
    pub read: usize,
    /// How many were asked for.
    pub wanted: usize,
    /// Why it ended; `None` at the orderly end of the stream.
    #[source]
    pub error: Option<ReadError>,
}

into_io!(ReadError:
    Disconnected => io::ErrorKind::NotConnected,
    PeerLost(_) => io::ErrorKind::ConnectionReset,
    TimedOut => io::ErrorKind::TimedOut,
    WouldBlock => io::ErrorKind::WouldBlock,
    Broken(error) => error.kind(),
);
into_io!(WriteError:
    Disconnected => io::ErrorKind::NotConnected,
    Finished | PeerClosed => io::ErrorKind::BrokenPipe,
    PeerLost(_) => io::ErrorKind::ConnectionReset,
    TimedOut => io::ErrorKind::TimedOut,
    WouldBlock => io::ErrorKind::WouldBlock,
    Broken(error) => error.kind(),
);

impl From<WriteAllError> for io::Error {
    fn from(error: WriteAllError) -> io::Error {
        io::Error::new(error.error.kind(), error)
    }
}

impl From<ReadExactError> for io::Error {
    fn from(error: ReadExactError) -> io::Error {
        let kind = error
            .error
            .as_ref()
            .map_or(io::ErrorKind::UnexpectedEof, ReadError::kind);
        io::Error::new(kind, error)
    }
}
