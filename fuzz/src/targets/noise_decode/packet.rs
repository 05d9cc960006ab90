//! Packets as the layout says, written and read without the layer's own code: byte by byte.

/// What the check of a hello begins with.
pub const PLAIN: u32 = !0;

/// The bits of CRC-32/ISO-HDLC over `bytes`, beginning with `register`, before they are inverted at the end.
fn crc32(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

/// What the checks of packets from one end to the other begin with.
pub fn key(from: u64, to: u64) -> u32 {
    let ids = [from.to_le_bytes(), to.to_le_bytes()].concat();
    // The first bit on the wire is the lowest one: the figure is the other way round.
    (!crc32(PLAIN, &ids)).reverse_bits()
}

/// A packet with its check.
pub fn sealed(mut packet: Vec<u8>, key: u32) -> Vec<u8> {
    let check = !crc32(key, &packet);
    packet.extend(check.to_le_bytes());
    packet
}

/// A packet without its check, if that is right.
pub fn opened(packet: &[u8], key: u32) -> Option<&[u8]> {
    let (packet, check) = packet.split_last_chunk::<4>()?;
    (!crc32(key, packet) == u32::from_le_bytes(*check)).then_some(packet)
}

/// Bytes without a zero.
pub fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    let mut run = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte != 0 {
            out.push(byte);
        }
        let len = out.len() - run;
        if byte == 0 || len == 255 {
            out[run] = len as u8;
            if byte != 0 && i + 1 == bytes.len() {
                return out;
            }
            run = out.len();
            out.push(0);
        }
    }
    let len = out.len() - run;
    out[run] = len as u8;
    out
}

/// What they were made of.
pub fn unstuffed(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((&code, rest)) = bytes.split_first() {
        let (run, rest) = rest.split_at_checked(usize::from(code).checked_sub(1)?)?;
        out.extend_from_slice(run);
        if code < 255 && !rest.is_empty() {
            out.push(0);
        }
        bytes = rest;
    }
    Some(out)
}

/// What an end says of itself.
pub fn hello(own: u64, heard: u64, payload: u16, window: u8) -> Vec<u8> {
    let mut packet = vec![0x10, 1];
    packet.extend(own.to_le_bytes());
    packet.extend(heard.to_le_bytes());
    packet.extend(payload.to_le_bytes());
    packet.push(window);
    packet
}

/// The ids in a hello.
pub fn ids(hello: &[u8]) -> (u64, u64) {
    let id = |at| u64::from_le_bytes(hello[at..at + 8].try_into().expect("8 bytes"));
    (id(2), id(10))
}

/// What has arrived, and perhaps more of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub heard: u8,
    pub next: u16,
    pub beyond: u64,
    /// Stamp, number and payload.
    pub data: Option<(u8, u16, Vec<u8>)>,
}

impl Packet {
    pub fn bytes(&self) -> Vec<u8> {
        let bits = 8 - self.beyond.leading_zeros() as usize / 8;
        let kind = if self.data.is_some() { 0x30 } else { 0x20 };
        let mut packet = vec![kind | bits as u8, self.heard];
        packet.extend(self.next.to_le_bytes());
        packet.extend(&self.beyond.to_le_bytes()[..bits]);
        if let Some((stamp, number, payload)) = &self.data {
            packet.push(*stamp);
            packet.extend(number.to_le_bytes());
            packet.extend(payload);
        }
        packet
    }

    /// Panics if it is none.
    pub fn of(packet: &[u8]) -> Self {
        let (bits, is_data) = (usize::from(packet[0] & 0xF), packet[0] & 0xF0 == 0x30);
        let mut beyond = [0; 8];
        beyond[..bits].copy_from_slice(&packet[4..4 + bits]);
        let rest = &packet[4 + bits..];
        let read = Self {
            heard: packet[1],
            next: u16::from_le_bytes([packet[2], packet[3]]),
            beyond: u64::from_le_bytes(beyond),
            data: is_data.then(|| {
                let number = u16::from_le_bytes([rest[1], rest[2]]);
                (rest[0], number, rest[3..].to_vec())
            }),
        };
        assert_eq!(read.bytes(), packet);
        read
    }
}
