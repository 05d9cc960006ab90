//! Bytes.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::wire::record::MAX_RECORD;

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<usize>),
    Read(Vec<usize>),
    Lend(usize),
    Flush,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let sizes = || prop::collection::vec(0..60usize, 1..20);
    let step = prop_oneof![
        sizes().prop_map(Step::Write),
        sizes().prop_map(Step::Read),
        (0..80usize).prop_map(Step::Lend),
        Just(Step::Flush),
    ];
    prop::collection::vec((any::<bool>(), step), 0..60)
}

/// One direction, with what was written and not read yet.
struct Direction {
    sink: Box<dyn Sink>,
    source: Box<dyn Source>,
    expected: VecDeque<u8>,
    next: u8,
}

impl Direction {
    fn take(&mut self, got: &[u8]) {
        let expected: Vec<u8> = self.expected.drain(..got.len()).collect();
        assert_eq!(got, expected);
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Write(sizes) => {
                let mut fresh = || {
                    self.next = self.next.wrapping_add(1);
                    self.next
                };
                let bufs: Vec<Vec<u8>> = sizes
                    .iter()
                    .map(|&n| (0..n).map(|_| fresh()).collect())
                    .collect();
                let slices: Vec<_> = bufs.iter().map(|b| IoSlice::new(b)).collect();
                let all = bufs.concat();
                let taken = match now(|cx| self.sink.poll_write(cx, &slices)) {
                    Poll::Ready(n) => n.unwrap(),
                    Poll::Pending => 0,
                };
                assert!(taken <= all.len());
                self.expected.extend(&all[..taken]);
                self.next = self.next.wrapping_sub((all.len() - taken) as u8);
            }
            Step::Read(sizes) => {
                let mut bufs: Vec<Vec<u8>> = sizes.iter().map(|&n| vec![0; n]).collect();
                let mut slices: Vec<_> = bufs.iter_mut().map(|b| IoSliceMut::new(b)).collect();
                if let Poll::Ready(n) = now(|cx| self.source.poll_read(cx, &mut slices)) {
                    let n = n.unwrap();
                    assert!(n > 0 || sizes.iter().all(|&n| n == 0), "no end yet");
                    self.take(&bufs.concat()[..n]);
                }
            }
            Step::Lend(most) => {
                if let Poll::Ready(n) = now(|cx| self.source.poll_fill(cx)) {
                    let lent = self.source.filled().to_vec();
                    assert_eq!(n.unwrap(), lent.len());
                    let n = lent.len().min(*most);
                    self.source.consume(n);
                    assert_eq!(self.source.filled(), &lent[n..]);
                    self.take(&lent[..n]);
                }
            }
            Step::Flush => {
                if let Poll::Ready(result) = now(|cx| self.sink.poll_flush(cx)) {
                    result.unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    // shows C1
    #[test]
    fn bytes_arrive_in_order_and_once_whatever_the_pieces(
        capacity in 1..64usize, chop in 1..40usize, steps in steps(),
    ) {
        let (a, b) = pair(capacity, chop);
        let direction = |sink, source| Direction { sink, source, expected: VecDeque::new(), next: 0 };
        let mut up = direction(a.sink, b.source);
        let mut down = direction(b.sink, a.source);
        for (is_up, step) in &steps {
            if *is_up { &mut up } else { &mut down }.run(step);
        }
        let written = up.next as usize;
        up.sink.finish().unwrap();
        down.sink.finish().unwrap();
        for direction in [&mut up, &mut down] {
            let (rest, end) = read_to_end(&mut *direction.source);
            assert_eq!(end.unwrap(), 0);
            direction.take(&rest);
            assert!(direction.expected.is_empty());
        }
        prop_assert_eq!(a.control.totals().written % 256, written as u64);
        prop_assert_eq!(a.control.totals().written, b.control.totals().read);
        prop_assert_eq!(b.control.totals().written, a.control.totals().read);
    }
}

// shows C1, C2, C7
#[test]
fn both_directions_stream_at_once_between_threads() {
    for (capacity, chop) in [(16, 3), (4096, 1000), (64 * 1024, usize::MAX)] {
        let (a, b) = pair(capacity, chop);
        let len = capacity * 100;
        let write = |mut sink: Box<dyn Sink>| {
            thread::spawn(move || {
                write_all(&mut *sink, &pattern(len)).unwrap();
                sink.finish().unwrap();
            })
        };
        let read = |mut source: Box<dyn Source>| {
            thread::spawn(move || {
                let mut all = Vec::new();
                while source.fill(limit()).unwrap() > 0 {
                    all.extend_from_slice(source.filled());
                    source.consume(source.filled().len());
                }
                assert!(all == pattern(len), "{} bytes of {len}", all.len());
            })
        };
        let threads = [write(a.sink), read(b.source), write(b.sink), read(a.source)];
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(a.control.totals().written, len as u64);
        assert_eq!(b.control.totals().read, len as u64);
    }
}

// shows C1
#[test]
fn a_record_that_was_taken_in_part_leaves_without_another_call() {
    for chop in [1, 2, 3, 4, 5, 16] {
        let (mut a, mut b) = pair(16, chop);
        let bytes = pattern(100);
        let n = a.sink.write(&[IoSlice::new(&bytes)], limit()).unwrap();
        assert_eq!(n, 100, "the header promised all of it");
        let mut got = Vec::new();
        while got.len() < 100 {
            got.extend(read(&mut *b.source, 100).unwrap());
        }
        assert_eq!(got, bytes);
    }
}

// shows C2, C3
#[test]
fn a_full_carrier_takes_nothing_and_says_so() {
    let (mut a, mut b) = pair(16, usize::MAX);
    write_all(&mut *a.sink, &[1; 40]).unwrap();
    let soon = Some(Instant::now() + Duration::from_millis(5));
    let full = a.sink.write(&[IoSlice::new(&[2; 40])], soon);
    assert_eq!(kind(full), io::ErrorKind::TimedOut);
    assert!(now(|cx| a.sink.poll_flush(cx)).is_pending());
    assert_eq!(a.control.totals().written, 40);
    a.sink.finish().unwrap();
    assert_eq!(read_to_end(&mut *b.source).0, [1; 40]);
    // And a read with a time limit loses nothing.
    let soon = Some(Instant::now() + Duration::from_millis(5));
    let none = a.source.read(&mut [IoSliceMut::new(&mut [0; 4])], soon);
    assert_eq!(kind(none), io::ErrorKind::TimedOut);
    write_all(&mut *b.sink, b"late").unwrap();
    assert_eq!(read(&mut *a.source, 10).unwrap(), b"late");
}

// shows C2
#[test]
fn one_read_takes_many_records_and_a_small_write_is_one() {
    let (mut a, mut b) = pair(1024, usize::MAX);
    for byte in 0..50u8 {
        write_all(&mut *a.sink, &[byte]).unwrap();
    }
    assert_eq!(read(&mut *b.source, 40).unwrap().len(), 40);
    assert_eq!(read(&mut *b.source, 40).unwrap().len(), 10);

    let (mut a, mut bare) = half_bare(1 << 18);
    let small = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")];
    assert_eq!(a.sink.write(&small, None).unwrap(), 3);
    assert_eq!(a.sink.write(&[IoSlice::new(b"")], None).unwrap(), 0);
    drop(a);
    let wire = received(&mut *bare.source);
    assert_eq!(wire[..7], *b"D\0\0\x03abc");
}

// shows C1, C2: a large write leaves in several records at once, wherever the carrier cuts it.
#[test]
fn a_large_write_is_many_records() {
    let all = pattern(10 * MAX_RECORD + 77);
    for cuts in [
        &[][..],
        &[1, MAX_RECORD, MAX_RECORD + 1],
        &[MAX_RECORD, 2 * MAX_RECORD],
        &[5, 6, 7, 8, 9, 500, 3 * MAX_RECORD - 1],
    ] {
        let mut slices = Vec::new();
        let mut rest = &all[..];
        for &cut in cuts {
            let (slice, behind) = rest.split_at(cut);
            slices.extend([IoSlice::new(slice), IoSlice::new(b"")]);
            rest = behind;
        }
        slices.push(IoSlice::new(rest));
        for room in [1 << 21, 1 << 17, 1 << 16] {
            let (mut a, mut b) = pair(room, usize::MAX);
            let n = a.sink.write(&slices, None).unwrap();
            assert!(n > MAX_RECORD || room < 1 << 17, "{n} of {room}");
            assert_eq!(a.control.totals().written, n as u64);
            drop(a.sink);
            let mut got = Vec::new();
            loop {
                match read(&mut *b.source, 1 << 16).unwrap() {
                    bytes if bytes.is_empty() => break,
                    bytes => got.extend(bytes),
                }
            }
            assert!(got == all[..n], "{} of {n} with room for {room}", got.len());
        }
    }
}

// shows C1
#[test]
fn bytes_read_ahead_by_the_handshake_are_records() {
    let (mut bare, a) = wire(64, usize::MAX).ends;
    let mut a = a;
    let stream = [b"hello".to_vec(), records(&[b"first"])].concat();
    write_all(&mut *bare.sink, &stream).unwrap();
    assert_eq!(a.source.fill(limit()).unwrap(), stream.len());
    a.source.consume(5);
    let mut a = wrap(a, &lingering(LIMIT), Vec::new());
    assert_eq!(a.carrier, Carrier::Native);
    assert_eq!(read(&mut *a.source, 64).unwrap(), b"first");
}
