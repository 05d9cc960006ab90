//! The record layer: layout, order, totals, limits.

use std::prelude::v1::*;
use std::{io, vec};

use proptest::prelude::*;

use super::*;

/// What a reader of a whole direction saw.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    data: Vec<u8>,
    events: Vec<Event>,
    error: Option<RecordError>,
}

/// Reads `bytes`, showing the decoder `piece` at a time and taking payload `bite` at a time.
fn read(bytes: &[u8], piece: usize, bite: usize) -> (Seen, RecordDecoder) {
    let (mut decoder, mut seen, mut at) = (RecordDecoder::new(), Seen::default(), 0);
    loop {
        let shown = &bytes[at..bytes.len().min(at + piece)];
        let step = match decoder.feed(shown) {
            Ok(step) => step,
            Err(e) => {
                assert_eq!(decoder.feed(b"D"), Err(e), "it stays failed");
                assert_eq!(decoder.end_of_input(), Err(e));
                seen.error = Some(e);
                return (seen, decoder);
            }
        };
        assert!(step.consumed <= shown.len());
        at += step.consumed;
        match step.event {
            Event::NeedMore => assert_eq!(step.consumed, shown.len()),
            Event::Payload { remaining } => {
                assert!((1..=MAX_RECORD).contains(&remaining));
                let n = remaining.min(shown.len() - step.consumed).min(bite);
                seen.data.extend_from_slice(&bytes[at..at + n]);
                decoder.consumed_payload(n);
                at += n;
            }
            event => seen.events.push(event),
        }
        if at == bytes.len() {
            assert_eq!(decoder.received(), seen.data.len() as u64);
            return (seen, decoder);
        }
    }
}

fn data(payload: &[u8]) -> Vec<u8> {
    [&encode_data(payload.len())[..], payload].concat()
}

fn error_of(bytes: &[u8]) -> Option<RecordError> {
    let whole = read(bytes, bytes.len(), bytes.len()).0;
    assert_eq!(whole, read(bytes, 1, 1).0, "however it is cut");
    whole.error
}

#[test]
fn layout_is_as_documented() {
    assert_eq!(encode_data(1), *b"D\0\0\x01");
    assert_eq!(encode_data(MAX_RECORD), *b"D\x01\0\0");
    assert_eq!(
        encode_end(0x0102_0304_0506_0708),
        *b"E\0\0\x08\x01\x02\x03\x04\x05\x06\x07\x08"
    );
    assert_eq!(encode_abort(), *b"A\0\0\0");
    assert_eq!(encode_receipt(9), *b"R\0\0\x08\0\0\0\0\0\0\0\x09");
}

#[test]
#[should_panic(expected = "1 to MAX_RECORD")]
fn an_empty_record_is_not_written() {
    encode_data(0);
}

#[test]
#[should_panic(expected = "1 to MAX_RECORD")]
fn an_oversized_record_is_not_written() {
    encode_data(MAX_RECORD + 1);
}

#[test]
#[should_panic(expected = "took 3 bytes")]
fn more_payload_than_announced_is_not_taken() {
    let mut decoder = RecordDecoder::new();
    decoder.feed(&encode_data(2)).unwrap();
    decoder.consumed_payload(3);
}

// shows C6: only an end that was announced, with nothing missing, is an orderly one.
#[test]
fn every_cut_before_the_end_is_a_lost_peer() {
    let bytes = [data(b"hello"), data(b"world"), encode_end(10).to_vec()].concat();
    for cut in 0..=bytes.len() {
        for piece in [1, bytes.len()] {
            // `read` needs a byte to start with; nothing at all is a cut as well.
            let (seen, decoder) = if cut == 0 {
                (Seen::default(), RecordDecoder::new())
            } else {
                read(&bytes[..cut], piece, 2)
            };
            assert_eq!(seen.error, None);
            let received = seen.data.len() as u64;
            if cut == bytes.len() {
                assert_eq!(
                    (seen.data.as_slice(), decoder.is_ended()),
                    (&b"helloworld"[..], true)
                );
                assert_eq!(decoder.end_of_input(), Ok(()));
            } else {
                let e = decoder.end_of_input().unwrap_err();
                assert_eq!(e, RecordError::NoEnd { received }, "cut at {cut}");
                assert_eq!(io::Error::from(e).kind(), io::ErrorKind::ConnectionReset);
            }
        }
    }
}

// shows C1, C6: bytes that went missing, or came twice, do not pass for an orderly end.
#[test]
fn the_total_is_checked() {
    for total in [0, 4, 6, u64::MAX] {
        let bytes = [data(b"hello"), encode_end(total).to_vec()].concat();
        assert_eq!(
            error_of(&bytes),
            Some(RecordError::WrongTotal { total, received: 5 })
        );
    }
    assert_eq!(error_of(&encode_end(0)), None);
}

// shows C6: an abort is not an end.
#[test]
fn an_abort_leaves_the_peer_lost_and_nothing_behind_it() {
    let bytes = [data(b"x"), encode_abort().to_vec()].concat();
    let (seen, decoder) = read(&bytes, 3, 1);
    assert_eq!((seen.events, seen.error), (vec![Event::Abort], None));
    assert_eq!(
        decoder.end_of_input(),
        Err(RecordError::NoEnd { received: 1 })
    );
    for next in [
        data(b"y"),
        encode_end(1).to_vec(),
        encode_abort().into(),
        encode_receipt(0).into(),
    ] {
        let e = error_of(&[&bytes[..], &next].concat());
        assert_eq!(e, Some(RecordError::AfterEnd { kind: next[0] }));
    }
    let mut decoder = decoder;
    assert_eq!(
        decoder.feed(b""),
        Ok(Step {
            consumed: 0,
            event: Event::NeedMore
        })
    );
}

// shows C5, C9: after one direction has ended, the receipt for the other still comes through it.
#[test]
fn a_receipt_comes_before_and_after_the_end() {
    let bytes = [
        &encode_receipt(3)[..],
        &data(b"x"),
        &encode_end(1),
        &encode_receipt(7),
        &encode_abort(),
    ]
    .concat();
    let (seen, _) = read(&bytes, 1, 1);
    let expected = [
        Event::Receipt { read: 3 },
        Event::End { total: 1 },
        Event::Receipt { read: 7 },
        Event::Abort,
    ];
    assert_eq!((&seen.events[..], seen.error), (&expected[..], None));
    // Cut short, it is unknown; the end stands.
    let cut = [&encode_end(0)[..], &encode_receipt(7)[..9]].concat();
    assert_eq!(read(&cut, 4, 1).1.end_of_input(), Ok(()));
}

#[test]
fn data_or_another_end_after_the_end_is_an_error() {
    let end = encode_end(0).to_vec();
    for next in [data(b"y"), end.clone()] {
        let e = error_of(&[&end[..], &next[..1]].concat());
        assert_eq!(
            e,
            Some(RecordError::AfterEnd { kind: next[0] }),
            "known by its first byte"
        );
    }
}

// shows T3: what is not a record is known by its first byte, a wrong length by its fourth.
#[test]
fn wrong_records_are_known_early() {
    for kind in (0..=255).filter(|k| !b"DEAR".contains(k)) {
        assert_eq!(error_of(&[kind]), Some(RecordError::UnknownKind { kind }));
    }
    for (kind, len) in [
        (DATA, 0),
        (DATA, MAX_RECORD as u32 + 1),
        (DATA, 0xFF_FFFF),
        (END, 0),
        (END, 9),
        (ABORT, 1),
        (RECEIPT, 7),
    ] {
        let bytes = header(kind, len);
        assert_eq!(error_of(&bytes), Some(RecordError::BadLength { kind, len }));
        assert_eq!(error_of(&bytes[..3]), None);
    }
    let e = io::Error::from(RecordError::UnknownKind { kind: 0 });
    assert_eq!(e.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn payload_is_announced_until_it_is_taken_and_never_held() {
    let mut decoder = RecordDecoder::new();
    let bytes = data(b"abc");
    let first = decoder.feed(&bytes).unwrap();
    assert_eq!(
        first,
        Step {
            consumed: 4,
            event: Event::Payload { remaining: 3 }
        }
    );
    let again = Step {
        consumed: 0,
        event: Event::Payload { remaining: 3 },
    };
    assert_eq!(
        (decoder.feed(b"abc"), decoder.feed(b"")),
        (Ok(again), Ok(again))
    );
    decoder.consumed_payload(2);
    assert_eq!(
        (decoder.received(), decoder.feed(b"c").unwrap().event),
        (2, Event::Payload { remaining: 1 })
    );
    decoder.consumed_payload(1);
    assert_eq!(
        decoder.feed(b""),
        Ok(Step {
            consumed: 0,
            event: Event::NeedMore
        })
    );
    assert!(size_of::<RecordDecoder>() <= 80);
}

#[test]
fn the_largest_record_goes_through() {
    let payload = vec![7; MAX_RECORD];
    let bytes = [data(&payload), encode_end(MAX_RECORD as u64).to_vec()].concat();
    let (seen, decoder) = read(&bytes, 1000, 999);
    assert_eq!((seen.data == payload, seen.error), (true, None));
    assert!(decoder.is_ended());
}

proptest! {
    // shows C1: bytes in, the same bytes out, however they are cut on the way.
    #[test]
    fn what_is_written_is_read(
        payloads in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 1..40), any::<Option<u64>>()), 0..8),
        piece in 1usize..60, bite in 1usize..60,
    ) {
        let (mut bytes, mut sent, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for (payload, receipt) in payloads {
            bytes.extend(data(&payload));
            sent.extend(payload);
            if let Some(read) = receipt {
                bytes.extend(encode_receipt(read));
                events.push(Event::Receipt { read });
            }
        }
        let total = sent.len() as u64;
        bytes.extend(encode_end(total));
        events.push(Event::End { total });
        let expected = Seen { data: sent, events, error: None };
        prop_assert_eq!(&read(&bytes, piece, bite).0, &expected);
        prop_assert_eq!(&read(&bytes, 1, 1).0, &expected);
        prop_assert_eq!(&read(&bytes, bytes.len(), bytes.len()).0, &expected);
    }

    // shows T3: damaged and random bytes never panic, and read alike however they are cut.
    #[test]
    fn garbage_reads_alike_in_any_pieces(
        parts in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 1..6),
                proptest::collection::vec(any::<u8>(), 1..9).prop_map(|p| data(&p)),
                (0u64..20).prop_map(|n| encode_end(n).to_vec()),
                any::<u64>().prop_map(|n| encode_receipt(n).to_vec()),
                Just(encode_abort().to_vec()),
                Just(b"D\0\0".to_vec()),
            ],
            1..6,
        ),
        piece in 1usize..20, bite in 1usize..20,
    ) {
        let bytes = parts.concat();
        let whole = read(&bytes, bytes.len(), bytes.len()).0;
        prop_assert_eq!(&read(&bytes, 1, 1).0, &whole);
        prop_assert_eq!(&read(&bytes, piece, bite).0, &whole);
    }
}
