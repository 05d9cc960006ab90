//! What both sides speak over a channel: bytes, or messages. And what it means, for whoever runs
//! the program, when the other side turns out to speak something else.

use channel::{Channel, Receipt, WriteError};
use message_queue::{MessageQueue, ReceiveError, SendError};
use serde::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::human;

/// What to look at when a server takes or sends back less than all bytes.
pub const NO_BYTES: &str = "does an echo server listen there, and not one that runs --as messages?";

/// What to look at when a server takes or sends back less than all messages.
pub const NO_MESSAGES: &str = "does an echo server listen there, with as large a --max-message?";

/// What goes over the channels of a server and its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    Bytes,
    Messages {
        /// The largest that is sent or taken.
        max: usize,
    },
}

impl Speech {
    pub fn name(self) -> &'static str {
        match self {
            Speech::Bytes => "bytes",
            Speech::Messages { .. } => "messages",
        }
    }

    /// The largest message, where there are any.
    pub fn max_message(self) -> Option<usize> {
        match self {
            Speech::Bytes => None,
            Speech::Messages { max } => Some(max),
        }
    }

    /// Refuses messages that could not be sent.
    pub fn check_size(self, size: usize) -> Result<()> {
        match self {
            Speech::Messages { max } if size > max => Err(Error::OverLimit {
                size: human::size(size as u64),
                max: human::size(max as u64),
            }),
            _ => Ok(()),
        }
    }

    /// An option that says something about messages was given, which is only right if there are any.
    pub fn needs_messages(self, flag: &'static str, given: bool) -> Result<()> {
        match self {
            Speech::Bytes if given => Err(Error::OnlyMessages { flag }),
            _ => Ok(()),
        }
    }

    /// What to look at when a server takes or sends back less than all.
    pub fn is_it_understood(self) -> &'static str {
        match self {
            Speech::Bytes => NO_BYTES,
            Speech::Messages { .. } => NO_MESSAGES,
        }
    }
}

impl Serialize for Speech {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Messages over a channel, of this size at most.
pub fn queue(channel: Channel, max: usize) -> MessageQueue {
    MessageQueue::with_max_message(channel, max)
}

/// Whether what came could not be understood as messages. Nothing after it can.
fn is_strange(error: &ReceiveError) -> bool {
    matches!(
        error,
        ReceiveError::TooLarge(_) | ReceiveError::Truncated(_)
    )
}

/// Why nothing was received from a peer, and what to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum NotReceived {
    /// What came are no messages that can be taken.
    Strange(String),
    Other(String),
}

impl NotReceived {
    /// From `peer` ("client" or "server"). `next`: what another attempt to receive says.
    pub fn of(
        error: &ReceiveError,
        peer: &str,
        next: impl FnOnce() -> Option<ReceiveError>,
    ) -> NotReceived {
        if !is_strange(error) {
            return NotReceived::Other(said(error, peer));
        }
        match next() {
            // A peer that is lost in the middle of a message has not sent anything strange.
            Some(lost @ (ReceiveError::PeerLost(_) | ReceiveError::Broken(_))) => {
                NotReceived::Other(said(&lost, peer))
            }
            _ => NotReceived::Strange(said(error, peer)),
        }
    }
}

/// Why nothing was received from the server, in words.
pub fn not_received(error: &ReceiveError, next: impl FnOnce() -> Option<ReceiveError>) -> String {
    match NotReceived::of(error, "server", next) {
        NotReceived::Strange(said) | NotReceived::Other(said) => said,
    }
}

fn said(error: &ReceiveError, peer: &str) -> String {
    match error {
        ReceiveError::TooLarge(claim) => format!(
            "{claim}: is the {peer} running --as bytes? If it does send such messages, give both \
             sides a larger --max-message"
        ),
        ReceiveError::Truncated(cut) => format!("{cut}: is the {peer} running --as bytes?"),
        ReceiveError::PeerClosed => {
            format!("the {peer} ended the stream too early; {NO_MESSAGES}")
        }
        error => error.to_string(),
    }
}

/// Why the server was not sent a message, and what to do next.
pub fn not_sent(error: &SendError) -> String {
    match error {
        SendError::TooLarge(size) => {
            format!("{size}; give both sides a larger --max-message, or send less")
        }
        SendError::PeerClosed => format!("{error}; {NO_MESSAGES}"),
        error => error.to_string(),
    }
}

/// Why the server was not written bytes, and what to do next.
pub fn not_written(error: &WriteError) -> String {
    match error {
        WriteError::PeerClosed => format!("{error}; {NO_BYTES}"),
        error => error.to_string(),
    }
}

/// A close receipt in words.
pub fn receipt(receipt: Receipt) -> String {
    match receipt {
        Receipt::Complete => "complete".into(),
        Receipt::Partial { read, unread } => {
            format!("partial: {read} bytes read, {unread} not")
        }
        _ => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use message_queue::codec::{TooLarge, Truncated};

    // shows E3
    #[test]
    fn what_is_no_message_is_told_with_what_to_look_at() {
        let claim = TooLarge {
            length: 1_751_477_356,
            limit: 16 << 20,
        };
        let strange = |error, peer| match NotReceived::of(&error, peer, || None) {
            NotReceived::Strange(said) => said,
            other => panic!("{other:?}"),
        };
        let said = strange(claim.into(), "client");
        assert!(said.contains("1751477356 bytes"), "{said}");
        assert!(said.contains("is the client running --as bytes?"), "{said}");
        assert!(said.contains("--max-message"), "{said}");
        let cut = Truncated::Prefix { received: 3 };
        let said = strange(cut.into(), "server");
        assert!(said.contains("is the server running --as bytes?"), "{said}");
        assert!(not_sent(&claim.into()).contains("--max-message"));

        let lost = || Some(ReceiveError::Broken(io::Error::other("cable")));
        let said = not_received(&cut.into(), lost);
        assert!(said.contains("cable"), "{said}");
        assert!(!said.contains("--as bytes"), "{said}");
    }

    // shows E3
    #[test]
    fn options_about_messages_need_messages() {
        let messages = Speech::Messages { max: 100 };
        assert!(messages.needs_messages("--batch", true).is_ok());
        assert!(Speech::Bytes.needs_messages("--batch", false).is_ok());
        let error = Speech::Bytes.needs_messages("--batch", true).unwrap_err();
        assert!(error.to_string().contains("--as messages"), "{error}");
        assert!(messages.check_size(100).is_ok());
        assert!(messages.check_size(101).is_err());
        assert!(Speech::Bytes.check_size(usize::MAX).is_ok());
    }
}
