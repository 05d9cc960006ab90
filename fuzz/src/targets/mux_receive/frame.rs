//! Frames as the layout says, written and read without the mux's own code.

pub const OPEN: u8 = 1;
pub const CREDIT: u8 = 2;
pub const REFUSE: u8 = 3;
pub const DATA: u8 = 4;
pub const FIN: u8 = 5;
pub const STOP: u8 = 6;
pub const PING: u8 = 7;
pub const HELLO: u8 = 0xF7;

/// A flag of FIN and STOP.
pub const ABORTED: u8 = 1;
/// In the place of the channel in a HELLO.
pub const MAGIC: u16 = 0x6C6D;
pub const VERSION: u8 = 0x10;
pub const HEAD: usize = 8;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub channel: u16,
    pub body: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, channel: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            kind,
            flags,
            channel,
            body,
        }
    }

    /// Its bytes, with a check for `tag`.
    pub fn bytes(&self, tag: u16) -> Vec<u8> {
        let mut bytes = vec![self.kind, self.flags];
        bytes.extend(self.channel.to_be_bytes());
        bytes.extend((self.body.len() as u16).to_be_bytes());
        bytes.extend((crc16(&bytes) ^ self.tag(tag)).to_be_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn tag(&self, tag: u16) -> u16 {
        if self.kind == HELLO { 0 } else { tag }
    }

    /// Reads whole frames; panics if they are none.
    pub fn all(mut bytes: &[u8], tag: u16) -> Vec<Frame> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(HEAD);
            let (body, rest) = rest.split_at(usize::from(short(head, 4)));
            let frame = Frame::new(head[0], head[1], short(head, 2), body);
            assert_eq!(frame.bytes(tag), bytes[..HEAD + body.len()], "the check");
            frames.push(frame);
            bytes = rest;
        }
        frames
    }

    pub fn word(&self) -> u32 {
        u32::from_be_bytes(self.body[..].try_into().expect("a body of 4 bytes"))
    }

    pub fn long(&self) -> u64 {
        u64::from_be_bytes(self.body[..].try_into().expect("a body of 8 bytes"))
    }

    /// Whether the body has a length that this kind can have.
    pub fn is_well_formed(&self) -> bool {
        let len = self.body.len();
        match self.kind {
            OPEN => len == 4,
            CREDIT | STOP => len == 8,
            REFUSE => len == 1,
            DATA => len > 0,
            FIN | PING => len == 0,
            HELLO => (20..=120).contains(&len),
            _ => false,
        }
    }
}

/// What the checks of frames from one end to the other are mixed with.
pub fn tag(from: u64, to: u64) -> u16 {
    let mixed = from ^ to.rotate_left(17);
    let folded = mixed ^ (mixed >> 32);
    (folded ^ (folded >> 16)) as u16
}

/// What an end says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub version: u8,
    pub own: u64,
    pub heard: u64,
    pub max_frame: u32,
    pub max_channels: u16,
    /// 1: it is in a session.
    pub up: u16,
    /// Milliseconds.
    pub keep_alive: u32,
}

impl Hello {
    /// With `more` that a later minor version may add, at most 88 bytes.
    pub fn bytes(&self, more: &[u8]) -> Vec<u8> {
        let mut body = self.own.to_be_bytes().to_vec();
        body.extend(self.heard.to_be_bytes());
        body.extend(self.max_frame.to_be_bytes());
        body.extend(self.max_channels.to_be_bytes());
        body.extend(self.up.to_be_bytes());
        body.extend(self.keep_alive.to_be_bytes());
        body.extend_from_slice(more);
        body.extend([0; 4]);
        let mut bytes = Frame::new(HELLO, self.version, MAGIC, body).bytes(0);
        let checked = bytes.len() - 4;
        let check = crc32(&bytes[..checked]).to_be_bytes();
        bytes[checked..].copy_from_slice(&check);
        bytes
    }

    /// Reads one of this version; panics if it is none.
    pub fn of(frame: &Frame) -> Self {
        let long = |at| u64::from_be_bytes(frame.body[at..at + 8].try_into().expect("8 bytes"));
        let word = |at| u32::from_be_bytes(frame.body[at..at + 4].try_into().expect("4 bytes"));
        let hello = Self {
            version: frame.flags,
            own: long(0),
            heard: long(8),
            max_frame: word(16),
            max_channels: short(&frame.body, 20),
            up: short(&frame.body, 22),
            keep_alive: word(24),
        };
        assert_eq!(hello.bytes(&[]), frame.bytes(0), "a hello");
        hello
    }
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// CRC-16/IBM-SDLC, a bit at a time.
fn crc16(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(!0, |crc: u16, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x8408 } else { 0 }
        })
    })
}

/// CRC-32/ISO-HDLC, a bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}
