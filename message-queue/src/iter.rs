//! Messages as an iterator.

use crate::error::ReceiveError;

/// Messages up to the end, or up to an error, which is the last item.
pub(crate) struct Messages<F> {
    receive: F,
    over: bool,
}

impl<F> Messages<F> {
    pub(crate) fn new(receive: F) -> Messages<F> {
        Messages {
            receive,
            over: false,
        }
    }
}

impl<F: FnMut() -> Result<Vec<u8>, ReceiveError>> Iterator for Messages<F> {
    type Item = Result<Vec<u8>, ReceiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let result = (self.receive)();
        self.over = result.is_err();
        match result {
            Err(ReceiveError::PeerClosed | ReceiveError::Closed) => None,
            other => Some(other),
        }
    }
}
