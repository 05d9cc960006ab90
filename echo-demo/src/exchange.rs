//! One message there and back, whatever the echo server makes of it.
//!
//! A server of messages takes all of one before it sends it back. A server of bytes echoes the same
//! frames piece by piece, and stops reading when nobody reads what comes back: a message larger than
//! all buffers on the way then gets no further until this side goes on in both directions at once.

use std::time::Duration;

use channel::{Channel, Poller};
use message_queue::codec::PREFIX;
use message_queue::{MessageQueue, ReceiveError, SendError};

use crate::speech::{not_received, not_sent, queue};

/// A message that is not taken within this time may wait for us to receive.
const STANDSTILL: Duration = Duration::from_millis(20);

/// A queue to an echo server, with at most one message under way.
pub struct Exchange {
    pub queue: MessageQueue,
    /// What this side's receive buffer holds: what is no larger cannot stand still, since all of it
    /// can come back without being read.
    capacity: usize,
    /// Where to wait for both directions; once one message stood still, larger ones always do.
    poller: Option<Poller>,
}

impl Exchange {
    /// `capacity`: of this side's receive buffer.
    pub fn new(channel: Channel, max: usize, capacity: usize) -> Exchange {
        Exchange {
            queue: queue(channel, max),
            capacity,
            poller: None,
        }
    }

    /// Sends a message and receives one into `back`, of which it tells the length. Either direction
    /// may take `patience`, if there is any limit.
    pub fn round_trip(
        &mut self,
        message: &[u8],
        back: &mut [u8],
        patience: Option<Duration>,
    ) -> Result<usize, String> {
        if PREFIX + message.len() > self.capacity {
            if let Some(poller) = &self.poller {
                return both_ways(&self.queue, poller, Some(message), back, patience);
            }
            match self.queue.send_timeout(message, STANDSTILL) {
                Ok(()) => {}
                Err(late @ (SendError::TimedOut | SendError::Unfinished)) => {
                    let unsent = matches!(late, SendError::TimedOut).then_some(message);
                    let poller = self.poller.insert(Poller::new());
                    self.queue.register(poller, 0);
                    return both_ways(&self.queue, poller, unsent, back, patience);
                }
                Err(error) => return Err(not_sent(&error)),
            }
        } else {
            match patience {
                None => self.queue.send(message),
                Some(patience) => self.queue.send_timeout(message, patience),
            }
            .map_err(|error| not_sent(&error))?;
        }
        match patience {
            None => self.queue.receive_into(back),
            Some(patience) => self.queue.receive_into_timeout(back, patience),
        }
        .map_err(|error| not_received(&error, || self.queue.try_receive().err()))
    }
}

/// Goes on in whatever direction it can. `unsent`: nothing of it was sent; else what the queue has
/// left of one goes first.
fn both_ways(
    queue: &MessageQueue,
    poller: &Poller,
    mut unsent: Option<&[u8]>,
    back: &mut [u8],
    patience: Option<Duration>,
) -> Result<usize, String> {
    let patience = patience.unwrap_or(Duration::MAX);
    let mut keys = Vec::new();
    loop {
        let sent = match unsent {
            Some(message) => queue.try_send(message),
            None => queue.try_flush(),
        };
        match sent {
            Ok(()) | Err(SendError::Unfinished) => unsent = None,
            Err(SendError::WouldBlock) => {}
            Err(error) => return Err(not_sent(&error)),
        }
        match queue.try_receive_into(back) {
            Ok(length) => return Ok(length),
            Err(ReceiveError::WouldBlock) => {}
            Err(error) => return Err(not_received(&error, || queue.try_receive().err())),
        }
        keys.clear();
        if poller.wait_timeout(&mut keys, patience).is_none() {
            return Err(format!("nothing moved for {patience:?}"));
        }
    }
}
