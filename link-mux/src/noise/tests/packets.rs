//! Packets and their stuffing: what is written is read again, and nothing else is.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use crate::greeting::Ids;
use crate::noise::cobs;
use crate::noise::line::{Unstuffer, stuff, stuffed_len};
use crate::noise::packet::{
    Ack, CHECK, Data, HEAD, Hello, Key, Said, read, read_hello, write_head,
};

/// A packet as the sender makes it.
fn packet(key: Key, ack: &Ack, data: Option<(u8, u16)>, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; HEAD];
    packet.extend_from_slice(payload);
    packet.extend_from_slice(&[0; CHECK]);
    let start = write_head(ack, data, &mut packet);
    key.seal(&mut packet[start..]);
    packet.split_off(start)
}

fn bytes_with_zeros() -> impl Strategy<Value = Vec<u8>> {
    // Few zeros, so that runs become full, or many.
    let mixed = (1u32..2000).prop_flat_map(|one_in| {
        prop::collection::vec(
            (0..one_in, 1u8..).prop_map(|(n, byte)| if n == 0 { 0 } else { byte }),
            0..1600,
        )
    });
    let exact = (250usize..258, 0usize..10).prop_map(|(n, more)| {
        let mut bytes = vec![7; n];
        bytes.push(0);
        bytes.extend(vec![7; 254 - more]);
        bytes
    });
    prop_oneof![mixed, exact, (0usize..800).prop_map(|n| vec![1; n])]
}

proptest! {
    /// The same as the crate `cobs` makes of it, and back again.
    #[test]
    fn cobs_is_cobs(bytes in bytes_with_zeros()) {
        let mut out = vec![0xAA; cobs::encoded_len(bytes.len())];
        let n = cobs::encode(&bytes, &mut out);
        let mut theirs = vec![0; ::cobs::max_encoding_length(bytes.len()) + 1];
        let m = ::cobs::encode(&bytes, &mut theirs);
        prop_assert_eq!(&out[..n], &theirs[..m]);
        prop_assert_eq!(cobs::find_zero(&out[..n]), None);
        let mut back = vec![0; bytes.len()];
        prop_assert_eq!(cobs::decode(&out[..n], &mut back), Some(bytes.len()));
        prop_assert_eq!(&back, &bytes);
        if let Some(short) = back.len().checked_sub(1) {
            prop_assert_eq!(cobs::decode(&out[..n], &mut back[..short]), None);
        }
    }

    /// What the crate decodes is decoded, to the same; what it refuses is refused.
    #[test]
    fn cobs_of_anything(bytes in prop::collection::vec(1u8.., 1..600)) {
        let mut ours = vec![0; 700];
        let mut theirs = vec![0; 700];
        let n = cobs::decode(&bytes, &mut ours);
        let m = ::cobs::decode(&bytes, &mut theirs).ok().map(|report| report.frame_size());
        prop_assert_eq!(n, m);
        prop_assert_eq!(&ours[..n.unwrap_or(0)], &theirs[..m.unwrap_or(0)]);
    }

    #[test]
    fn the_first_zero(bytes in bytes_with_zeros()) {
        prop_assert_eq!(cobs::find_zero(&bytes), bytes.iter().position(|&byte| byte == 0));
    }

    /// A packet is read as it was written; with another key, or with any bits changed, it is not.
    #[test]
    fn written_and_read(
        ids: (u64, u64),
        heard: u8,
        next: u16,
        beyond in prop_oneof![Just(0), any::<u64>(), (0u32..64).prop_map(|n| 1 << n)],
        data: Option<(u8, u16)>,
        payload in prop::collection::vec(any::<u8>(), 0..300),
        change: (prop::sample::Index, u8),
    ) {
        let key = Key::of(ids.0, ids.1);
        let ack = Ack { heard, next, beyond };
        let payload = if data.is_some() { payload } else { Vec::new() };
        let mut bytes = packet(key, &ack, data, &payload);
        let expected = data.map(|(stamp, number)| Data { stamp, number, payload: &payload });
        prop_assert_eq!(read(&bytes, key), Some((ack, expected)));
        prop_assert!(read_hello(&bytes).is_none());
        if ids.0 != ids.1 {
            prop_assert_eq!(read(&bytes, Key::of(ids.1, ids.0)), None);
        }
        prop_assert_eq!(read(&bytes, Key::of(ids.0, !ids.1)), None);
        let at = change.0.index(bytes.len());
        bytes[at] ^= change.1.max(1);
        prop_assert_eq!(read(&bytes, key), None);
    }

    /// Anything may come.
    #[test]
    fn garbage_is_nothing(bytes in prop::collection::vec(any::<u8>(), 0..100), id: u64) {
        prop_assert_eq!(read(&bytes, Key::of(id, 1)), None);
        prop_assert!(read_hello(&bytes).is_none());
    }

    /// Whatever came before, cut anywhere: what lies between two delimiters is found, and nothing is that is too long.
    #[test]
    fn resynchronises(
        garbage in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..300),
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 1..8),
        cut in 1usize..50,
    ) {
        let mut line = garbage;
        line.push(0);
        for packet in &packets {
            let mut out = vec![0; stuffed_len(packet.len())];
            let n = stuff(packet, &mut out);
            line.extend_from_slice(&out[..n]);
        }
        let mut unstuffer = Unstuffer::new(40);
        let mut found = Vec::new();
        for piece in line.chunks(cut) {
            let mut rest = piece;
            while let Some(packet) = unstuffer.next(&mut rest) {
                found.push(packet.to_vec());
            }
        }
        let expected: Vec<_> = packets.into_iter().filter(|packet| packet.len() <= 40).collect();
        prop_assert!(found.ends_with(&expected));
    }
}

#[test]
fn a_hello_is_read_as_it_was_written() {
    let hello = Hello {
        ids: Ids {
            own: 0x1234_5678_9ABC_DEF0,
            heard: 42,
        },
        payload: 300,
        window: 17,
    };
    let mut packet = hello.sealed();
    // The layout is a contract between versions and programs.
    assert_eq!(packet[..2], [0x10, 1]);
    assert_eq!(packet[2..10], 0x1234_5678_9ABC_DEF0u64.to_le_bytes());
    assert_eq!(packet[20], 17);
    let check = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&packet[..21]);
    assert_eq!(packet[21..], check.to_le_bytes());
    assert!(matches!(read_hello(&packet), Some(Said::Hello(read)) if read == hello));
    packet[1] = 9;
    assert!(read_hello(&packet).is_none(), "damaged");
    Key::PLAIN.seal(&mut packet);
    assert!(matches!(read_hello(&packet), Some(Said::Version(9))));
    // Limits out of range, and no id.
    for (own, payload, window) in [(1, 63, 2), (1, 64, 1), (0, 64, 2)] {
        let hello = Hello {
            ids: Ids { own, heard: 0 },
            payload,
            window,
        };
        assert!(read_hello(&hello.sealed()).is_none());
    }
}

/// A packet longer than the limit is dropped, whether it comes at once or in pieces; the next one is found.
#[test]
fn too_long() {
    for cut in [1, 10, 1 << 20] {
        let mut line = vec![3; 100_000];
        line.extend_from_slice(&[0, 2, 9, 0]);
        let mut unstuffer = Unstuffer::new(40);
        let mut found = Vec::new();
        for piece in line.chunks(cut) {
            let mut rest = piece;
            while let Some(packet) = unstuffer.next(&mut rest) {
                found.push(packet.to_vec());
            }
        }
        assert_eq!(found, [[9]], "cut {cut}");
    }
}
