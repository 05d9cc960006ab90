//! The handshake's codec: layout, order, limits, strangers.

use std::prelude::v1::*;
use std::{io, vec};

use proptest::prelude::*;

use super::*;

fn wire(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out).unwrap();
    out
}

/// A message from its parts, right or wrong.
fn raw(version: u8, kind: u8, len: u16, body: &[u8]) -> Vec<u8> {
    let [a, b] = len.to_be_bytes();
    [&MAGIC[..], &[version, kind, a, b], body].concat()
}

/// Feeds pieces until the input or the handshake is at its end. Returns the messages, what
/// was left over, and how it failed if it did.
fn decode(role: Role, bytes: &[u8], piece: usize) -> (Vec<Message>, usize, Option<HelloError>) {
    let mut decoder = HelloDecoder::new(role);
    let (mut messages, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = bytes.len().min(at + piece);
        match decoder.feed(&bytes[at..end]) {
            Ok(Step::More) => at = end,
            Ok(Step::Message { consumed, message }) => {
                assert!(consumed <= end - at);
                at += consumed;
                messages.push(message);
            }
            Ok(Step::Finished) => {
                assert!(decoder.is_finished());
                break;
            }
            Err(e) => {
                assert_eq!(decoder.feed(b"x"), Err(e.clone()), "it stays failed");
                assert_eq!(
                    (decoder.wants(), decoder.end_of_input()),
                    (0, Err(e.clone()))
                );
                return (messages, bytes.len() - at, Some(e));
            }
        }
    }
    (messages, bytes.len() - at, None)
}

/// The error of an input, which must be the same for every way to cut it, and the number of
/// bytes after which it was known.
fn failure(role: Role, bytes: &[u8]) -> (HelloError, usize) {
    let (_, _, whole) = decode(role, bytes, bytes.len());
    let (_, left, single) = decode(role, bytes, 1);
    assert_eq!(whole, single);
    // Bytewise, the byte that failed was not counted as taken.
    (single.expect("an error"), bytes.len() - left + 1)
}

#[test]
fn layout_is_as_documented() {
    let hello = Hello {
        version: Version::new(1, 2),
        port: 0x0102,
        broker: "echo".into(),
        from: "me".into(),
        capacity: 0x0304_0506,
        flags: 0x0708,
    };
    assert_eq!(
        wire(&Message::Hello(hello)),
        b"\xF7ch\n\x12\x01\x00\x10\x01\x02\x03\x04\x05\x06\x07\x08\x04echo\x02me"
    );
    let welcome = Welcome {
        version: Version::CURRENT,
        capacity: 9,
    };
    assert_eq!(
        wire(&Message::Welcome(welcome)),
        b"\xF7ch\n\x10\x02\0\x04\0\0\0\x09"
    );
    let refused = Refused::new(Refusal::Closed, "why");
    assert_eq!(
        wire(&Message::Refused(refused)),
        b"\xF7ch\n\x10\x03\0\x05\x02\x03why"
    );
    assert_eq!(wire(&Message::Go), b"\xF7ch\n\x10\x04\0\0");
}

// shows B2: hello, go, and at once the channel's bytes, of which not one is taken.
#[test]
fn the_byte_after_the_last_message_belongs_to_the_channel() {
    let hello = Message::Hello(Hello::new("echo", 7));
    let bytes = [wire(&hello), wire(&Message::Go), wire(&Message::Go)].concat();
    for piece in 1..=bytes.len() {
        let (messages, left, error) = decode(Role::Acceptor, &bytes, piece);
        assert_eq!(
            (messages.len(), left, error),
            (2, HEAD_LEN, None),
            "pieces of {piece}"
        );
    }
    for last in [
        Message::Welcome(Welcome {
            version: Version::CURRENT,
            capacity: 0,
        }),
        Message::Refused(Refused::new(Refusal::NoSuchBroker, "")),
    ] {
        let bytes = [wire(&last), b"rest".to_vec()].concat();
        assert_eq!(decode(Role::Connector, &bytes, 99), (vec![last], 4, None));
    }
}

// shows B2: a reader that cannot put bytes back takes exactly what belongs to the handshake.
#[test]
fn wants_never_reaches_past_a_message() {
    let bytes = [
        wire(&Message::Hello(Hello::new("echo", 7))),
        wire(&Message::Go),
    ]
    .concat();
    let mut decoder = HelloDecoder::new(Role::Acceptor);
    let (mut at, mut seen) = (0, 0);
    while decoder.wants() > 0 {
        let end = at + decoder.wants();
        if let Step::Message { consumed, .. } = decoder.feed(&bytes[at..end]).unwrap() {
            assert_eq!(consumed, end - at);
            seen += 1;
        }
        at = end;
    }
    assert_eq!((at, seen), (bytes.len(), 2));
}

// shows T3: garbage is known by its first wrong byte.
#[test]
fn strangers_are_known_by_the_first_wrong_byte() {
    for stranger in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"SSH-2.0-x",
        &[0; 9],
    ] {
        let (e, at) = failure(Role::Acceptor, stranger);
        assert_eq!(
            (e.clone(), at),
            (
                HelloError::NotOurs {
                    at: 0,
                    found: stranger[0]
                },
                1
            )
        );
        assert_eq!(e.refusal(), None, "a stranger gets no answer");
        assert!(e.to_string().contains("+plain"));
    }
    // A terminal that writes CR LF for LF.
    let (e, at) = failure(Role::Acceptor, b"\xF7ch\r\n\x10");
    assert_eq!(
        (e, at),
        (
            HelloError::NotOurs {
                at: 3,
                found: b'\r'
            },
            4
        )
    );
}

// shows T3: an oversized hello is refused by its head, before its body is read.
#[test]
fn oversize_is_refused_by_the_head() {
    for len in [MAX_BODY as u16 + 1, u16::MAX] {
        let (e, at) = failure(Role::Acceptor, &raw(0x10, HELLO, len, b"body"));
        assert_eq!(
            (e.clone(), at),
            (
                HelloError::TooLong {
                    len: HEAD_LEN + len as usize
                },
                8
            )
        );
        assert_eq!(e.refusal().unwrap().reason, Refusal::Limit);
    }
    let mut full = wire(&Message::Hello(Hello::new("x", 1)))[HEAD_LEN..].to_vec();
    full.resize(MAX_BODY, 0xAA);
    let bytes = raw(0x10, HELLO, MAX_BODY as u16, &full);
    assert_eq!(bytes.len(), MAX_MESSAGE);
    assert_eq!(decode(Role::Acceptor, &bytes, 7).0.len(), 1);
}

// shows T3: memory is taken for bytes that arrived, not for a length that was claimed.
#[test]
fn a_claimed_length_allocates_nothing() {
    let mut decoder = HelloDecoder::new(Role::Acceptor);
    decoder.feed(&raw(0x10, HELLO, 1000, b"")).unwrap();
    assert_eq!((decoder.held(), decoder.wants()), (0, 1000));
    assert_eq!(
        decoder.end_of_input(),
        Err(HelloError::Truncated { got: HEAD_LEN })
    );
}

#[test]
fn another_major_version_is_refused_naming_both() {
    let theirs = Version::new(2, 3);
    let (e, at) = failure(Role::Acceptor, &raw(theirs.byte(), HELLO, 9999, b""));
    assert_eq!(
        (&e, at),
        (
            &HelloError::VersionMismatch {
                ours: Version::CURRENT,
                theirs
            },
            6
        )
    );
    let refused = e.refusal().unwrap();
    assert_eq!(refused.reason, Refusal::VersionMismatch);
    for text in [e.to_string(), refused.message] {
        assert!(text.contains("1.0") && text.contains("2.3"), "{text}");
    }
    failure(Role::Connector, &raw(theirs.byte(), WELCOME, 4, &[0; 4]));
    // A refusal is read whatever its version.
    let (got, _, error) = decode(Role::Connector, &raw(0x23, REFUSED, 3, b"\x03\x01x"), 1);
    assert_eq!(error, None);
    assert!(matches!(&got[..], [Message::Refused(r)] if r.version == theirs && r.message == "x"));
}

#[test]
fn the_lower_minor_version_is_spoken() {
    let (a, b) = (Version::new(1, 2), Version::new(1, 5));
    assert_eq!((a.negotiate(b), b.negotiate(a)), (Ok(a), Ok(a)));
    assert!(a.negotiate(Version::new(2, 2)).is_err());
    assert_eq!(
        (a.to_string(), Version::from_byte(a.byte())),
        ("1.2".to_owned(), a)
    );
    // A later minor version: more at the end of the body, a flag, a reason.
    let bytes = raw(0x1F, HELLO, 14, b"\0\x07\0\0\0\0\x80\0\x01x\0new");
    let (got, left, error) = decode(Role::Acceptor, &bytes, 1);
    assert_eq!((got.len(), left, error), (1, 0, None));
    let bytes = raw(0x1F, REFUSED, 4, b"\xC8\x00..");
    let (got, ..) = decode(Role::Connector, &bytes, 1);
    assert!(matches!(&got[..], [Message::Refused(r)] if r.reason == Refusal::Other(200)));
}

#[test]
fn messages_come_in_their_order() {
    for (role, kind, expected) in [
        (Role::Acceptor, GO, "HELLO"),
        (Role::Acceptor, REFUSED, "HELLO"),
        (Role::Connector, HELLO, "WELCOME or REFUSED"),
        (Role::Connector, 9, "WELCOME or REFUSED"),
    ] {
        let (e, at) = failure(role, &raw(0x10, kind, 0, b""));
        assert_eq!((e, at), (HelloError::Unexpected { kind, expected }, 6));
    }
    let hello = wire(&Message::Hello(Hello::new("", 1)));
    let (e, _) = failure(Role::Acceptor, &[&hello[..], &hello].concat());
    assert_eq!(
        e,
        HelloError::Unexpected {
            kind: HELLO,
            expected: "GO"
        }
    );
}

#[test]
fn bodies_that_do_not_hold_their_fields_are_malformed() {
    let body = b"\0\x07\0\0\0\0\0\0\x02ab\x01c";
    for cut in 0..body.len() {
        let (e, _) = failure(Role::Acceptor, &raw(0x10, HELLO, cut as u16, &body[..cut]));
        assert!(matches!(e, HelloError::Malformed { .. }), "{cut}: {e}");
        assert_eq!(e.refusal().unwrap().reason, Refusal::Malformed);
    }
    let (e, _) = failure(
        Role::Acceptor,
        &raw(0x10, HELLO, 11, b"\0\x07\0\0\0\0\0\0\x01\xFF\0"),
    );
    assert!(e.to_string().contains("UTF-8"), "{e}");
    failure(Role::Connector, &raw(0x10, WELCOME, 3, &[0; 3]));
    failure(Role::Connector, &raw(0x10, REFUSED, 2, b"\x01\x01"));
}

#[test]
fn names_keep_their_limit() {
    let name = "n".repeat(MAX_TEXT);
    let mut hello = Hello::new(name.clone(), 1);
    hello.from = name.clone();
    let bytes = wire(&Message::Hello(hello.clone()));
    assert!(bytes.len() <= MAX_MESSAGE);
    assert_eq!(
        decode(Role::Acceptor, &bytes, 1).0,
        [Message::Hello(hello.clone())]
    );
    hello.from.push('n');
    let mut out = b"before".to_vec();
    let e = Message::Hello(hello).encode(&mut out).unwrap_err();
    assert_eq!(
        (e.clone(), &out[..]),
        (HelloError::TextTooLong { len: 256 }, &b"before"[..])
    );
    assert_eq!(io::Error::from(e).kind(), io::ErrorKind::InvalidInput);
    // An explanation is cut, between characters.
    let long = Message::Refused(Refused::new(Refusal::Limit, "\u{e9}".repeat(200)));
    let (got, ..) = decode(Role::Connector, &wire(&long), 1);
    assert!(matches!(&got[..], [Message::Refused(r)] if r.message == "\u{e9}".repeat(127)));
}

// shows B3: a connector that goes away between messages withdrew; inside one it broke off.
#[test]
fn the_end_of_the_stream_is_judged_by_its_place() {
    let hello = wire(&Message::Hello(Hello::new("echo", 7)));
    for cut in 0..hello.len() {
        let mut decoder = HelloDecoder::new(Role::Acceptor);
        assert_eq!(decoder.feed(&hello[..cut]), Ok(Step::More));
        match decoder.end_of_input() {
            Ok(()) => assert_eq!(cut, 0),
            Err(e) => {
                assert_eq!(e, HelloError::Truncated { got: cut });
                assert_eq!(io::Error::from(e).kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
    let mut decoder = HelloDecoder::new(Role::Acceptor);
    decoder.feed(&hello).unwrap();
    assert_eq!(decoder.end_of_input(), Ok(()));
    assert_eq!(decoder.held(), 0);
}

fn any_name() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..63).prop_map(String::from_iter)
}

fn any_minor() -> impl Strategy<Value = Version> {
    (0u8..16).prop_map(|minor| Version::new(Version::CURRENT.major(), minor))
}

fn any_hello() -> impl Strategy<Value = Message> {
    (
        any_minor(),
        any::<(u16, u32, u16)>(),
        any_name(),
        any_name(),
    )
        .prop_map(|(version, (port, capacity, flags), broker, from)| {
            Message::Hello(Hello {
                version,
                port,
                broker,
                from,
                capacity,
                flags,
            })
        })
}

fn any_answer() -> impl Strategy<Value = Message> {
    prop_oneof![
        (any_minor(), any::<u32>())
            .prop_map(|(version, capacity)| Message::Welcome(Welcome { version, capacity })),
        (any::<u8>(), any::<u8>(), any_name()).prop_map(|(version, code, message)| {
            let (version, reason) = (Version::from_byte(version), Refusal::from_code(code));
            assert_eq!(reason.code(), code);
            Message::Refused(Refused {
                version,
                reason,
                message,
            })
        }),
    ]
}

proptest! {
    // shows B2, B6: what was sent is what is read, however the bytes are cut.
    #[test]
    fn every_message_reads_back(hello in any_hello(), answer in any_answer(), piece in 1usize..99) {
        let bytes = [wire(&hello), wire(&Message::Go), b"tail".to_vec()].concat();
        let got = decode(Role::Acceptor, &bytes, piece);
        prop_assert_eq!(got, (vec![hello, Message::Go], 4, None));
        let bytes = wire(&answer);
        prop_assert_eq!(decode(Role::Connector, &bytes, piece), (vec![answer], 0, None));
    }

    // shows T3: damaged and random bytes never panic, hold little, and fail the same way
    // however they are cut.
    #[test]
    fn garbage_is_refused_alike_in_any_pieces(
        hello in any_hello(), answer in any_answer(), random in any::<Vec<u8>>(),
        mode in 0u8..3, at in any::<prop::sample::Index>(), byte in any::<u8>(),
        piece in 1usize..99,
    ) {
        let mut bytes = match mode {
            0 => [wire(&hello), wire(&Message::Go)].concat(),
            1 => wire(&answer),
            _ => raw(0x10, byte % 5, random.len() as u16, &random),
        };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for role in [Role::Acceptor, Role::Connector] {
            let (messages, left, error) = decode(role, &bytes, bytes.len());
            let (messages1, _, error1) = decode(role, &bytes, 1);
            let (messages2, _, error2) = decode(role, &bytes, piece);
            prop_assert_eq!((&messages, &error), (&messages1, &error1));
            prop_assert_eq!((&messages, &error), (&messages2, &error2));
            prop_assert!(left <= bytes.len());
            let mut decoder = HelloDecoder::new(role);
            let _ = decoder.feed(&bytes);
            prop_assert!(decoder.held() <= 2 * MAX_MESSAGE);
        }
    }
}
