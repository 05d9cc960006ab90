//! The errors as [`io::Error`]s.

use std::io;

use crate::hello::HelloError;
use crate::record::RecordError;

/// [`InvalidInput`](io::ErrorKind::InvalidInput) for what we were asked to send,
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) for a stream that ended inside a message,
/// [`InvalidData`](io::ErrorKind::InvalidData) for everything else; the error is the payload.
impl From<HelloError> for io::Error {
    fn from(e: HelloError) -> Self {
        let kind = match e {
            HelloError::TextTooLong { .. } => io::ErrorKind::InvalidInput,
            HelloError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, e)
    }
}

/// [`ConnectionReset`](io::ErrorKind::ConnectionReset) for a lost peer,
/// [`InvalidData`](io::ErrorKind::InvalidData) for everything else; the error is the payload.
impl From<RecordError> for io::Error {
    fn from(e: RecordError) -> Self {
        let kind = match e {
            RecordError::NoEnd { .. } => io::ErrorKind::ConnectionReset,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, e)
    }
}
