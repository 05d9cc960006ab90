//! One channel of the echo server of messages, in both styles.
//!
//! What arrived together leaves together: a message is fed to the sending half, which gathers small
//! ones, and whatever it has gathered is flushed before there is any waiting. Only a client whose next
//! bytes are no message may miss what was gathered by then: the queue is closed at once.

use channel::{Channel, Key, Poller};
use message_queue::codec::PREFIX;
use message_queue::{MessageReceiver, MessageRef, MessageSender, ReceiveError, SendError};

use super::{End, Served, TURN, Turn, Visit};
use crate::speech::{NotReceived, queue};

/// A channel being served. A client that does not receive is not received from either, so that what
/// is kept for it here does not grow: a batch of small messages, and one more message at most.
pub struct Messages {
    sender: MessageSender,
    receiver: MessageReceiver,
    /// A message that found no room. It goes ahead of the next.
    refused: Option<Vec<u8>>,
    visit: Visit,
}

impl Messages {
    pub fn new(channel: Channel, max: usize) -> Messages {
        let mut visit = Visit::new(&channel);
        visit.messages = Some(0);
        let (sender, receiver) = queue(channel, max).split();
        Messages {
            sender,
            receiver,
            refused: None,
            visit,
        }
    }

    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.receiver.register(poller, key);
        self.sender.register(poller, key);
    }

    pub fn ended(self, end: End) -> Served {
        self.visit.ended(end)
    }

    /// Sends every message back that comes, until the client has finished.
    pub fn echo(&mut self) -> End {
        self.echo_all().unwrap_or_else(|end| end)
    }

    fn echo_all(&mut self) -> Result<End, End> {
        let mut wait = false;
        loop {
            let stopped = match receive(&mut self.receiver, wait) {
                Ok(message) => {
                    self.sender.feed(&message)?;
                    self.visit.message(message.len());
                    wait = false;
                    continue;
                }
                Err(stopped) => stopped,
            };
            match stopped {
                ReceiveError::WouldBlock => self.sender.flush()?,
                ReceiveError::PeerClosed => {
                    self.sender.flush()?;
                    return Ok(End::Orderly);
                }
                error => return Err(self.cut(error)),
            }
            wait = true;
        }
    }

    /// Sends back what has arrived. While something waits for room, nothing more is received.
    pub fn turn(&mut self) -> Turn {
        self.advance().unwrap_or_else(Turn::Ended)
    }

    fn advance(&mut self) -> Result<Turn, End> {
        if !self.flushed()? || !self.sent_refused()? {
            return Ok(Turn::Waiting);
        }
        let mut moved = 0;
        while moved < TURN {
            let stopped = match self.receiver.try_receive_ref() {
                Ok(message) => {
                    let fed = self.sender.try_feed(&message);
                    if let Err(SendError::WouldBlock) = fed {
                        // Nothing of it was taken, and it would be gone with its loan.
                        self.refused = Some(message.into_vec());
                        return Ok(Turn::Waiting);
                    }
                    let done = is_done(fed)?;
                    moved += PREFIX + message.len();
                    self.visit.message(message.len());
                    if !done {
                        return Ok(Turn::Waiting);
                    }
                    continue;
                }
                Err(stopped) => stopped,
            };
            return match stopped {
                // If it is not flushed, the sending half waits too.
                ReceiveError::WouldBlock => self.flushed().map(|_| Turn::Waiting),
                ReceiveError::PeerClosed => Ok(match self.flushed()? {
                    true => Turn::Ended(End::Orderly),
                    false => Turn::Waiting,
                }),
                error => Err(self.cut(error)),
            };
        }
        Ok(Turn::More)
    }

    /// Sends the message that found no room before. Whether there is none any more.
    fn sent_refused(&mut self) -> Result<bool, End> {
        let Some(message) = self.refused.take() else {
            return Ok(true);
        };
        let sent = self.sender.try_send(&message);
        if let Err(SendError::WouldBlock) = sent {
            self.refused = Some(message);
            return Ok(false);
        }
        let done = is_done(sent)?;
        self.visit.message(message.len());
        Ok(done)
    }

    /// Sends what was fed, or says that it has to wait.
    fn flushed(&mut self) -> Result<bool, End> {
        match self.sender.try_flush() {
            Ok(()) => Ok(true),
            Err(SendError::WouldBlock) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing more can be received, and not because the client has finished.
    fn cut(&mut self, error: ReceiveError) -> End {
        match NotReceived::of(&error, "client", || self.receiver.try_receive().err()) {
            NotReceived::Strange(said) => End::Strange(said),
            NotReceived::Other(said) => End::Lost(said),
        }
    }
}

/// The next message; `wait`: until there is one.
fn receive(receiver: &mut MessageReceiver, wait: bool) -> Result<MessageRef<'_>, ReceiveError> {
    match wait {
        false => receiver.try_receive_ref(),
        true => receiver.receive_ref(),
    }
}

/// Whether a message that was taken is out of the way: else the sending half has the rest of it,
/// and waits for room.
fn is_done(taken: Result<(), SendError>) -> Result<bool, End> {
    match taken {
        Ok(()) => Ok(true),
        Err(SendError::Unfinished) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl From<SendError> for End {
    fn from(error: SendError) -> End {
        match error {
            SendError::PeerClosed => End::Refused,
            error => End::Lost(error.to_string()),
        }
    }
}
