//! The packets: their layout, and what makes sure that one is whole and of this session.

use crate::greeting::Ids;
use crate::mux::MIN_TRANSMIT;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// The version of this layout, said in every hello.
pub(super) const VERSION: u8 = 1;

/// What the mux above must have room for at least, to send anything. Shorter ones would be more head than payload soon.
pub(super) const MIN_PAYLOAD: u16 = MIN_TRANSMIT as u16;
/// Longer ones are hardly more efficient, and CRC-32 finds fewer of their damages.
pub(super) const MAX_PAYLOAD: u16 = 4096;
/// With a single one the line would be idle for a round trip after each.
pub(super) const MIN_WINDOW: u8 = 2;
/// The bits that tell what has arrived beyond a gap.
pub(super) const MAX_WINDOW: u8 = 64;

/// A hello without its check.
const HELLO: usize = 21;
/// The longest head: of a packet with payload that tells of gaps.
pub(super) const HEAD: usize = 4 + 8 + 3;
/// The check at the end.
pub(super) const CHECK: usize = 4;

const KIND_HELLO: u8 = 0x10;
const KIND_ACK: u8 = 0x20;
const KIND_DATA: u8 = 0x30;

/// Sixteen tables, for sixteen bytes at a time: 16 KiB of constants.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// Where the check of a packet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u32);

impl Key {
    /// For hellos: that of CRC-32 itself, since they must be understood by everybody.
    pub(super) const PLAIN: Key = Key(CRC_32_ISO_HDLC.init);

    /// For all others: mixed with the ids of the session. A packet that is of another session, or is this end's
    /// own come back, fails its check.
    pub(super) fn of(from: u64, to: u64) -> Key {
        let mut digest = CRC.digest();
        digest.update(&from.to_le_bytes());
        digest.update(&to.to_le_bytes());
        Key(digest.finalize())
    }

    fn check(self, bytes: &[u8]) -> u32 {
        let mut digest = CRC.digest_with_initial(self.0);
        digest.update(bytes);
        digest.finalize()
    }

    /// Writes the check into the packet's last four bytes.
    pub(super) fn seal(self, packet: &mut [u8]) {
        let (bytes, check) = packet.split_at_mut(packet.len() - CHECK);
        check.copy_from_slice(&self.check(bytes).to_le_bytes());
    }

    /// The packet without its check, if that is right.
    fn open(self, packet: &[u8]) -> Option<&[u8]> {
        let (bytes, check) = packet.split_last_chunk::<CHECK>()?;
        (self.check(bytes) == u32::from_le_bytes(*check)).then_some(bytes)
    }
}

/// The first packets of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub ids: Ids,
    pub payload: u16,
    pub window: u8,
}

impl Hello {
    /// As a packet.
    pub(super) fn sealed(&self) -> [u8; HELLO + CHECK] {
        let mut packet = [0; HELLO + CHECK];
        packet[0] = KIND_HELLO;
        packet[1] = VERSION;
        packet[2..10].copy_from_slice(&self.ids.own.to_le_bytes());
        packet[10..18].copy_from_slice(&self.ids.heard.to_le_bytes());
        packet[18..20].copy_from_slice(&self.payload.to_le_bytes());
        packet[20] = self.window;
        Key::PLAIN.seal(&mut packet);
        packet
    }
}

/// What a hello says.
pub(super) enum Said {
    Hello(Hello),
    /// One of another version.
    Version(u8),
}

/// Reads a hello. Only its first two bytes and its check are the same in all versions.
pub(super) fn read_hello(packet: &[u8]) -> Option<Said> {
    if packet.first() != Some(&KIND_HELLO) {
        return None;
    }
    let bytes = Key::PLAIN.open(packet)?;
    let version = *bytes.get(1)?;
    if version != VERSION {
        return Some(Said::Version(version));
    }
    let bytes: &[u8; HELLO] = bytes.try_into().ok()?;
    let id = |at: usize| u64::from_le_bytes(core::array::from_fn(|i| bytes[at + i]));
    let hello = Hello {
        ids: Ids {
            own: id(2),
            heard: id(10),
        },
        payload: u16::from_le_bytes([bytes[18], bytes[19]]),
        window: bytes[20],
    };
    // Limits that no end of this version has: it could not keep to ours either.
    let sound = hello.payload >= MIN_PAYLOAD && hello.window >= MIN_WINDOW && hello.ids.own != 0;
    sound.then_some(Said::Hello(hello))
}

/// What has arrived at the sender of this packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ack {
    /// The stamp of the latest transmission that it heard.
    pub heard: u8,
    /// The first packet that it lacks.
    pub next: u16,
    /// Those beyond that it has: bit `i` is for packet `next + 1 + i`.
    pub beyond: u64,
}

/// One packet of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Data<'a> {
    /// Which transmission this is, of this packet or another: a counter.
    pub stamp: u8,
    /// Which packet of the stream.
    pub number: u16,
    pub payload: &'a [u8],
}

/// Writes the head of a packet into its first [`HEAD`] bytes, so that it ends where they end; returns where it
/// begins. `data`: stamp and number, of a packet with payload.
pub(super) fn write_head(ack: &Ack, data: Option<(u8, u16)>, packet: &mut [u8]) -> usize {
    let bits = 8 - ack.beyond.leading_zeros() as usize / 8;
    let len = 4 + bits + if data.is_some() { 3 } else { 0 };
    let head = &mut packet[HEAD - len..HEAD];
    head[0] = bits as u8 | if data.is_some() { KIND_DATA } else { KIND_ACK };
    head[1] = ack.heard;
    head[2..4].copy_from_slice(&ack.next.to_le_bytes());
    head[4..4 + bits].copy_from_slice(&ack.beyond.to_le_bytes()[..bits]);
    if let Some((stamp, number)) = data {
        head[4 + bits] = stamp;
        head[5 + bits..].copy_from_slice(&number.to_le_bytes());
    }
    HEAD - len
}

/// Reads a packet that is no hello, if it is of the session with this key.
pub(super) fn read(packet: &[u8], key: Key) -> Option<(Ack, Option<Data<'_>>)> {
    let (kind, bits) = (packet.first()? & 0xF0, packet.first()? & 0x0F);
    if !(kind == KIND_ACK || kind == KIND_DATA) {
        return None;
    }
    let bytes = key.open(packet)?;
    let (head, bytes) = bytes.split_first_chunk::<4>()?;
    let (bits, bytes) = bytes.split_at_checked(usize::from(bits))?;
    let mut beyond = [0; 8];
    beyond.get_mut(..bits.len())?.copy_from_slice(bits);
    let ack = Ack {
        heard: head[1],
        next: u16::from_le_bytes([head[2], head[3]]),
        beyond: u64::from_le_bytes(beyond),
    };
    if kind == KIND_ACK {
        return bytes.is_empty().then_some((ack, None));
    }
    let (head, payload) = bytes.split_first_chunk::<3>()?;
    let data = Data {
        stamp: head[0],
        number: u16::from_le_bytes([head[1], head[2]]),
        payload,
    };
    Some((ack, Some(data)))
}
