//! The layout on the wire, which other programs and later versions rely on.

use std::vec::Vec;

use super::*;

fn hello() -> Hello {
    Hello {
        version: VERSION,
        ids: Ids {
            own: 0x0102_0304_0506_0708,
            heard: 0x1112_1314_1516_1718,
        },
        max_frame: 16_384,
        max_channels: 256,
        up: true,
        keep_alive: 2_000,
    }
}

#[test]
fn heads_are_eight_bytes_of_a_fixed_layout() {
    let tag = Tag::new(1, 2);
    let bytes = Head::new(Kind::Data, 0x1235, 0x0678).bytes(tag);
    assert_eq!(bytes[..6], [4, 0, 0x12, 0x35, 0x06, 0x78]);
    // CRC-16/IBM-SDLC, as its catalogue has it, of those six, mixed with the tag.
    let check = crc::Crc::<u16>::new(&CRC_16_IBM_SDLC).checksum(&bytes[..6]) ^ tag.0;
    assert_eq!(bytes[6..], check.to_be_bytes());
    let head = Head::parse(&bytes, tag).unwrap();
    assert_eq!((head.channel, head.length), (0x1235, 0x0678));
    // Another session's, or another direction's.
    assert_eq!(Head::parse(&bytes, Tag::new(2, 1)), None);
    assert_eq!(Head::parse(&bytes, Tag::default()), None);
}

#[test]
fn every_flipped_bit_of_a_head_is_noticed() {
    let tag = Tag::new(3, 4);
    let good = Head::new(Kind::Stop, 7, 8).flagged(ABORTED).bytes(tag);
    for bit in 0..HEAD * 8 {
        let mut bad = good;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Head::parse(&bad, tag), None, "bit {bit}");
    }
}

#[test]
fn hellos_keep_their_fixed_part() {
    let bytes = hello().bytes();
    assert_eq!(bytes.len(), 40);
    assert_eq!(bytes[..6], [0xF7, 0x10, b'l', b'm', 0, 32]);
    assert_eq!(bytes[8..16], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        bytes[16..24],
        [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]
    );
    assert_eq!(bytes[24..32], [0, 0, 0x40, 0, 1, 0, 0, 1]);
    assert_eq!(bytes[32..36], [0, 0, 7, 0xD0]);
    assert_eq!(Hello::parse(&bytes), Some(hello()));
}

/// A hello with this version and so many bytes before its last check.
fn foreign(version: u8, extra: usize) -> Vec<u8> {
    let mut bytes = hello().bytes()[..36].to_vec();
    bytes.extend((0..extra).map(|n| n as u8));
    let body = bytes.len() + 4 - HEAD;
    let head = Head::new(Kind::Hello, MAGIC, body).flagged(version);
    bytes[..HEAD].copy_from_slice(&head.bytes(Tag::default()));
    let check = CRC32.checksum(&bytes);
    bytes.extend(check.to_be_bytes());
    bytes
}

#[test]
fn other_versions_are_read_as_far_as_they_can_be() {
    // A later minor version may say more; all of ours is still there.
    let later = Hello::parse(&foreign(VERSION + 1, 80)).unwrap();
    assert!(later.is_understood());
    assert_eq!(later.max_frame, 16_384);
    // Another major version: the ids.
    let other = Hello::parse(&foreign(0x20, 3)).unwrap();
    assert!(!other.is_understood());
    assert_eq!((other.version, other.ids), (0x20, hello().ids));
}

#[test]
fn a_hello_is_found_in_anything() {
    let good = hello().bytes();
    let mut damaged = good;
    damaged[20] ^= 1;
    // A damaged one, one that is cut off, and everything that looks like the beginning of one.
    let mut stale = Vec::from([0xF7; 70]);
    stale.extend_from_slice(&damaged);
    stale.extend_from_slice(&good[..39]);
    stale.extend_from_slice(&good);
    stale.extend_from_slice(b"what follows");
    for step in [1, 2, 7, 8, 9, 40, 1000] {
        let mut hunt = Hunt::default();
        let (mut at, mut found) = (0, 0);
        while at < stale.len() {
            let end = stale.len().min(at + step);
            let (taken, hello) = hunt.feed(&stale[at..end]);
            at += taken;
            if hello.is_some() {
                found += 1;
                assert_eq!(&stale[at..], b"what follows");
                break;
            }
            assert!(hunt.held.len() <= HEAD + MOST_COLLECTED);
        }
        assert_eq!(found, 1, "in steps of {step}");
    }
}
