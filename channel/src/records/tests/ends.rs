//! How a stream ends.

use super::*;
use crate::wire::record::{encode_abort, encode_end, encode_receipt};

/// The payload among the first `len` bytes of these records, reckoned from the layout alone.
fn arrived(payloads: &[&[u8]], mut len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for payload in payloads {
        len = len.saturating_sub(4);
        let n = len.min(payload.len());
        all.extend_from_slice(&payload[..n]);
        len -= n;
    }
    all
}

// shows C6
#[test]
fn a_cut_at_any_byte_is_a_loss_after_what_arrived() {
    let long = pattern(30);
    let payloads: [&[u8]; 4] = [b"a", b"bcd", &long, b"end"];
    let mut stream = records(&payloads);
    stream.extend(encode_end(37));
    for chop in [1, 5, usize::MAX] {
        for cut in 0..=stream.len() {
            let (mut bare, a) = wire(128, chop).ends;
            let mut a = wrap(a, &lingering(LIMIT), Vec::new());
            write_all(&mut *bare.sink, &stream[..cut]).unwrap();
            bare.sink.finish().unwrap();
            let (got, end) = read_to_end(&mut *a.source);
            assert_eq!(got, arrived(&payloads, cut), "cut at {cut}");
            if cut == stream.len() {
                assert_eq!(end.unwrap(), 0);
                assert_eq!(a.source.fill(None).unwrap(), 0, "stays so");
                continue;
            }
            let error = end.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "cut at {cut}");
            assert!(error.to_string().contains("lost"), "{error}");
            assert_eq!(kind(a.source.fill(None)), error.kind(), "stays so");
            assert_eq!(kind(read(&mut *a.source, 9)), error.kind(), "stays so");
            assert!(a.control.peer_gone());
            let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
            assert_eq!(kind(refused), io::ErrorKind::ConnectionReset);
        }
    }
}

// shows C6
#[test]
fn a_reset_of_the_carrier_is_a_loss() {
    let (mut a, mut bare) = half_bare(64);
    let reader = thread::spawn(move || {
        let first = read(&mut *a.source, 9).unwrap();
        (first, read(&mut *a.source, 9), a)
    });
    write_all(&mut *bare.sink, &records(&[b"all"])).unwrap();
    bare.control.disconnect(Disconnect::Abort);
    let (first, second, a) = reader.join().unwrap();
    assert_eq!(first, b"all");
    assert_eq!(kind(second), io::ErrorKind::ConnectionReset);
    assert!(a.control.peer_gone());
}

// shows C6
#[test]
fn what_is_no_record_breaks_the_stream_and_stays_so() {
    for (stream, payload) in [
        ([records(&[b"ok"]), b"?".to_vec()].concat(), &b"ok"[..]),
        (encode_end(1).to_vec(), b""),
        (b"D\0\0\0".to_vec(), b""),
        (b"D\xff\0\0".to_vec(), b""),
    ] {
        let (mut a, mut bare) = half_bare(64);
        write_all(&mut *bare.sink, &stream).unwrap();
        let (got, end) = read_to_end(&mut *a.source);
        assert_eq!(got, payload);
        assert_eq!(kind(end), io::ErrorKind::InvalidData);
        assert_eq!(kind(a.source.fill(None)), io::ErrorKind::InvalidData);
    }
}

// shows C6
#[test]
fn an_abort_is_a_loss_after_what_arrived() {
    let (mut a, mut b) = pair(64, usize::MAX);
    write_all(&mut *a.sink, b"before").unwrap();
    a.control.disconnect(Disconnect::Abort);
    a.control.disconnect(Disconnect::Abort);
    let (got, end) = read_to_end(&mut *b.source);
    assert_eq!(got, b"before");
    assert_eq!(kind(end), io::ErrorKind::ConnectionReset);
    assert!(b.control.peer_gone());
    for refused in [
        a.source.fill(None),
        a.sink.write(&[IoSlice::new(b"x")], None),
    ] {
        assert_eq!(kind(refused), io::ErrorKind::NotConnected);
    }

    // On the wire, between two records; and in the middle of one, where it has no place.
    let (a, mut bare) = half_bare(64);
    a.control.disconnect(Disconnect::Abort);
    let told = [&encode_receipt(0)[..], &encode_abort()].concat();
    assert_eq!(read(&mut *bare.source, 99).unwrap(), told);
    // Once only: a side that has dropped its reader has told its receipt.
    let (a, mut bare) = half_bare(64);
    drop(a.source);
    a.control.disconnect(Disconnect::Abort);
    assert_eq!(read(&mut *bare.source, 99).unwrap(), told);
    let (mut a, mut bare) = half_bare(16);
    write_all(&mut *a.sink, &[1; 40]).unwrap();
    a.control.disconnect(Disconnect::Abort);
    let (got, end) = read_to_end(&mut *bare.source);
    assert_eq!(got, records(&[&[1; 40]])[..16]);
    assert_eq!(kind(end), io::ErrorKind::ConnectionReset);
}

// shows C6: a writer that hears of the abort first, and is dropped for that, makes no orderly end.
#[test]
fn an_abort_while_the_writer_is_dropped_is_a_loss() {
    for round in 0..2000 {
        let (a, mut b) = pair(64, usize::MAX);
        let Connection {
            source: _source,
            mut sink,
            control,
            ..
        } = a;
        let writer = thread::spawn(move || {
            while sink.write(&[IoSlice::new(b"x")], limit()).is_ok() {}
            drop(sink);
        });
        let reader = thread::spawn(move || read_to_end(&mut *b.source).1);
        for _ in 0..round % 500 {
            std::hint::spin_loop();
        }
        control.disconnect(Disconnect::Abort);
        writer.join().unwrap();
        let end = kind(reader.join().unwrap());
        assert_eq!(end, io::ErrorKind::ConnectionReset, "round {round}");
    }
}

// shows C6: after its end a peer can be lost to the writer yet, also if it says so.
#[test]
fn an_abort_after_the_end_is_a_loss_for_the_writer() {
    let (mut a, mut b) = pair(64, usize::MAX);
    b.sink.finish().unwrap();
    assert_eq!(a.source.fill(limit()).unwrap(), 0);
    b.control.disconnect(Disconnect::Abort);
    let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
    let refused = match refused {
        // Taken before the news was looked at.
        Ok(_) => a.sink.write(&[IoSlice::new(b"x")], limit()),
        other => other,
    };
    assert_eq!(kind(refused), io::ErrorKind::ConnectionReset);
    assert_eq!(a.source.fill(None).unwrap(), 0);
}

// shows C4, C6
#[test]
fn an_abort_wakes_both_sides() {
    let (mut a, mut b) = pair(64, usize::MAX);
    let (at_a, at_b) = (a.control.clone(), b.control.clone());
    let local = thread::spawn(move || kind(a.source.fill(limit())));
    let remote = thread::spawn(move || kind(b.source.fill(limit())));
    at_a.disconnect(Disconnect::Abort);
    assert_eq!(local.join().unwrap(), io::ErrorKind::NotConnected);
    assert_eq!(remote.join().unwrap(), io::ErrorKind::ConnectionReset);
    assert!(at_b.peer_gone());
}

// shows C5
#[test]
fn finish_sends_what_is_pending_before_the_end() {
    for chop in [1, 4, 7, usize::MAX] {
        let (mut a, mut b) = pair(16, chop);
        write_all(&mut *a.sink, &pattern(100)).unwrap();
        a.sink.finish().unwrap();
        a.sink.finish().unwrap();
        let refused = a.sink.write(&[IoSlice::new(b"x")], None);
        assert_eq!(kind(refused), io::ErrorKind::NotConnected);
        let (got, end) = read_to_end(&mut *b.source);
        assert_eq!((got, end.unwrap()), (pattern(100), 0));
    }
}

// shows C5
#[test]
fn each_direction_ends_on_its_own() {
    let (mut a, mut b) = pair(64, usize::MAX);
    write_all(&mut *a.sink, b"question").unwrap();
    a.sink.finish().unwrap();
    assert_eq!(read_to_end(&mut *b.source).0, b"question");
    // The other direction goes on, past the capacity, so that nothing is only in a buffer.
    let writer = thread::spawn(move || {
        write_all(&mut *b.sink, &pattern(1000)).unwrap();
        b.sink.finish().unwrap();
        b
    });
    let (got, end) = read_to_end(&mut *a.source);
    assert_eq!((got, end.unwrap()), (pattern(1000), 0));
    let b = writer.join().unwrap();
    assert!(!a.control.peer_gone() && !b.control.peer_gone());
    assert_eq!(receipt(&*a.control), Receipt::Complete);
    assert_eq!(receipt(&*b.control), Receipt::Complete);
    drop((a.source, a.sink, b.source, b.sink));
    assert!(!a.control.peer_gone() && !b.control.peer_gone());
}

// shows C6
#[test]
fn an_empty_stream_ends_in_order() {
    let (mut a, mut b) = pair(16, 1);
    a.sink.finish().unwrap();
    assert_eq!(b.source.fill(limit()).unwrap(), 0);
    assert_eq!(read(&mut *b.source, 8).unwrap(), b"");
    assert_eq!(receipt(&*a.control), Receipt::Complete);
    assert!(!b.control.peer_gone());

    let (a, mut bare) = half_bare(64);
    drop(a);
    let wire = received(&mut *bare.source);
    let ends = [encode_end(0), encode_receipt(0)];
    let mut orders = [ends.concat(), [ends[1], ends[0]].concat()];
    orders.sort();
    assert!(orders.contains(&wire), "{wire:?}");
}

// shows C6
#[test]
fn a_peer_that_vanishes_after_its_end_is_lost_to_the_writer_only() {
    let (mut a, mut bare) = half_bare(64);
    write_all(&mut *a.sink, b"hi").unwrap();
    write_all(
        &mut *bare.sink,
        &[&records(&[b"yo"])[..], &encode_end(2)].concat(),
    )
    .unwrap();
    bare.sink.finish().unwrap();
    let (got, end) = read_to_end(&mut *a.source);
    assert_eq!((got, end.unwrap()), (b"yo".to_vec(), 0));
    assert_eq!(receipt(&*a.control), Receipt::Unknown);
    let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
    assert_eq!(kind(refused), io::ErrorKind::ConnectionReset);
    assert_eq!(a.source.fill(None).unwrap(), 0);
}

// shows C4
#[test]
fn after_the_end_of_a_peer_that_has_left_the_first_write_fails() {
    let (mut a, mut bare) = half_bare(64);
    write_all(
        &mut *bare.sink,
        &[encode_end(0), encode_receipt(0)].concat(),
    )
    .unwrap();
    assert_eq!(a.source.fill(limit()).unwrap(), 0);
    let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
    assert_eq!(kind(refused), io::ErrorKind::BrokenPipe);
}

// shows C7: a reader that is dropped holds up nobody who writes, though its own side writes nothing more, and what it has
// written lies unread before the news.
#[test]
fn a_dropped_reader_holds_nobody_up() {
    let (a, b) = wire(64, usize::MAX).ends;
    let carrier = Arc::downgrade(&a.control);
    let mut a = wrap(a, &lingering(LIMIT), Vec::new());
    let mut b = wrap(b, &lingering(LIMIT), Vec::new());
    write_all(&mut *a.sink, b"unread").unwrap();
    drop(a.source);
    for _ in 0..100 {
        write_all(&mut *b.sink, &[1; 64]).unwrap();
    }
    // From here on it is told.
    assert_eq!(read(&mut *b.source, 9).unwrap(), b"unread");
    let refused = loop {
        if let Err(error) = write_all(&mut *b.sink, &[1; 64]) {
            break error;
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
    // It goes on writing; and nothing is held any more when it ends.
    write_all(&mut *a.sink, b"more").unwrap();
    assert_eq!(read(&mut *b.source, 9).unwrap(), b"more");
    drop((a.sink, a.control, b));
    eventually("nobody holds it", || carrier.strong_count() == 0);
}
