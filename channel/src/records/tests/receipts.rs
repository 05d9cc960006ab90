//! What became of the tail.

use super::*;
use crate::wire::record::{encode_end, encode_receipt};

fn pending(control: &dyn Control) -> bool {
    now(|cx| control.poll_receipt(cx)).is_pending()
}

// shows C9
#[test]
fn complete_when_the_application_has_read_the_last_byte_not_before() {
    let (mut a, mut b) = pair(64, usize::MAX);
    write_all(&mut *a.sink, b"tail").unwrap();
    a.sink.finish().unwrap();
    assert!(pending(&*a.control));
    assert_eq!(b.source.fill(limit()).unwrap(), 4);
    b.source.consume(3);
    assert!(pending(&*a.control), "in the buffer is not read");
    b.source.consume(1);
    // The end lay behind the last byte: no further call is needed.
    assert_eq!(receipt(&*a.control), Receipt::Complete);

    // The same for a read that copies.
    let (mut a, mut b) = pair(64, usize::MAX);
    write_all(&mut *a.sink, b"tail").unwrap();
    a.sink.finish().unwrap();
    assert_eq!(read(&mut *b.source, 4).unwrap(), b"tail");
    assert_eq!(receipt(&*a.control), Receipt::Complete);
}

// shows C9: a large read that goes straight to where the bytes are wanted is no exception.
#[test]
fn complete_when_a_large_read_has_taken_the_last_byte() {
    const LEN: usize = 20_000;
    for way in ["poll", "block"] {
        let (mut a, mut bare) = half_bare(64 * 1024);
        let mut stream = records(&[&pattern(LEN)]);
        stream.extend_from_slice(&encode_end(LEN as u64));
        let mut bytes = vec![0; LEN];
        // Where the payload begins is known, and no byte of it is there.
        write_all(&mut *bare.sink, &stream[..4]).unwrap();
        let mut out = [IoSliceMut::new(&mut bytes)];
        assert!(now(|cx| a.source.poll_read(cx, &mut out)).is_pending());
        write_all(&mut *bare.sink, &stream[4..]).unwrap();
        let n = match way {
            "poll" => match now(|cx| a.source.poll_read(cx, &mut out)) {
                Poll::Ready(n) => n.unwrap(),
                Poll::Pending => panic!("it is there"),
            },
            _ => a.source.read(&mut out, limit()).unwrap(),
        };
        assert_eq!(n, LEN);
        assert_eq!(bytes, pattern(LEN));
        assert_eq!(a.control.totals().read, LEN as u64);
        // No further call is needed.
        assert_eq!(
            read(&mut *bare.source, 100).unwrap(),
            encode_receipt(LEN as u64)
        );
    }
}

// shows C9
#[test]
fn a_receipt_wakes_who_waits_for_it() {
    let (mut a, mut b) = pair(16, 5);
    write_all(&mut *a.sink, &pattern(100)).unwrap();
    let control = a.control.clone();
    let waiter = thread::spawn(move || receipt(&*control));
    a.sink.finish().unwrap();
    assert_eq!(read_to_end(&mut *b.source).0, pattern(100));
    assert_eq!(waiter.join().unwrap(), Receipt::Complete);
}

// shows C9
#[test]
fn partial_when_the_peer_stopped_before() {
    for how in 0..3 {
        let (mut a, mut b) = pair(64, usize::MAX);
        write_all(&mut *a.sink, b"0123456789").unwrap();
        assert_eq!(read(&mut *b.source, 4).unwrap(), b"0123");
        match how {
            0 => drop(b.source),
            1 => b.control.disconnect(Disconnect::Orderly),
            _ => drop((b.source, b.sink)),
        }
        assert_eq!(
            receipt(&*a.control),
            Receipt::Partial { read: 4, unread: 6 }
        );
        a.control.disconnect(Disconnect::Orderly);
        assert_eq!(
            receipt(&*a.control),
            Receipt::Partial { read: 4, unread: 6 }
        );
    }
}

// shows C6, C9
#[test]
fn an_abort_tells_the_receipt_if_it_can() {
    for (unread, chop) in [(0, usize::MAX), (4, usize::MAX), (4, 5)] {
        let (mut a, mut b) = pair(64, chop);
        write_all(&mut *a.sink, b"01234567").unwrap();
        for byte in &b"01234567"[..8 - unread] {
            assert_eq!(read(&mut *b.source, 1).unwrap(), [*byte]);
        }
        b.control.disconnect(Disconnect::Abort);
        let expected = match unread as u64 {
            0 => Receipt::Complete,
            unread => Receipt::Partial {
                read: 8 - unread,
                unread,
            },
        };
        assert_eq!(receipt(&*a.control), expected);
        // A loss all the same.
        assert!(a.control.peer_gone());
        let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
        assert_eq!(kind(refused), io::ErrorKind::ConnectionReset);
        assert_eq!(kind(a.source.fill(limit())), io::ErrorKind::ConnectionReset);
    }
    // The carrier is full: no room for a word.
    let (mut a, mut b) = pair(16, usize::MAX);
    write_all(&mut *a.sink, b"tail").unwrap();
    assert_eq!(read(&mut *b.source, 4).unwrap(), b"tail");
    write_all(&mut *b.sink, &[1; 40]).unwrap();
    b.control.disconnect(Disconnect::Abort);
    read_to_end(&mut *a.source).1.unwrap_err();
    assert_eq!(receipt(&*a.control), Receipt::Unknown);
}

// shows C9
#[test]
fn unknown_when_the_peer_is_lost_or_not_to_be_believed() {
    let (mut a, bare) = half_bare(64);
    write_all(&mut *a.sink, b"tail").unwrap();
    a.sink.finish().unwrap();
    assert!(pending(&*a.control));
    bare.control.disconnect(Disconnect::Abort);
    assert_eq!(receipt(&*a.control), Receipt::Unknown);

    let (mut a, mut bare) = half_bare(64);
    write_all(&mut *a.sink, b"tail").unwrap();
    a.sink.finish().unwrap();
    write_all(&mut *bare.sink, &encode_receipt(5)).unwrap();
    assert_eq!(receipt(&*a.control), Receipt::Unknown);

    // Lost after it had told: what it told stands.
    let (mut a, mut bare) = half_bare(64);
    write_all(&mut *a.sink, b"tail").unwrap();
    a.sink.finish().unwrap();
    let told = [encode_receipt(2), encode_receipt(4)].concat();
    write_all(&mut *bare.sink, &told).unwrap();
    bare.sink.finish().unwrap();
    assert_eq!(
        receipt(&*a.control),
        Receipt::Partial { read: 2, unread: 2 }
    );
    assert_eq!(kind(a.source.fill(limit())), io::ErrorKind::ConnectionReset);
    let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
    assert_eq!(kind(refused), io::ErrorKind::ConnectionReset);
    assert_eq!(
        receipt(&*a.control),
        Receipt::Partial { read: 2, unread: 2 }
    );
}

// shows C9
#[test]
fn waiting_for_a_receipt_takes_no_bytes_from_a_reader_but_discards_after_a_disconnect() {
    for leave in [false, true] {
        let (mut a, mut bare) = half_bare(64);
        write_all(&mut *a.sink, b"tail").unwrap();
        a.sink.finish().unwrap();
        let inbound = [&records(&[b"unread"])[..], &encode_receipt(4)].concat();
        write_all(&mut *bare.sink, &inbound).unwrap();
        assert!(pending(&*a.control), "it lies behind bytes for the reader");
        if leave {
            a.control.disconnect(Disconnect::Orderly);
        } else {
            assert_eq!(read(&mut *a.source, 9).unwrap(), b"unread");
        }
        assert_eq!(receipt(&*a.control), Receipt::Complete);
    }
}

// shows C9
#[test]
fn a_receipt_comes_behind_the_end_too() {
    let (mut a, mut bare) = half_bare(64);
    write_all(&mut *bare.sink, &encode_end(0)).unwrap();
    assert_eq!(a.source.fill(limit()).unwrap(), 0);
    write_all(&mut *a.sink, b"tail").unwrap();
    let control = a.control.clone();
    let waiter = thread::spawn(move || receipt(&*control));
    write_all(&mut *bare.sink, &encode_receipt(4)).unwrap();
    assert_eq!(waiter.join().unwrap(), Receipt::Complete);
    let refused = a.sink.write(&[IoSlice::new(b"x")], limit());
    assert_eq!(kind(refused), io::ErrorKind::BrokenPipe);
}

// shows C4, C9
#[test]
fn the_count_is_exact_whenever_the_disconnect_comes() {
    for round in 0..600u64 {
        // Small ones, and such as go straight to where they are wanted.
        let (room, chop, write, most) = match round % 2 {
            0 => (64, 1 + round as usize % 30, 20, 13),
            _ => (4096, 4096, 40_000, 40_000),
        };
        let (mut a, mut b) = pair(room, chop);
        let (at_a, at_b) = (a.control.clone(), b.control.clone());
        let writer = thread::spawn(move || {
            let (mut written, bytes) = (0, vec![7; write]);
            while let Ok(n) = a.sink.write(&[IoSlice::new(&bytes)], limit()) {
                written += n as u64;
            }
            (written, a)
        });
        let reader = thread::spawn(move || {
            let mut read_all = 0;
            while let Ok(bytes) = read(&mut *b.source, most) {
                read_all += bytes.len() as u64;
            }
            (read_all, b)
        });
        eventually("some bytes pass", || at_b.totals().read > round * 5);
        at_b.disconnect(Disconnect::Orderly);
        let (read_all, b) = reader.join().unwrap();
        let (written, a) = writer.join().unwrap();
        assert_eq!(at_b.totals().read, read_all);
        assert_eq!(at_a.totals().written, written);
        let expected = if read_all == written {
            Receipt::Complete
        } else {
            Receipt::Partial {
                read: read_all,
                unread: written - read_all,
            }
        };
        assert_eq!(receipt(&*at_a), expected, "round {round}");
        drop((a, b));
    }
}
