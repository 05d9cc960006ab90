//! The wire form of messages: any bytes, and any messages there and back.

use message_queue::codec::{
    DEFAULT_MAX_MESSAGE, Decoder, MAX_LIMIT, PREFIX, Step, TooLarge, Truncated, prefix,
};

use crate::input::{Input, cuts};

const LIMITS: [usize; 8] = [
    0,
    1,
    7,
    100,
    1000,
    DEFAULT_MAX_MESSAGE,
    MAX_LIMIT,
    usize::MAX,
];

/// A byte of choices, four of cuts, then the bytes of a stream or messages.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let pattern = input.array();
    let limit = LIMITS[usize::from(choice >> 1) % LIMITS.len()];
    if choice & 1 == 0 {
        any_bytes(limit, pattern, input.rest());
    } else {
        any_messages(limit, pattern, &mut input);
    }
}

/// The messages of a stream, and how it ended.
type Seen = (Vec<Vec<u8>>, Result<Result<(), Truncated>, TooLarge>);

fn any_bytes(limit: usize, pattern: [u8; 4], bytes: &[u8]) {
    let expected = plainly(bytes, limit);
    assert_eq!(read(bytes, limit, false, || bytes.len()), expected);
    assert_eq!(read(bytes, limit, false, || 1), expected, "one at a time");
    for takes in [false, true] {
        let mut lengths = cuts(pattern);
        let pieces = read(bytes, limit, takes, || lengths.next().unwrap_or(1));
        assert_eq!(pieces, expected, "in pieces");
    }

    // There is one way to write a message, so this is what was read.
    let mut written = Vec::new();
    for message in &expected.0 {
        written.extend(prefix(message.len(), limit).expect("what was taken"));
        written.extend_from_slice(message);
    }
    assert!(bytes.starts_with(&written));
    let rest = bytes.len() - written.len();
    match expected.1 {
        Ok(Ok(())) => assert_eq!(rest, 0),
        Ok(Err(e)) => assert!(rest > 0 && !e.to_string().is_empty()),
        Err(e) => assert!(rest >= PREFIX && e.length > limit && !e.to_string().is_empty()),
    }
}

/// The form as its description says, for bytes that are all there.
fn plainly(mut bytes: &[u8], limit: usize) -> Seen {
    let mut messages = Vec::new();
    loop {
        let Some((claim, rest)) = bytes.split_first_chunk::<PREFIX>() else {
            let received = bytes.len();
            let end = match received {
                0 => Ok(()),
                _ => Err(Truncated::Prefix { received }),
            };
            return (messages, Ok(end));
        };
        let length = u32::from_be_bytes(*claim) as usize;
        if length > limit {
            return (messages, Err(TooLarge { length, limit }));
        }
        let Some((message, rest)) = rest.split_at_checked(length) else {
            let end = Truncated::Message {
                expected: length,
                received: rest.len(),
            };
            return (messages, Ok(Err(end)));
        };
        messages.push(message.to_vec());
        bytes = rest;
    }
}

/// Reads `bytes`, of which `piece` says how many are shown at once. An end that `takes` takes
/// the rest of a message by itself.
fn read(bytes: &[u8], limit: usize, takes: bool, mut piece: impl FnMut() -> usize) -> Seen {
    // It holds nothing of a message, whatever a prefix claims.
    const { assert!(size_of::<Decoder>() <= 96) };
    let mut decoder = Decoder::new(limit);
    let (mut messages, mut begun) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let shown = &bytes[at..bytes.len().min(at + piece())];
        if takes && decoder.missing() > 0 {
            let n = shown.len().min(decoder.missing());
            assert!(begun.len() + decoder.missing() == decoder.length());
            decoder.took(n);
            begun.extend_from_slice(&shown[..n]);
            at += n;
        } else {
            let decoded = match decoder.decode(shown) {
                Ok(decoded) => decoded,
                Err(e) => {
                    assert_eq!(decoder.decode(&[0; 9]), Err(e), "it stays failed");
                    return (messages, Err(e));
                }
            };
            assert!(decoded.consumed <= shown.len());
            at += decoded.consumed;
            match decoded.step {
                Step::NeedMore => {
                    assert!(begun.is_empty() && decoded.consumed == shown.len());
                    continue;
                }
                Step::Whole(whole) => {
                    assert!(begun.is_empty() && decoder.missing() == 0);
                    begun.extend_from_slice(whole);
                }
                Step::Piece(piece) => begun.extend_from_slice(piece),
            }
        }
        assert!(begun.len() <= limit);
        if decoder.missing() == 0 {
            messages.push(std::mem::take(&mut begun));
        } else {
            assert_eq!(begun.len() + decoder.missing(), decoder.length());
        }
    }
    (messages, Ok(decoder.end()))
}

fn any_messages(limit: usize, pattern: [u8; 4], input: &mut Input<'_>) {
    let (mut bytes, mut messages) = (Vec::new(), Vec::new());
    while !input.is_empty() && bytes.len() < 100_000 {
        let len = input.byte();
        let times = 1 + usize::from(input.byte() / 16);
        let message = input.bytes(len.into()).repeat(times);
        match prefix(message.len(), limit) {
            Ok(claim) => {
                bytes.extend(claim);
                bytes.extend_from_slice(&message);
                messages.push(message);
            }
            Err(e) => assert!(e.length == message.len() && e.length > limit && e.limit == limit),
        }
    }
    let mut lengths = cuts(pattern);
    let expected = (messages, Ok(Ok(())));
    let seen = read(&bytes, limit, pattern[0].is_multiple_of(2), || {
        lengths.next().unwrap_or(1)
    });
    assert_eq!(seen, expected);
    assert_eq!(read(&bytes, limit, false, || bytes.len()), expected);
}
