//! Disconnects, drops, and what lingers.

use super::*;
use crate::wire::record::{encode_end, encode_receipt};

/// Blocks a reader and a writer of one side in a thread each; they give their results, and the
/// bytes written.
struct Blocked {
    reader: thread::JoinHandle<io::Result<usize>>,
    writer: thread::JoinHandle<(usize, io::Error)>,
    source_kept: Arc<Mutex<Option<Box<dyn Source>>>>,
}

/// Writes the pattern in pieces, so that the last of them blocks.
fn write_until_it_fails(sink: &mut dyn Sink) -> (usize, io::Error) {
    let mut written = 0;
    loop {
        let bytes = &pattern(written + 50)[written..];
        match sink.write(&[IoSlice::new(bytes)], limit()) {
            Ok(n) => written += n,
            Err(error) => return (written, error),
        }
    }
}

fn block_both(a: Connection) -> (Blocked, Arc<dyn Control>) {
    let Connection {
        mut source,
        mut sink,
        control,
        ..
    } = a;
    let source_kept = Arc::new(Mutex::new(None));
    let kept = source_kept.clone();
    let reader = thread::spawn(move || {
        let result = source.fill(limit());
        *kept.lock() = Some(source);
        result
    });
    let writer = thread::spawn(move || write_until_it_fails(&mut *sink));
    let blocked = Blocked {
        reader,
        writer,
        source_kept,
    };
    (blocked, control)
}

// shows C4
#[test]
fn a_disconnect_from_a_third_thread_wakes_all_and_loses_nothing() {
    for chop in [3, usize::MAX] {
        let (a, mut b) = pair(16, chop);
        let (blocked, control) = block_both(a);
        eventually("the writer fills the carrier", || {
            control.totals().written >= 50
        });
        control.disconnect(Disconnect::Orderly);
        control.disconnect(Disconnect::Orderly);
        let (written, error) = blocked.writer.join().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
        let read = blocked.reader.join().unwrap();
        assert_eq!(kind(read), io::ErrorKind::NotConnected);

        let (got, end) = read_to_end(&mut *b.source);
        assert_eq!((got, end.unwrap()), (pattern(written), 0));
        let refused = b.sink.write(&[IoSlice::new(b"x")], limit());
        assert_eq!(kind(refused), io::ErrorKind::BrokenPipe);
        assert!(b.control.peer_closed() && !b.control.peer_gone());
        assert!(blocked.source_kept.lock().is_some());
    }
}

// shows C4
#[test]
fn a_disconnect_wakes_the_blocked_calls_of_the_peer() {
    let (a, b) = pair(16, usize::MAX);
    let (blocked, control) = block_both(b);
    eventually("the writer fills the carrier", || {
        control.totals().written >= 50
    });
    a.control.disconnect(Disconnect::Orderly);
    assert_eq!(blocked.reader.join().unwrap().unwrap(), 0);
    let (_, error) = blocked.writer.join().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

// shows C4, C7
#[test]
fn a_writer_that_never_reads_hears_that_nobody_reads() {
    // Blocked, with the carrier full and the news inbound.
    let (mut a, b) = pair(16, usize::MAX);
    let control = a.control.clone();
    let writer = thread::spawn(move || {
        let (_, error) = write_until_it_fails(&mut *a.sink);
        (error.kind(), a)
    });
    eventually("the writer fills the carrier", || {
        control.totals().written >= 50
    });
    drop(b.source);
    let (kind_seen, mut a) = writer.join().unwrap();
    assert_eq!(kind_seen, io::ErrorKind::BrokenPipe);
    assert!(a.control.peer_closed());
    // The other direction is as it was.
    let mut b_sink = b.sink;
    write_all(&mut *b_sink, b"still").unwrap();
    assert_eq!(read(&mut *a.source, 9).unwrap(), b"still");

    // Never blocked: the peer that has disconnected discards all it is sent.
    let (mut a, b) = pair(1024, usize::MAX);
    b.control.disconnect(Disconnect::Orderly);
    let mut writes = 0;
    while a.sink.write(&[IoSlice::new(b"x")], limit()).is_ok() {
        writes += 1;
        assert!(writes < 100, "a write that fails at last");
    }
    assert!(a.control.peer_closed());
}

// shows C7
#[test]
fn a_writer_blocked_behind_unread_bytes_hears_when_they_are_read() {
    let (mut a, mut b) = pair(64, usize::MAX);
    write_all(&mut *b.sink, b"unread").unwrap();
    assert_eq!(a.source.fill(limit()).unwrap(), 6);
    let control = a.control.clone();
    let mut sink = a.sink;
    let writer = thread::spawn(move || write_until_it_fails(&mut *sink).1.kind());
    eventually("the writer fills the carrier", || {
        control.totals().written >= 64
    });
    drop(b.source);
    // The news lies behind what the reader still holds.
    a.source.consume(6);
    assert_eq!(writer.join().unwrap(), io::ErrorKind::BrokenPipe);
}

// shows C8
#[test]
fn unread_inbound_bytes_never_cost_outbound_ones() {
    for full in [false, true] {
        let wire = wire(16, usize::MAX);
        let (mut a, mut b) = (
            wrap(wire.ends.0, &lingering(LIMIT), Vec::new()),
            wrap(wire.ends.1, &lingering(LIMIT), Vec::new()),
        );
        write_all(&mut *b.sink, &[9; 40]).unwrap();
        write_all(&mut *a.sink, &pattern(10)).unwrap();
        let mut written = 10;
        // As little as fits, or more than that.
        while full && written < 1000 {
            let bytes = &pattern(written + 50)[written..];
            match now(|cx| a.sink.poll_write(cx, &[IoSlice::new(bytes)])) {
                Poll::Ready(n) => written += n.unwrap(),
                Poll::Pending => break,
            }
        }
        a.control.disconnect(Disconnect::Orderly);
        drop((a.source, a.sink));
        assert!(!wire.closed.0.load(Ordering::SeqCst), "it lingers");
        let (got, end) = read_to_end(&mut *b.source);
        assert_eq!((got, end.unwrap()), (pattern(written), 0));
        assert_eq!(
            receipt(&*b.control),
            Receipt::Partial {
                read: 0,
                unread: 40
            }
        );
        drop((b.source, b.sink));
        for closed in [wire.closed.0, wire.closed.1] {
            eventually("both carriers are closed", || closed.load(Ordering::SeqCst));
        }
        assert_eq!(receipt(&*a.control), Receipt::Complete);
        assert!(!a.control.peer_gone() && !b.control.peer_gone());
    }
}

// shows C7, C8
#[test]
fn the_order_of_drops_does_not_matter() {
    type Halves = (Option<Box<dyn Source>>, Option<Box<dyn Sink>>);
    for order in 0..8 {
        let wire = wire(16, usize::MAX);
        let (mut a, mut b) = (
            wrap(wire.ends.0, &lingering(LIMIT), Vec::new()),
            wrap(wire.ends.1, &lingering(LIMIT), Vec::new()),
        );
        write_all(&mut *a.sink, &pattern(40)).unwrap();
        write_all(&mut *b.sink, b"unread").unwrap();
        let mut a_halves: Halves = (Some(a.source), Some(a.sink));
        let lent = order & 1 != 0;
        if lent {
            assert!(a_halves.0.as_mut().unwrap().fill(limit()).unwrap() > 0);
        }
        if order & 2 != 0 {
            a_halves.0 = None;
        } else {
            a_halves.1 = None;
        }
        if order & 4 != 0 {
            a.control.disconnect(Disconnect::Orderly);
        }
        a_halves = (None, None);
        drop(a_halves);
        let (got, end) = read_to_end(&mut *b.source);
        assert_eq!((got, end.unwrap()), (pattern(40), 0), "order {order}");
        let (_, error) = write_until_it_fails(&mut *b.sink);
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        drop(b.sink);
        drop(b.source);
        for closed in [wire.closed.0, wire.closed.1] {
            eventually("both carriers are closed", || closed.load(Ordering::SeqCst));
        }
    }
}

// shows C8
#[test]
fn the_second_side_to_leave_closes_at_once() {
    let wire = wire(64, usize::MAX);
    let (a, mut b) = (
        wrap(wire.ends.0, &lingering(LIMIT), Vec::new()),
        wrap(wire.ends.1, &lingering(LIMIT), Vec::new()),
    );
    a.control.disconnect(Disconnect::Orderly);
    assert_eq!(b.source.fill(limit()).unwrap(), 0);
    b.control.disconnect(Disconnect::Orderly);
    // Not eventually: what there is to wait for has come, so no job is needed.
    assert!(wire.closed.1.load(Ordering::SeqCst));
    eventually("the first closes too", || {
        wire.closed.0.load(Ordering::SeqCst)
    });
}

// shows C8
#[test]
fn lingering_ends_with_its_time() {
    let wire = wire(16, usize::MAX);
    let (mut a, mut bare) = (
        wrap(
            wire.ends.0,
            &lingering(Duration::from_millis(20)),
            Vec::new(),
        ),
        wire.ends.1,
    );
    write_all(&mut *a.sink, &pattern(100)).unwrap();
    assert!(!wire.closed.0.load(Ordering::SeqCst));
    let control = a.control.clone();
    drop(a);
    eventually("the carrier is closed", || {
        wire.closed.0.load(Ordering::SeqCst)
    });
    // The peer cannot take it for an orderly end.
    assert_eq!(received(&mut *bare.source), records(&[&pattern(100)])[..16]);
    assert_eq!(receipt(&*control), Receipt::Unknown);
}

// shows C6
#[test]
fn a_lost_peer_is_not_waited_for() {
    let wire = wire(16, usize::MAX);
    let (mut a, mut bare) = (
        wrap(wire.ends.0, &lingering(LIMIT), Vec::new()),
        wire.ends.1,
    );
    write_all(&mut *a.sink, &pattern(100)).unwrap();
    bare.sink.finish().unwrap();
    assert_eq!(kind(a.source.fill(limit())), io::ErrorKind::ConnectionReset);
    drop(a);
    assert!(wire.closed.0.load(Ordering::SeqCst));
}

// shows C5
#[test]
fn no_time_limit_runs_while_the_channel_is_in_use() {
    let wire = wire(16, usize::MAX);
    let a = wrap(wire.ends.0, &lingering(Duration::ZERO), Vec::new());
    let (mut source, mut sink) = (a.source, a.sink);
    let mut b = wrap(wire.ends.1, &lingering(LIMIT), Vec::new());
    write_all(&mut *sink, &pattern(100)).unwrap();
    drop(sink);
    // The reader is still there: a finished stream may take as long as it takes.
    let waited = source.fill(Some(Instant::now() + Duration::from_millis(20)));
    assert_eq!(kind(waited), io::ErrorKind::TimedOut);
    assert_eq!(read_to_end(&mut *b.source).0, pattern(100));
    write_all(&mut *b.sink, b"answer").unwrap();
    assert_eq!(read(&mut *source, 9).unwrap(), b"answer");
}

// shows C4
#[test]
fn a_disconnect_says_on_the_wire_what_was_read() {
    let (mut a, mut bare) = half_bare(256);
    write_all(&mut *bare.sink, &records(&[b"0123456789"])).unwrap();
    assert_eq!(a.source.fill(limit()).unwrap(), 10);
    a.source.consume(4);
    write_all(&mut *a.sink, b"bye").unwrap();
    a.control.disconnect(Disconnect::Orderly);
    // Lent before, consumed after: the peer was told already.
    a.source.consume(6);
    assert_eq!(a.control.totals().read, 4);
    assert_eq!(kind(a.source.fill(None)), io::ErrorKind::NotConnected);
    assert_eq!(kind(a.sink.finish()), io::ErrorKind::NotConnected);
    let expected = [&records(&[b"bye"])[..], &encode_receipt(4), &encode_end(3)].concat();
    assert_eq!(received(&mut *bare.source), expected);
}
