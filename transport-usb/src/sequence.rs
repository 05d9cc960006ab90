//! Transfers that are numbered, so that none can be missing unseen.
//!
//! A transfer that fails, or is cancelled, may have been cut off anywhere; and those that were queued behind it may go
//! out all the same, before anybody can cancel them: a controller goes on with the next one, and a process that is
//! killed has its transfers cancelled one after the other. What the other end receives then has a hole. So between
//! two ends of ours each transfer ends with its number and its length, and what was received is given on only when the
//! end of its transfer has come, and fits:
//!
//! ```text
//! | bytes ... | number u32 | length u32 |      both big-endian; the length is that of the bytes
//! ```
//!
//! The first transfer of a link has the number 0: what lies before it is of an older session, and is thrown away. From
//! then on each has the next number.

/// Bytes at the end of each transfer.
pub(crate) const TAIL: usize = 8;

/// What ends a transfer of so many bytes.
pub(crate) fn tail(number: u32, length: usize) -> [u8; TAIL] {
    (u64::from(number) << 32 | length as u64).to_be_bytes()
}

/// What one transfer that received has brought.
pub(crate) struct Received {
    pub(crate) buffer: Vec<u8>,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Received {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }
}

/// What was received of a numbered transfer that has ended.
pub(crate) enum Ended {
    /// It is whole, and the next one: without its tail.
    Next(Vec<Received>),
    /// It is of an older session, or its rest.
    Older(Vec<Received>),
    /// Something is missing.
    Hole,
}

/// Puts the transfers that the other end has sent together again.
#[derive(Default)]
pub(crate) struct Sequence {
    /// The number of the next transfer, if the first one has come.
    next: Option<u32>,
    /// Of the one that has not ended.
    parts: Vec<Received>,
}

impl Sequence {
    /// More of a transfer.
    pub(crate) fn add(&mut self, part: Received) {
        self.parts.push(part);
    }

    /// How many buffers the transfer that has not ended has filled.
    pub(crate) fn open(&self) -> usize {
        self.parts.len()
    }

    /// The transfer has ended.
    pub(crate) fn end(&mut self) -> Ended {
        let mut parts = std::mem::take(&mut self.parts);
        let length: usize = parts.iter().map(|part| part.bytes().len()).sum();
        let last = take_tail(&mut parts);
        let number = (last >> 32) as u32;
        let whole = length >= TAIL && last as u32 as usize == length - TAIL;
        match self.next {
            None if !whole || number != 0 => Ended::Older(parts),
            Some(next) if !whole || number != next => Ended::Hole,
            _ => {
                self.next = Some(number.wrapping_add(1));
                Ended::Next(parts)
            }
        }
    }
}

/// Cuts the last bytes off. They may lie in two parts.
fn take_tail(parts: &mut [Received]) -> u64 {
    let mut tail = [0; TAIL];
    let mut left = TAIL;
    for part in parts.iter_mut().rev() {
        let n = left.min(part.bytes().len());
        tail[left - n..left].copy_from_slice(&part.bytes()[part.bytes().len() - n..]);
        part.to -= n;
        left -= n;
    }
    u64::from_be_bytes(tail)
}

#[cfg(test)]
mod tests {
    use super::{Ended, Received, Sequence, tail};

    fn part(bytes: &[u8]) -> Received {
        Received {
            buffer: bytes.to_vec(),
            from: 0,
            to: bytes.len(),
        }
    }

    fn transfer(number: u32, bytes: &[u8]) -> Vec<u8> {
        [bytes, &tail(number, bytes.len())].concat()
    }

    /// What becomes of a transfer that comes in pieces.
    fn end(sequence: &mut Sequence, bytes: &[u8], piece: usize) -> Option<Vec<u8>> {
        for bytes in bytes.chunks(piece) {
            sequence.add(part(bytes));
        }
        assert_eq!(sequence.open(), bytes.len().div_ceil(piece));
        match sequence.end() {
            Ended::Next(parts) => Some(
                parts
                    .iter()
                    .flat_map(|part| part.bytes().to_vec())
                    .collect(),
            ),
            Ended::Older(_) => None,
            Ended::Hole => panic!("a hole"),
        }
    }

    #[test]
    fn transfers_come_together_however_they_are_cut() {
        for piece in 1..30 {
            let mut sequence = Sequence {
                next: Some(u32::MAX),
                ..Sequence::default()
            };
            for number in [u32::MAX, 0, 1] {
                let got = end(
                    &mut sequence,
                    &transfer(number, b"twenty bytes of text"),
                    piece,
                );
                assert_eq!(got.as_deref(), Some(&b"twenty bytes of text"[..]));
            }
        }
    }

    #[test]
    fn what_is_older_is_thrown_away() {
        let mut sequence = Sequence::default();
        for older in [
            &b""[..],
            b"short",
            b"the rest of a transfer",
            &transfer(0, b"cut")[1..],
            &transfer(6, b"whole"),
        ] {
            assert_eq!(end(&mut sequence, older, 64), None);
        }
        assert!(end(&mut sequence, &transfer(0, b""), 64).is_some());
        assert!(end(&mut sequence, &transfer(1, b"next"), 64).is_some());
    }

    // shows C1
    #[test]
    fn a_hole_is_seen() {
        let (sixth, seventh) = (transfer(6, &[6; 40]), transfer(7, &[7; 8]));
        let cut = |at: usize| [&sixth[..at], &seventh].concat();
        // One is missing, or was cut off and is followed by the next: also if the lengths happen to fit.
        for wrong in [
            seventh.clone(),
            [&sixth[..16], &sixth[24..]].concat(),
            sixth[..32].to_vec(),
            cut(16),
            cut(32),
            cut(47),
            vec![],
        ] {
            let mut sequence = Sequence {
                next: Some(5),
                ..Sequence::default()
            };
            assert!(end(&mut sequence, &transfer(5, b"fifth"), 64).is_some());
            sequence.add(part(&wrong));
            assert!(matches!(sequence.end(), Ended::Hole), "{wrong:?}");
        }
    }
}
