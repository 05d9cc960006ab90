//! One channel of the echo server of bytes, in both styles.

use channel::{Channel, Key, Poller, ReadError, Reader, WriteError, Writer};

use super::{End, Served, TURN, Turn, Visit};

/// A channel being served: nothing is buffered here. What cannot be sent back yet stays where it
/// arrived, so a client that does not read is not read from either.
pub struct Bytes {
    reader: Reader,
    writer: Writer,
    visit: Visit,
}

impl Bytes {
    pub fn new(channel: Channel) -> Bytes {
        let visit = Visit::new(&channel);
        let (reader, writer) = channel.split();
        Bytes {
            reader,
            writer,
            visit,
        }
    }

    pub fn register(&mut self, poller: &Poller, key: Key) {
        self.reader.register(poller, key);
        self.writer.register(poller, key);
    }

    pub fn ended(self, end: End) -> Served {
        self.visit.ended(end)
    }

    /// Sends everything back that comes, until the client has finished.
    pub fn echo(&mut self) -> End {
        loop {
            let arrived = match self.reader.fill_buf() {
                Ok([]) => return End::Orderly,
                Ok(arrived) => arrived,
                Err(error) => return error.into(),
            };
            match self.writer.write(arrived) {
                Ok(n) => {
                    self.reader.consume(n);
                    self.visit.bytes += n as u64;
                }
                Err(error) => return error.into(),
            }
        }
    }

    /// Sends back what has arrived, straight from where it lies to the client's buffer. What finds no
    /// room stays there, and nothing more is read.
    pub fn turn(&mut self) -> Turn {
        let mut moved = 0;
        while moved < TURN {
            let arrived = match self.reader.try_fill_buf() {
                Ok([]) => return Turn::Ended(End::Orderly),
                Ok(arrived) => arrived,
                Err(ReadError::WouldBlock) => return Turn::Waiting,
                Err(error) => return Turn::Ended(error.into()),
            };
            match self.writer.try_write(arrived) {
                Ok(n) => {
                    self.reader.consume(n);
                    self.visit.bytes += n as u64;
                    moved += n;
                }
                Err(WriteError::WouldBlock) => return Turn::Waiting,
                Err(error) => return Turn::Ended(error.into()),
            }
        }
        Turn::More
    }
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> End {
        End::Lost(error.to_string())
    }
}

impl From<WriteError> for End {
    fn from(error: WriteError) -> End {
        match error {
            WriteError::PeerClosed => End::Refused,
            error => End::Lost(error.to_string()),
        }
    }
}
