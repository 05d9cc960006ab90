//! Bytes that differ everywhere and can be told again from their position, so that nothing has to
//! be kept in order to check what comes back.

/// The bytes of one client.
#[derive(Clone, Copy, Debug)]
pub struct Pattern(u64);

impl Pattern {
    pub fn new(seed: u64, client: u32) -> Pattern {
        Pattern(mix(seed ^ mix(u64::from(client))))
    }

    /// Writes the bytes that lie at `offset` of the pattern.
    pub fn fill(self, mut offset: u64, out: &mut [u8]) {
        let (head, rest) = out.split_at_mut(to_boundary(offset).min(out.len()));
        let skip = (offset % 8) as usize;
        head.copy_from_slice(&self.word(offset)[skip..skip + head.len()]);
        offset += head.len() as u64;
        let (words, tail) = rest.as_chunks_mut::<8>();
        for word in words {
            *word = self.word(offset);
            offset += 8;
        }
        tail.copy_from_slice(&self.word(offset)[..tail.len()]);
    }

    /// Where `bytes` first differ from what lies at `offset`.
    pub fn differs(self, offset: u64, bytes: &[u8]) -> Option<u64> {
        let mut expected = [0; 1024];
        let mut at = offset;
        for piece in bytes.chunks(expected.len()) {
            let expected = &mut expected[..piece.len()];
            self.fill(at, expected);
            if piece != expected {
                let same = piece.iter().zip(&*expected).take_while(|(a, b)| a == b);
                return Some(at + same.count() as u64);
            }
            at += piece.len() as u64;
        }
        None
    }

    fn word(self, offset: u64) -> [u8; 8] {
        mix(self.0.wrapping_add(offset / 8)).to_le_bytes()
    }
}

/// How many bytes lie before the next word.
fn to_boundary(offset: u64) -> usize {
    ((8 - offset % 8) % 8) as usize
}

/// SplitMix64's output function: neighbouring numbers give unrelated words.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A digest of a stream, to compare what was sent with what came back (FNV-1a, 64 bits): it finds
/// slips, not malice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    state: u64,
}

impl Digest {
    pub fn new() -> Digest {
        Digest {
            state: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.state = bytes.iter().fold(self.state, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows E2
    #[test]
    fn a_pattern_is_the_same_in_any_pieces_and_a_changed_byte_is_found() {
        let pattern = Pattern::new(1, 2);
        let mut whole = [0; 100];
        pattern.fill(3, &mut whole);
        let mut pieces = [0; 100];
        for (at, piece) in pieces.chunks_mut(7).enumerate() {
            pattern.fill(3 + at as u64 * 7, piece);
        }
        assert_eq!(whole, pieces);
        assert_eq!(pattern.differs(3, &whole), None);
        whole[42] ^= 1;
        assert_eq!(pattern.differs(3, &whole), Some(45));
        assert!(Pattern::new(1, 3).differs(3, &pieces).is_some());
    }

    // shows E2
    #[test]
    fn a_digest_does_not_depend_on_pieces_but_on_order() {
        let digest = |pieces: &[&[u8]]| {
            let mut digest = Digest::new();
            pieces.iter().for_each(|piece| digest.add(piece));
            digest
        };
        assert_eq!(digest(&[b"abc", b"", b"d"]), digest(&[b"abcd"]));
        assert_ne!(digest(&[b"abdc"]), digest(&[b"abcd"]));
    }
}
