//! The handshake: any bytes at either end, and any message there and back.

use std::io;

use channel_wire::hello::{
    HEAD_LEN, Hello, HelloDecoder, HelloError, MAX_MESSAGE, MAX_TEXT, Message, Refusal, Refused,
    Role, Step, Version, Welcome,
};

use crate::input::{Input, cuts};

/// A byte of choices, four of cuts, then the bytes of a stream or the fields of messages.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let pattern = input.array();
    let role = [Role::Acceptor, Role::Connector][usize::from(choice & 1)];
    if choice & 2 == 0 {
        any_bytes(role, pattern, input.rest());
    } else {
        any_message(role, pattern, &mut input);
    }
}

/// What a handshake looked like to one end.
#[derive(Debug, PartialEq)]
struct Seen {
    messages: Vec<Message>,
    /// Bytes of the complete messages.
    taken: usize,
    end: Result<(), HelloError>,
    finished: bool,
}

fn any_bytes(role: Role, pattern: [u8; 4], bytes: &[u8]) {
    let whole = read(role, bytes, |_| bytes.len());
    assert_eq!(whole, read(role, bytes, |_| 1), "one at a time");
    let mut lengths = cuts(pattern);
    let piece = |_: &HelloDecoder| lengths.next().unwrap_or(1);
    assert_eq!(whole, read(role, bytes, piece), "in pieces");
    assert_eq!(whole, read(role, bytes, HelloDecoder::wants), "as wanted");

    if let Err(e) = &whole.end {
        check_error(e);
    }
    let mut at = 0;
    for message in &whole.messages {
        at += check_written(message, &bytes[at..whole.taken]);
    }
    assert_eq!(at, whole.taken);
}

/// Reads until the bytes, the handshake or the peer's sense is at an end.
fn read(role: Role, bytes: &[u8], mut piece: impl FnMut(&HelloDecoder) -> usize) -> Seen {
    let mut decoder = HelloDecoder::new(role);
    let (mut messages, mut at, mut taken) = (Vec::new(), 0, 0);
    while at < bytes.len() && !decoder.is_finished() {
        // An end that reads only what it wants never reads past a message.
        let wants = decoder.wants();
        assert!((1..MAX_MESSAGE).contains(&wants));
        let shown = &bytes[at..bytes.len().min(at + piece(&decoder))];
        match decoder.feed(shown) {
            Ok(Step::More) => at += shown.len(),
            Ok(Step::Message { consumed, message }) => {
                assert!((1..=shown.len()).contains(&consumed) && consumed >= wants.min(HEAD_LEN));
                at += consumed;
                taken = at;
                messages.push(message);
                assert_eq!((decoder.held(), decoder.end_of_input()), (0, Ok(())));
            }
            Ok(Step::Finished) => unreachable!("asked before"),
            Err(e) => {
                assert_eq!(decoder.feed(shown), Err(e.clone()), "it stays failed");
                assert_eq!(decoder.end_of_input(), Err(e));
                assert_eq!((decoder.wants(), decoder.held()), (0, 0));
                break;
            }
        }
        // For bytes that came, not for bytes that were announced.
        assert!(decoder.held() <= 2 * (at - taken) && decoder.held() <= 2 * MAX_MESSAGE);
    }
    if decoder.is_finished() {
        assert_eq!(
            (decoder.wants(), decoder.feed(bytes)),
            (0, Ok(Step::Finished))
        );
    }
    Seen {
        messages,
        taken,
        end: decoder.end_of_input(),
        finished: decoder.is_finished(),
    }
}

/// Writes a message that was read from the beginning of `bytes`: it gives those bytes again,
/// but for what a later minor version added. Returns how many they were.
fn check_written(message: &Message, bytes: &[u8]) -> usize {
    let mut out = Vec::new();
    message.encode(&mut out).expect("what was read is written");
    let (head, body) = bytes.split_at(HEAD_LEN);
    let len = usize::from(u16::from_be_bytes([head[6], head[7]]));
    assert!(out.len() <= HEAD_LEN + len);
    assert_eq!(out[HEAD_LEN..], body[..out.len() - HEAD_LEN]);
    // GO bears no version of its own.
    let same = if matches!(message, Message::Go) { 4 } else { 5 };
    assert_eq!((&out[..same], out[5]), (&head[..same], head[5]));
    HEAD_LEN + len
}

fn any_message(role: Role, pattern: [u8; 4], input: &mut Input<'_>) {
    let version = Version::from_byte(input.byte());
    let first = match role {
        Role::Acceptor => Message::Hello(Hello {
            version,
            port: input.short(),
            broker: long_text(input),
            from: long_text(input),
            capacity: input.word(),
            flags: input.short(),
        }),
        Role::Connector if input.byte().is_multiple_of(2) => Message::Welcome(Welcome {
            version,
            capacity: input.word(),
        }),
        Role::Connector => Message::Refused(Refused {
            version,
            reason: Refusal::from_code(input.byte()),
            message: long_text(input),
        }),
    };
    let mut bytes = b"before".to_vec();
    if let Err(e) = first.encode(&mut bytes) {
        assert_eq!(bytes, b"before");
        check_error(&e);
        let Message::Hello(Hello { broker, from, .. }) = &first else {
            panic!("{first:?}: {e}");
        };
        assert!(broker.len() > MAX_TEXT || from.len() > MAX_TEXT, "{e}");
        return;
    }
    bytes.drain(..b"before".len());
    assert!(bytes.len() <= MAX_MESSAGE);
    let mut expected = vec![first];
    if role == Role::Acceptor {
        Message::Go.encode(&mut bytes).expect("it has no text");
        expected.push(Message::Go);
    }
    let taken = bytes.len();
    bytes.extend_from_slice(input.rest());

    let refused = matches!(expected[0], Message::Refused(_));
    if version.major() != Version::CURRENT.major() && !refused {
        let (ours, theirs) = (Version::CURRENT, version);
        let mismatch = HelloError::VersionMismatch { ours, theirs };
        assert_eq!(read(role, &bytes, |_| 1).end, Err(mismatch));
        return;
    }
    if let Message::Refused(refused) = &mut expected[0] {
        // An explanation is cut to fit, between characters.
        let fits = refused.message.floor_char_boundary(MAX_TEXT);
        refused.message.truncate(fits);
    }
    let mut lengths = cuts(pattern);
    let seen = read(role, &bytes, |_| lengths.next().unwrap_or(1));
    assert_eq!(
        (seen.messages, seen.taken, seen.finished),
        (expected, taken, true)
    );
}

/// Text that can be longer than a message may carry.
fn long_text(input: &mut Input<'_>) -> String {
    let text = input.text();
    let times = input.byte();
    match times {
        0..250 => text,
        _ => text.repeat(usize::from(times - 248)),
    }
}

fn check_error(e: &HelloError) {
    assert!(!e.to_string().is_empty());
    let _ = io::Error::from(e.clone());
    if let Some(refused) = e.refusal() {
        // It is always sent, and the far side reads it.
        let mut bytes = Vec::new();
        let refused = Message::Refused(refused);
        refused.encode(&mut bytes).expect("a refusal always leaves");
        let seen = read(Role::Connector, &bytes, |_| 1);
        assert_eq!((seen.messages, seen.finished), (vec![refused], true));
    }
}
