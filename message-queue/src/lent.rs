//! A message where it lies.

use std::ops::Deref;

use crate::inbound::{Inbound, Place};

/// A message that is lent where it lies; see
/// [`MessageReceiver::receive_ref`](crate::MessageReceiver::receive_ref). Dropping it takes the message out of the queue.
///
/// ```
/// # use channel::Domain;
/// # use message_queue::QueueBroker;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let domain = Domain::new();
/// # let server = QueueBroker::from(domain.broker("server")?);
/// # let client = QueueBroker::from(domain.broker("client")?);
/// # let accepting = std::thread::spawn(move || server.accept(1));
/// let (mut sender, _) = client.connect("server", 1)?.split();
/// # let accepted = accepting.join().unwrap()?;
/// let (_, mut receiver) = accepted.split();
/// sender.send(b"look, no copy")?;
/// let message = receiver.receive_ref()?;
/// assert_eq!(&*message, b"look, no copy");
/// # Ok(()) }
/// ```
pub struct MessageRef<'a> {
    receiver: &'a mut Inbound,
    place: Place,
}

impl<'a> MessageRef<'a> {
    #[inline]
    pub(crate) fn new(receiver: &'a mut Inbound, place: Place) -> MessageRef<'a> {
        MessageRef { receiver, place }
    }

    /// The message as a value of its own; without a copy if it had to be gathered anyway.
    pub fn into_vec(self) -> Vec<u8> {
        match self.place {
            // The guard's drop finds nothing left to do.
            Place::Gathered => self.receiver.take_gathered(),
            _ => self.to_vec(),
        }
    }
}

impl Deref for MessageRef<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.receiver.place(&self.place)
    }
}

impl AsRef<[u8]> for MessageRef<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for MessageRef<'_> {
    #[inline]
    fn drop(&mut self) {
        self.receiver.release();
    }
}

impl std::fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MessageRef").field(&&**self).finish()
    }
}
