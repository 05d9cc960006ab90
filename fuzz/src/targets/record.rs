//! Records: any bytes of a direction, and any records there and back.

use std::io;

use channel_wire::record::{
    Event, HEADER_LEN, MAX_RECORD, RecordDecoder, RecordError, encode_abort, encode_data,
    encode_end, encode_receipt,
};

use crate::input::{Input, cuts};

/// A byte of choices, four of cuts, then the bytes of a direction, or what is written to it.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let pattern = input.array();
    if choice & 1 == 0 {
        any_bytes(pattern, input.rest());
    } else {
        any_records(pattern, &mut input);
    }
}

/// What a reader of a direction saw.
#[derive(Debug, PartialEq)]
struct Seen {
    data: Vec<u8>,
    /// Without `NeedMore`, and with `Payload` once for each record.
    events: Vec<Event>,
    end: Result<(), RecordError>,
    ended: bool,
    /// The events' records, written again.
    written: Vec<u8>,
}

fn any_bytes(pattern: [u8; 4], bytes: &[u8]) -> Seen {
    let whole = read(bytes, || bytes.len());
    assert_eq!(whole, read(bytes, || 1), "one at a time");
    let mut lengths = cuts(pattern);
    let pieces = read(bytes, || lengths.next().unwrap_or(1));
    assert_eq!(whole, pieces, "in pieces");

    // There is one way to write a record, so this is what was read; at the end, where a
    // record was cut short or wrong, less of it.
    assert!(bytes.starts_with(&whole.written));
    let all = whole.written.len() == bytes.len();
    assert!(all || whole.end.is_err() || bytes.len() - whole.written.len() < HEADER_LEN + 8);
    if let Err(e) = whole.end {
        assert!(!e.to_string().is_empty());
        let lost = matches!(e, RecordError::NoEnd { .. });
        let kind = io::Error::from(e).kind();
        assert_eq!(lost, kind == io::ErrorKind::ConnectionReset);
    }
    whole
}

/// Reads `bytes`; what is shown at once, and how much payload is taken, is `piece`'s.
fn read(bytes: &[u8], mut piece: impl FnMut() -> usize) -> Seen {
    let mut decoder = RecordDecoder::new();
    let (mut data, mut events, mut written) = (Vec::new(), Vec::new(), Vec::new());
    let (mut at, mut open) = (0, 0);
    while at < bytes.len() {
        let shown = &bytes[at..bytes.len().min(at + piece())];
        let step = match decoder.feed(shown) {
            Ok(step) => step,
            Err(e) => {
                assert_eq!(decoder.feed(b"D"), Err(e), "it stays failed");
                assert_eq!(decoder.end_of_input(), Err(e));
                break;
            }
        };
        assert!(step.consumed <= shown.len());
        at += step.consumed;
        check_order(&events, step.event);
        match step.event {
            Event::NeedMore => assert_eq!(step.consumed, shown.len()),
            Event::Payload { remaining } => {
                assert!((1..=MAX_RECORD).contains(&remaining));
                if open == 0 {
                    events.push(step.event);
                    written.extend(encode_data(remaining));
                } else {
                    assert_eq!((open, step.consumed), (remaining, 0));
                }
                let n = remaining.min(shown.len() - step.consumed).min(piece());
                data.extend_from_slice(&bytes[at..at + n]);
                written.extend_from_slice(&bytes[at..at + n]);
                decoder.consumed_payload(n);
                at += n;
                open = remaining - n;
            }
            Event::End { total } => {
                assert_eq!(total, data.len() as u64, "nothing is missing");
                written.extend(encode_end(total));
            }
            Event::Abort => written.extend(encode_abort()),
            Event::Receipt { read } => written.extend(encode_receipt(read)),
        }
        if !matches!(step.event, Event::NeedMore | Event::Payload { .. }) {
            events.push(step.event);
        }
        assert_eq!(decoder.received(), data.len() as u64);
    }
    Seen {
        data,
        events,
        end: decoder.end_of_input(),
        ended: decoder.is_ended(),
        written,
    }
}

/// Behind END come receipts or ABORT, behind ABORT comes nothing.
fn check_order(before: &[Event], event: Event) {
    let aborted = before.contains(&Event::Abort);
    let ended = before.iter().any(|e| matches!(e, Event::End { .. }));
    match event {
        Event::NeedMore => (),
        Event::Receipt { .. } | Event::Abort => assert!(!aborted),
        Event::Payload { .. } | Event::End { .. } => assert!(!aborted && !ended),
    }
}

fn any_records(pattern: [u8; 4], input: &mut Input<'_>) {
    let (mut bytes, mut data, mut events) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ended, mut aborted) = (false, false);
    while !input.is_empty() && !aborted && bytes.len() < 3 * MAX_RECORD {
        match input.byte() {
            0..100 if !ended => {
                // A little text, some of it many times over.
                let piece = input.byte();
                let piece = input.bytes(1 + usize::from(piece));
                let times = 1 + usize::from(input.byte()) * usize::from(input.byte() / 128);
                let mut payload = piece.repeat(times);
                payload.resize(payload.len().clamp(1, MAX_RECORD), 0);
                bytes.extend(encode_data(payload.len()));
                bytes.extend_from_slice(&payload);
                events.push(Event::Payload {
                    remaining: payload.len(),
                });
                data.extend(payload);
            }
            100..200 if !ended => {
                let total = data.len() as u64;
                bytes.extend(encode_end(total));
                events.push(Event::End { total });
                ended = true;
            }
            250.. => {
                bytes.extend(encode_abort());
                events.push(Event::Abort);
                aborted = true;
            }
            _ => {
                let read = input.long();
                bytes.extend(encode_receipt(read));
                events.push(Event::Receipt { read });
            }
        }
    }
    let received = data.len() as u64;
    let end = match ended && !aborted {
        true => Ok(()),
        false => Err(RecordError::NoEnd { received }),
    };
    let expected = Seen {
        data,
        events,
        end,
        ended: ended && !aborted,
        written: bytes.clone(),
    };
    // One at a time is for small inputs.
    let mut lengths = cuts(pattern).map(|n| n * if bytes.len() > 2000 { 64 } else { 1 });
    assert_eq!(read(&bytes, || lengths.next().unwrap_or(1)), expected);
    assert_eq!(read(&bytes, || bytes.len()), expected);
}
