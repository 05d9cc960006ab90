//! What the two processes say to each other: frames of a length and a body, over the child's standard
//! input and output.
//!
//! A program may print something before it begins to serve (a test harness does): the parent skips all
//! up to [`BEGIN`].

use std::io::{self, Read, Write};
use std::time::Duration;

/// Said by the child when it is there.
pub(super) const BEGIN: &[u8] = b"\x01transport-testkit serves\x02";

/// Far more than any call moves; a larger frame is no frame.
const MOST: usize = 64 << 20;

/// What is asked of the child. Each is answered, with the number that it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ask {
    Broker,
    DropBroker,
    Listen,
    Connect,
    Cancel,
    Read,
    Fill,
    Consume,
    Write,
    Flush,
    Finish,
    DropSource,
    DropSink,
    DropControl,
    Disconnect,
    State,
    Receipt,
    Settle,
    Exit,
}

const ASKS: [Ask; 19] = [
    Ask::Broker,
    Ask::DropBroker,
    Ask::Listen,
    Ask::Connect,
    Ask::Cancel,
    Ask::Read,
    Ask::Fill,
    Ask::Consume,
    Ask::Write,
    Ask::Flush,
    Ask::Finish,
    Ask::DropSource,
    Ask::DropSink,
    Ask::DropControl,
    Ask::Disconnect,
    Ask::State,
    Ask::Receipt,
    Ask::Settle,
    Ask::Exit,
];

/// Answers that are no answers: somebody is to be woken.
pub(super) const WAKE: u64 = 0;

/// Who waits for news of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Waits {
    Reader,
    Writer,
    Receipt,
}

/// How a call waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// Not at all: a waker is left.
    Poll,
    /// For at most so long; none: as long as it takes.
    Block(Option<Duration>),
}

/// A body that is being written.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn byte(mut self, byte: u8) -> Out {
        self.0.push(byte);
        self
    }

    pub(super) fn number(mut self, number: u64) -> Out {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Out {
        let mut out = self.number(bytes.len() as u64);
        out.0.extend_from_slice(bytes);
        out
    }

    pub(super) fn text(self, text: &str) -> Out {
        self.bytes(text.as_bytes())
    }

    pub(super) fn how(self, how: How) -> Out {
        match how {
            How::Poll => self.byte(0),
            How::Block(None) => self.byte(1),
            // Rounded up: no limit is over early.
            How::Block(Some(limit)) => {
                let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
                self.byte(2).number(nanos)
            }
        }
    }

    /// As a frame: the number of the question, and the body.
    pub(super) fn send(self, number: u64, to: &mut impl Write) -> io::Result<()> {
        let mut frame = Vec::with_capacity(16 + self.0.len());
        frame.extend((self.0.len() as u64 + 8).to_be_bytes());
        frame.extend(number.to_be_bytes());
        frame.extend(self.0);
        to.write_all(&frame)?;
        to.flush()
    }
}

/// A body that is being read.
pub(super) struct In {
    body: Vec<u8>,
    at: usize,
}

impl In {
    /// The next frame: its number, and its body.
    pub(super) fn receive(from: &mut impl Read) -> io::Result<(u64, In)> {
        let mut head = [0; 16];
        from.read_exact(&mut head)?;
        let [length, number] =
            [0, 8].map(|at| u64::from_be_bytes(head[at..at + 8].try_into().expect("eight bytes")));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !(8..=MOST).contains(&length) {
            return Err(strange("a frame of another length than any"));
        }
        let mut body = vec![0; length - 8];
        from.read_exact(&mut body)?;
        Ok((number, In { body, at: 0 }))
    }

    fn take(&mut self, n: usize) -> io::Result<&[u8]> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.body.len());
        let end = end.ok_or_else(|| strange("a frame is too short"))?;
        let taken = &self.body[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn number(&mut self) -> io::Result<u64> {
        let bytes = self.take(8)?.try_into().expect("eight bytes");
        Ok(u64::from_be_bytes(bytes))
    }

    pub(super) fn bytes(&mut self) -> io::Result<&[u8]> {
        let n = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        self.take(n)
    }

    pub(super) fn text(&mut self) -> io::Result<String> {
        let text = std::str::from_utf8(self.bytes()?);
        Ok(text.map_err(|_| strange("no text"))?.to_owned())
    }

    pub(super) fn ask(&mut self) -> io::Result<Ask> {
        let byte = self.byte()?;
        let ask = ASKS.get(usize::from(byte)).copied();
        ask.ok_or_else(|| strange("a question that is not known"))
    }

    pub(super) fn how(&mut self) -> io::Result<How> {
        match self.byte()? {
            0 => Ok(How::Poll),
            1 => Ok(How::Block(None)),
            2 => Ok(How::Block(Some(Duration::from_nanos(self.number()?)))),
            _ => Err(strange("another way to wait")),
        }
    }

    pub(super) fn waits(&mut self) -> io::Result<Waits> {
        match self.byte()? {
            0 => Ok(Waits::Reader),
            1 => Ok(Waits::Writer),
            2 => Ok(Waits::Receipt),
            _ => Err(strange("somebody else waits")),
        }
    }
}

/// What cannot be: the two are of different builds, or somebody else has printed there.
pub(super) fn strange(what: &str) -> io::Error {
    let text = format!("the two processes do not understand each other: {what}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// The kinds of errors that mean something between a transport and a channel.
const KINDS: [io::ErrorKind; 10] = [
    io::ErrorKind::Other,
    io::ErrorKind::NotConnected,
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::TimedOut,
    io::ErrorKind::WouldBlock,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::NotFound,
    io::ErrorKind::InvalidData,
    io::ErrorKind::AddrInUse,
];

impl Out {
    pub(super) fn error(self, kind: io::ErrorKind, text: &str) -> Out {
        let code = KINDS.iter().position(|known| *known == kind);
        self.byte(code.unwrap_or(0) as u8).text(text)
    }
}

impl In {
    pub(super) fn error(&mut self) -> io::Result<io::Error> {
        let code = usize::from(self.byte()?);
        let kind = KINDS.get(code).copied().unwrap_or(io::ErrorKind::Other);
        Ok(io::Error::new(kind, self.text()?))
    }
}
