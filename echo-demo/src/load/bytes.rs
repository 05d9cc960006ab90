//! One client of bytes: sends its pattern and compares what comes back.

use channel::{Channel, Key, Poller, ReadError, Reader, WriteError, Writer};

use super::client::{Client, Shared, Step};
use crate::pattern::Pattern;
use crate::speech::{NO_BYTES, not_written};

/// Made and offered at once. What does not fit is made again: that is cheaper than keeping it.
const BLOCK: usize = 16 * 1024;

/// Blocks that one client may move before the others have their turn.
const TURN: usize = 16;

pub struct Bytes {
    reader: Reader,
    writer: Writer,
    pattern: Pattern,
    /// How much is to be sent and to come back.
    bytes: u64,
    sent: u64,
    verified: u64,
    finished: bool,
}

impl Bytes {
    pub fn new(channel: Channel, pattern: Pattern, bytes: u64, poller: &Poller, key: Key) -> Bytes {
        let (mut reader, mut writer) = channel.split();
        reader.register(poller, key);
        writer.register(poller, key);
        Bytes {
            reader,
            writer,
            pattern,
            bytes,
            sent: 0,
            verified: 0,
            finished: false,
        }
    }

    fn advance(&mut self) -> Result<Step, String> {
        for _ in 0..TURN {
            let wrote = self.send()?;
            let read = match self.reader.try_fill_buf() {
                Ok([]) => return self.ended(),
                Ok(arrived) => {
                    let n = arrived.len().min(BLOCK);
                    if let Some(at) = self.pattern.differs(self.verified, &arrived[..n]) {
                        return Err(format!("byte {at} came back changed"));
                    }
                    self.reader.consume(n);
                    self.verified += n as u64;
                    if self.verified > self.sent {
                        return Err("more came back than was sent".into());
                    }
                    true
                }
                Err(ReadError::WouldBlock) => false,
                Err(error) => return Err(self.cut(&error.to_string())),
            };
            if !wrote && !read {
                return Ok(Step::Waiting);
            }
        }
        Ok(Step::More)
    }

    /// Sends a block, or what of it fits; finishes after the last. Whether anything was sent.
    fn send(&mut self) -> Result<bool, String> {
        if self.sent == self.bytes {
            if !self.finished {
                self.finished = true;
                self.writer
                    .finish()
                    .map_err(|error| self.cut(&error.to_string()))?;
            }
            return Ok(false);
        }
        let n = (self.bytes - self.sent).min(BLOCK as u64) as usize;
        let mut block = [0; BLOCK];
        self.pattern.fill(self.sent, &mut block[..n]);
        match self.writer.try_write(&block[..n]) {
            Ok(n) => {
                self.sent += n as u64;
                Ok(true)
            }
            Err(WriteError::WouldBlock) => Ok(false),
            Err(error) => Err(self.cut(&not_written(&error))),
        }
    }

    fn ended(&self) -> Result<Step, String> {
        if self.verified == self.bytes && self.finished {
            Ok(Step::Done)
        } else {
            Err(self.cut(&format!(
                "the server ended the stream too early; {NO_BYTES}"
            )))
        }
    }

    fn cut(&self, why: &str) -> String {
        format!("{} of {} bytes were back: {why}", self.verified, self.bytes)
    }
}

impl Client for Bytes {
    fn step(&mut self, _: &mut Shared) -> Step {
        self.advance().unwrap_or_else(Step::Failed)
    }

    fn verified(&self) -> u64 {
        self.verified
    }
}
