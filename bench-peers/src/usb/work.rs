//! What channels over the cable are asked to do, the same for both ends.

use channel::{Reader, Writer};
use std::io::{Read, Write};

/// Our gadgets: each one's name, which is its broker's and its serial number as well, and how much its channels
/// buffer each way, in bytes. The default is less than what this bus has on its way in a round trip.
pub const GADGETS: [(&str, usize); 2] = [("large", 1024 * 1024), ("usual", 64 * 1024)];
/// The first of them.
pub const LARGE: usize = 0;
/// The other one.
pub const USUAL: usize = 1;

/// Sends back messages of 64 bytes.
pub const ECHO: u16 = 1;
/// Streams a given number of bytes.
pub const STREAM: u16 = 2;
/// Streams until the other end disconnects.
pub const POUR: u16 = 3;
/// Tells what becomes of a channel.
pub const HOLD: u16 = 4;

/// Channels that share the cable.
pub const MANY: usize = 20;

/// What a channel is asked to do: its first bytes.
#[derive(Clone, Copy, Default)]
pub struct Header {
    /// Which of many it is.
    pub number: u64,
    /// Bytes of a write.
    pub size: u64,
    /// Bytes to be sent, either way.
    pub to_device: u64,
    /// See [`Header::to_device`].
    pub to_host: u64,
}

impl Header {
    /// Sends it.
    pub fn send(&self, writer: &mut Writer) {
        let words = [self.number, self.size, self.to_device, self.to_host];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        writer.write_all(&bytes).expect("the cable is plugged in");
    }

    /// Receives one; `None`: the channel ended before.
    pub fn receive(reader: &mut Reader) -> Option<Self> {
        let mut word = || {
            let mut bytes = [0; 8];
            let read = Read::read_exact(reader, &mut bytes);
            read.ok().map(|()| u64::from_le_bytes(bytes))
        };
        Some(Self {
            number: word()?,
            size: word()?,
            to_device: word()?,
            to_host: word()?,
        })
    }
}

/// Bytes each way before the clock starts: buffers have been touched by then.
pub const WARM: u64 = 1024 * 1024;

/// Sends so many bytes, in writes that carry their number.
pub fn send(writer: &mut Writer, header: &Header, bytes: u64) {
    let mut block = vec![0; header.size as usize];
    for number in 0..bytes / header.size {
        block[..8].copy_from_slice(&number.to_le_bytes());
        Write::write_all(writer, &block).expect("the cable is plugged in");
    }
}

/// Receives so many bytes, and checks the numbers as far as they come in one piece.
pub fn receive(reader: &mut Reader, header: &Header, bytes: u64) {
    let size = header.size;
    let mut buffer = vec![0; size as usize];
    let mut had = 0;
    while had < bytes {
        let most = (bytes - had).min(size) as usize;
        let n = reader
            .read(&mut buffer[..most])
            .expect("the cable is plugged in");
        assert!(n > 0, "the stream ended early");
        let next = had.next_multiple_of(size);
        let from = (next - had) as usize;
        if from + 8 <= n {
            let number = buffer[from..from + 8].try_into().expect("eight bytes");
            assert_eq!(u64::from_le_bytes(number), next / size, "not the next one");
        }
        had += n as u64;
    }
}
