//! One client of messages: cuts its pattern into messages and compares each that comes back.

use std::time::Instant;

use channel::{Channel, Key, Poller};
use message_queue::codec::PREFIX;
use message_queue::{MessageReceiver, MessageSender, ReceiveError, SendError};

use super::client::{Client, Shared, Step};
use crate::pattern::Pattern;
use crate::speech::{NO_MESSAGES, not_received, not_sent, queue};

/// Bytes that one client may move before the others have their turn.
const TURN: usize = 256 * 1024;

/// Many messages are under way at once; what does not fit is the sending half's, or is made again.
pub struct Messages {
    sender: MessageSender,
    receiver: MessageReceiver,
    pattern: Pattern,
    /// How much is to be sent and to come back, and in messages of which size.
    bytes: u64,
    size: usize,
    sent: u64,
    verified: u64,
    finished: bool,
    /// The one message whose way is timed, by where its bytes begin. To time all of them would take
    /// a clock reading and a place to remember for each.
    timed: Option<(u64, Instant)>,
}

impl Messages {
    pub fn new(
        channel: Channel,
        pattern: Pattern,
        bytes: u64,
        (size, max): (usize, usize),
        poller: &Poller,
        key: Key,
    ) -> Messages {
        let (mut sender, mut receiver) = queue(channel, max).split();
        receiver.register(poller, key);
        sender.register(poller, key);
        Messages {
            sender,
            receiver,
            pattern,
            bytes,
            size,
            sent: 0,
            verified: 0,
            finished: false,
            timed: None,
        }
    }

    fn advance(&mut self, shared: &mut Shared) -> Result<Step, String> {
        let mut moved = 0;
        while moved < TURN {
            let sent = self.send(&mut shared.message)?;
            let expected = self.length_at(self.verified);
            let stopped = match self.receiver.try_receive_ref() {
                Ok(message) => {
                    if self.verified == self.sent {
                        return Err("more came back than was sent".into());
                    }
                    if message.len() != expected {
                        let got = message.len();
                        return Err(format!(
                            "a message of {expected} bytes came back with {got}"
                        ));
                    }
                    if let Some(at) = self.pattern.differs(self.verified, &message) {
                        return Err(format!("byte {at} came back changed"));
                    }
                    if let Some((at, since)) = self.timed
                        && at == self.verified
                    {
                        shared.times.add(since.elapsed());
                        self.timed = None;
                    }
                    self.verified += expected as u64;
                    shared.verified += 1;
                    moved += PREFIX + expected;
                    continue;
                }
                Err(stopped) => stopped,
            };
            match stopped {
                ReceiveError::WouldBlock if sent == 0 => return Ok(Step::Waiting),
                ReceiveError::WouldBlock => moved += sent,
                ReceiveError::PeerClosed => return self.ended(),
                error => {
                    let why = not_received(&error, || self.receiver.try_receive().err());
                    return Err(self.cut(&why));
                }
            }
        }
        Ok(Step::More)
    }

    /// The message that begins there: the last one is what is left.
    fn length_at(&self, offset: u64) -> usize {
        (self.bytes - offset).min(self.size as u64) as usize
    }

    /// Sends a message if there is room for a part of it; finishes after the last. How many bytes.
    fn send(&mut self, message: &mut Vec<u8>) -> Result<usize, String> {
        if self.finished {
            return Ok(0);
        }
        // The rest of the message before.
        let held = self.sender.unsent();
        if held > 0 || self.sent == self.bytes {
            match self.sender.try_flush() {
                Ok(()) => {}
                Err(SendError::WouldBlock) => return Ok(held - self.sender.unsent()),
                Err(error) => return Err(self.cut(&not_sent(&error))),
            }
        }
        if self.sent == self.bytes {
            self.finished = true;
            // Everything is flushed, so this does not block.
            let finished = self.sender.finish();
            return match finished {
                Ok(()) => Ok(held),
                Err(error) => Err(self.cut(&not_sent(&error))),
            };
        }
        let length = self.length_at(self.sent);
        message.resize(length, 0);
        self.pattern.fill(self.sent, message);
        let timed = self.timed.or_else(|| Some((self.sent, Instant::now())));
        match self.sender.try_send(message) {
            Ok(()) | Err(SendError::Unfinished) => {
                self.timed = timed;
                self.sent += length as u64;
                Ok(PREFIX + length)
            }
            Err(SendError::WouldBlock) => Ok(held),
            Err(error) => Err(self.cut(&not_sent(&error))),
        }
    }

    fn ended(&self) -> Result<Step, String> {
        if self.verified == self.bytes && self.finished {
            return Ok(Step::Done);
        }
        Err(self.cut(&format!(
            "the server ended the stream too early; {NO_MESSAGES}"
        )))
    }

    fn cut(&self, why: &str) -> String {
        format!("{} of {} bytes were back: {why}", self.verified, self.bytes)
    }
}

impl Client for Messages {
    fn step(&mut self, shared: &mut Shared) -> Step {
        self.advance(shared).unwrap_or_else(Step::Failed)
    }

    fn verified(&self) -> u64 {
        self.verified
    }
}
