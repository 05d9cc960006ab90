//! What whoever dials is told, and what to do about it.

use std::io;

use channel::DialError;
use link_mux::Refusal;

/// The other end speaks another version of the protocol.
pub(crate) fn version(theirs: u8) -> String {
    format!(
        "the other end of the link speaks version {theirs} of the protocol, which this end does not: update the older \
         of the two"
    )
}

/// This end hears itself.
pub(crate) const LOOP: &str = "what is sent over this link comes back: is its line looped, or does something echo at \
                               the other end (a terminal with `echo` on, a login prompt)?";

/// The other end refused a channel.
pub(crate) fn refused(why: Refusal) -> DialError {
    match why {
        Refusal::NobodyListens => DialError::NotFound,
        Refusal::Limit => io::Error::new(
            io::ErrorKind::QuotaExceeded,
            "the other end of the link refused: a limit of its channels, of their buffers together, or of its backlog \
             is reached; close some, or raise its limits",
        )
        .into(),
        other => io::Error::new(
            io::ErrorKind::ConnectionRefused,
            format!("the other end of the link refused: {other:?}"),
        )
        .into(),
    }
}
