//! Small writes that follow each other closely.

use super::*;
use crate::wire::record::{Event, RecordDecoder};

/// Every small write but the first follows the last one closely enough.
fn holding(capacity: usize) -> (Connection, Connection) {
    let (a, b) = wire(capacity, usize::MAX).ends;
    let options = Options::new().with_linger(LIMIT);
    (wrap(a, &options.with_coalescing(LIMIT), Vec::new()), b)
}

/// What lies at the bare end now: payload, and the number of its records.
fn arrived(bare: &mut Connection, decoder: &mut RecordDecoder) -> (Vec<u8>, usize) {
    let (mut payload, mut records) = (Vec::new(), 0);
    while let Poll::Ready(n) = now(|cx| bare.source.poll_fill(cx)) {
        let n = n.unwrap();
        assert!(n > 0, "the stream ended");
        let mut bytes = &bare.source.filled()[..n];
        while !bytes.is_empty() {
            let step = decoder.feed(bytes).unwrap();
            records += usize::from(step.consumed > 0);
            bytes = &bytes[step.consumed..];
            if let Event::Payload { remaining } = step.event {
                let here = remaining.min(bytes.len());
                payload.extend_from_slice(&bytes[..here]);
                decoder.consumed_payload(here);
                bytes = &bytes[here..];
            }
        }
        bare.source.consume(n);
    }
    (payload, records)
}

// shows C1, M3: they leave together, in order, by themselves.
#[test]
fn writes_in_a_row_leave_together() {
    // Each that is held for long enough leaves by itself: a machine that is busy elsewhere proves nothing,
    // and it is tried once more.
    let few = (0..50).any(|_| records_of_writes_in_a_row() < WRITES / 10);
    assert!(few, "nearly every write is a record of its own");
}

const WRITES: usize = 2000;

/// How many records they were.
fn records_of_writes_in_a_row() -> usize {
    let (mut a, mut bare) = holding(1 << 20);
    let all = pattern(8 * WRITES);
    for piece in all.chunks(8) {
        write_all(&mut *a.sink, piece).unwrap();
    }
    assert_eq!(a.control.totals().written, all.len() as u64);
    let (mut got, mut records) = (Vec::new(), 0);
    let mut decoder = RecordDecoder::new();
    eventually("everything arrives", || {
        let (bytes, more) = arrived(&mut bare, &mut decoder);
        got.extend_from_slice(&bytes);
        records += more;
        got.len() >= all.len()
    });
    assert_eq!(got, all);
    records
}

// shows C2: one that comes alone leaves at once, and so does an answer.
#[test]
fn lone_writes_and_answers_are_not_held() {
    let (mut a, mut bare) = holding(1 << 10);
    let mut decoder = RecordDecoder::new();
    write_all(&mut *a.sink, b"lone").unwrap();
    assert_eq!(arrived(&mut bare, &mut decoder).0, b"lone");
    for _ in 0..3 {
        write_all(&mut *bare.sink, &records(&[b"question"])).unwrap();
        assert_eq!(read(&mut *a.source, 8).unwrap(), b"question");
        write_all(&mut *a.sink, b"answer").unwrap();
        assert_eq!(arrived(&mut bare, &mut decoder).0, b"answer");
    }
}

// shows C2: a side that waits for bytes has sent all it wrote, also when it blocks.
#[test]
fn who_waits_for_bytes_holds_nothing() {
    let (mut a, mut bare) = holding(1 << 10);
    let mut decoder = RecordDecoder::new();
    for wait in 0..3 {
        for piece in [b"one", b"two", b"six"] {
            write_all(&mut *a.sink, piece).unwrap();
        }
        match wait {
            0 => assert!(now(|cx| a.source.poll_fill(cx)).is_pending()),
            1 => assert!(now(|cx| a.source.poll_read(cx, &mut [])).is_pending()),
            _ => {
                let late = a.source.fill(Some(Instant::now()));
                assert_eq!(kind(late), io::ErrorKind::TimedOut);
            }
        }
        assert_eq!(arrived(&mut bare, &mut decoder).0, b"onetwosix");
    }
}

// shows C3, C4, C5, C7
#[test]
fn what_is_held_leaves_with_a_flush_and_ahead_of_every_end() {
    for way in 0..5 {
        let (mut a, mut bare) = holding(1 << 10);
        for piece in [b"one", b"two", b"six"] {
            write_all(&mut *a.sink, piece).unwrap();
        }
        match way {
            0 => assert!(now(|cx| a.sink.poll_flush(cx)).is_ready()),
            1 => a.sink.finish().unwrap(),
            2 => a.control.disconnect(Disconnect::Orderly),
            3 => a.control.disconnect(Disconnect::Abort),
            _ => drop(a.sink),
        }
        let mut decoder = RecordDecoder::new();
        let n = match now(|cx| bare.source.poll_fill(cx)) {
            Poll::Ready(n) => n.unwrap(),
            Poll::Pending => panic!("way {way}: nothing came"),
        };
        let mut bytes = bare.source.filled()[..n].to_vec();
        let mut payload = Vec::new();
        while payload.len() < 9 {
            let step = decoder.feed(&bytes).unwrap();
            bytes.drain(..step.consumed);
            let Event::Payload { remaining } = step.event else {
                panic!("way {way}: {step:?}");
            };
            payload.extend(bytes.drain(..remaining));
            decoder.consumed_payload(remaining);
        }
        assert_eq!(payload, b"onetwosix", "way {way}");
    }
}

// shows C1: a full carrier stops the writer, whatever is held; nothing is lost or out of order.
#[test]
fn a_full_carrier_stops_those_who_hold() {
    let (mut a, mut bare) = holding(64);
    let mut written = 0;
    while let Poll::Ready(n) = now(|cx| {
        let bytes = &pattern(written + 100)[written..];
        a.sink.poll_write(cx, &[IoSlice::new(bytes)])
    }) {
        written += n.unwrap();
        assert!(written < 1 << 20, "it takes without end");
    }
    // A large write goes behind what is held.
    let rest = pattern(written + 100_000)[written..].to_vec();
    let sending = thread::spawn(move || {
        write_all(&mut *a.sink, &rest).unwrap();
        a
    });
    let (mut got, mut decoder) = (Vec::new(), RecordDecoder::new());
    eventually("everything arrives", || {
        got.extend_from_slice(&arrived(&mut bare, &mut decoder).0);
        got.len() >= written + 100_000
    });
    assert_eq!(got, pattern(written + 100_000));
    sending.join().unwrap();
}

// shows C8: a program that is about to exit can wait for it.
#[test]
fn lingering_waits_for_what_is_held() {
    let (mut a, mut bare) = holding(1 << 10);
    for piece in [b"one", b"two", b"six"] {
        write_all(&mut *a.sink, piece).unwrap();
    }
    // Other tests of this process linger too.
    crate::linger(LIMIT).unwrap();
    let mut decoder = RecordDecoder::new();
    assert_eq!(arrived(&mut bare, &mut decoder).0, b"onetwosix");
}
