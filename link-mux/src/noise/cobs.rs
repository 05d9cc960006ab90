//! COBS: bytes without a zero (S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
//! Networking 7(2), 1999).
//!
//! Every zero is replaced by the distance to the next one. As that must fit into a byte, a run of 254 others is
//! ended by a distance of 255, which stands for no zero. The work is done in words and runs instead of bytes, five
//! to ten times as fast as the state machine of the crate `cobs`, with which the tests compare it: on a pty, the
//! stuffing would be most of the work else.

/// A run of so many bytes has no zero behind it.
const FULL: usize = 254;

/// How many bytes become of `len` at most.
pub(super) const fn encoded_len(len: usize) -> usize {
    len + len / FULL + 1
}

/// Encodes all of `bytes` into `out`, which has room for [`encoded_len`]; returns how many bytes it has become.
pub(super) fn encode(bytes: &[u8], out: &mut [u8]) -> usize {
    let mut rest = bytes;
    // Where the length of this run belongs, and its next byte.
    let (mut run, mut at) = (0, 1);
    loop {
        // Every byte keeps its place; only the zeros become lengths.
        while at - run + 8 <= FULL
            && let Some((word, tail)) = rest.split_first_chunk::<8>()
        {
            rest = tail;
            out[at..at + 8].copy_from_slice(word);
            let mut zeros = zeros(u64::from_le_bytes(*word));
            while zeros != 0 {
                let zero = at + zeros.trailing_zeros() as usize / 8;
                out[run] = (zero - run) as u8;
                run = zero;
                zeros &= zeros - 1;
            }
            at += 8;
        }
        // And one byte where a run is nearly full, or fewer than eight are left.
        let Some((&byte, tail)) = rest.split_first() else {
            break;
        };
        rest = tail;
        if byte != 0 {
            out[at] = byte;
            at += 1;
        }
        if byte == 0 || at - run > FULL {
            out[run] = (at - run) as u8;
            if byte != 0 && rest.is_empty() {
                return at;
            }
            run = at;
            at += 1;
        }
    }
    out[run] = (at - run) as u8;
    at
}

/// The highest bit of each byte of a word that is zero.
fn zeros(word: u64) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    !(((word & LOW) + LOW) | word | LOW)
}

/// Decodes `bytes`, which hold no zero, into `out`; returns how many bytes it has become. `None`: that is no whole
/// packet, or one that is too long.
pub(super) fn decode(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mut rest, mut at) = (bytes, 0);
    while let Some((&code, tail)) = rest.split_first() {
        let run = usize::from(code).checked_sub(1)?;
        let (run, tail) = tail.split_at_checked(run)?;
        if !run.is_empty() {
            out.get_mut(at..at + run.len())?.copy_from_slice(run);
            at += run.len();
        }
        rest = tail;
        if run.len() < FULL && !rest.is_empty() {
            *out.get_mut(at)? = 0;
            at += 1;
        }
    }
    Some(at)
}

/// Where the first zero is.
pub(super) fn find_zero(bytes: &[u8]) -> Option<usize> {
    // `contains` looks at words, `position` at bytes.
    const BLOCK: usize = 64;
    let block = bytes.chunks(BLOCK).position(|block| block.contains(&0))? * BLOCK;
    let at = bytes[block..].iter().position(|&byte| byte == 0)?;
    Some(block + at)
}
