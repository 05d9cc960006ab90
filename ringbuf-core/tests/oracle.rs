//! The ring against an oracle: random calls of every form, on every kind of
//! memory, from positions just below the wrap, compared with a `VecDeque`.
//!
//! A failure prints the shortest list of calls that shows it; its seed is kept
//! in `proptest-regressions/` and tried first from then on.
#![cfg(not(loom))]

mod common;

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};

use common::{Halves, LendingRead, LendingWrite, byte_at, region};
use proptest::prelude::*;
use ringbuf_core::{Consumer, Inline, Producer, Signal, Sleep, ring_starting_at};

#[derive(Debug, Clone)]
enum Call {
    Write(usize),
    WriteVectored(Vec<usize>),
    WriteInPlace(usize),
    Vacant,
    ProducerSignal,
    /// Until there is room for so many bytes.
    ProducerSleep(usize),
    ProducerCancel,
    Finish,
    Settle,
    Read(usize),
    ReadVectored(Vec<usize>),
    ReadInPlace(usize),
    Available,
    ConsumerSignal,
    ConsumerSleep,
    ConsumerCancel,
    AtEnd,
    Abandon,
    CloserFinish,
    CloserAbandon,
    CloserWakes,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    use Call::*;
    let len = || prop_oneof![8 => 0..20_usize, 4 => 0..300_usize, 1 => 0..70_000_usize];
    let lens = || prop::collection::vec(0..40_usize, 0..5);
    let frequent = prop_oneof![
        6 => len().prop_map(Write),
        3 => lens().prop_map(WriteVectored),
        3 => len().prop_map(WriteInPlace),
        6 => len().prop_map(Read),
        3 => lens().prop_map(ReadVectored),
        3 => len().prop_map(ReadInPlace),
        1 => Just(Vacant),
        1 => Just(Available),
        1 => Just(ProducerSignal),
        1 => prop_oneof![Just(1), 0..300_usize].prop_map(ProducerSleep),
        1 => Just(ProducerCancel),
        1 => Just(ConsumerSignal),
        1 => Just(ConsumerSleep),
        1 => Just(ConsumerCancel),
        1 => Just(AtEnd),
        1 => Just(Settle),
        1 => Just(CloserWakes),
    ];
    let last = prop_oneof![
        Just(Finish),
        Just(CloserFinish),
        Just(Abandon),
        Just(CloserAbandon)
    ];
    let tail = prop::collection::vec(frequent.clone(), 0..20);
    (prop::collection::vec(frequent, 0..120), last, tail).prop_map(|(mut calls, last, tail)| {
        calls.push(last);
        calls.extend(tail);
        calls
    })
}

/// What the ring should be.
#[derive(Default)]
struct Oracle {
    queue: VecDeque<u8>,
    capacity: usize,
    start: usize,
    written: usize,
    read: usize,
    freed: usize,
    finished: bool,
    abandoned: bool,
    producer_sleeps: bool,
    consumer_sleeps: bool,
}

impl Oracle {
    fn room(&self) -> usize {
        if self.finished || self.abandoned {
            0
        } else {
            self.capacity - self.queue.len()
        }
    }

    fn filled(&self) -> usize {
        if self.abandoned { 0 } else { self.queue.len() }
    }

    fn ended(&self) -> bool {
        self.abandoned || self.finished && self.queue.is_empty()
    }

    /// The next `n` bytes of the stream, of which the ring must take as many
    /// as returned.
    fn write(&mut self, n: usize) -> (Vec<u8>, usize) {
        let bytes: Vec<u8> = (self.written..).take(n).map(byte_at).collect();
        let taken = n.min(self.room());
        self.queue.extend(&bytes[..taken]);
        self.written += taken;
        (bytes, taken)
    }

    fn read(&mut self, n: usize) -> Vec<u8> {
        let n = n.min(self.filled());
        self.read += n;
        self.freed += n;
        self.queue.drain(..n).collect()
    }
}

fn signal(sleeps: &mut bool) -> Signal {
    if std::mem::take(sleeps) {
        Signal::Wake
    } else {
        Signal::Quiet
    }
}

fn sleep(sleeps: &mut bool, ready: bool) -> Sleep {
    *sleeps = !ready;
    if ready { Sleep::Ready } else { Sleep::Asleep }
}

fn compare<M: Halves>(
    (mut producer, mut consumer): (Producer<M>, Consumer<M>),
    start: usize,
    calls: &[Call],
) where
    Producer<M>: LendingWrite,
    Consumer<M>: LendingRead,
{
    let mut oracle = Oracle {
        capacity: producer.capacity(),
        start,
        ..Oracle::default()
    };
    let (observer, closer) = (consumer.observer(), producer.closer());
    assert_eq!(consumer.capacity(), oracle.capacity);
    for call in calls {
        match call {
            Call::Write(n) => {
                let (bytes, taken) = oracle.write(*n);
                assert_eq!(producer.write(&bytes), Ok(taken));
            }
            Call::WriteVectored(lens) => {
                let (bytes, taken) = oracle.write(lens.iter().sum());
                let mut rest = &bytes[..];
                let slices: Vec<_> = lens
                    .iter()
                    .map(|n| IoSlice::new(rest.split_off(..*n).unwrap()))
                    .collect();
                assert_eq!(producer.write_vectored(&slices), Ok(taken));
            }
            Call::WriteInPlace(n) => {
                let (bytes, taken) = oracle.write(*n);
                assert_eq!(producer.write_in_place(&bytes), Ok(taken));
            }
            Call::Vacant => assert_eq!(producer.vacant(), Ok(oracle.room())),
            Call::ProducerSignal => {
                assert_eq!(producer.signal(), signal(&mut oracle.consumer_sleeps));
            }
            Call::ProducerSleep(room) => {
                let wanted = (*room).clamp(1, producer.capacity());
                let ready = oracle.room() >= wanted || oracle.finished || oracle.abandoned;
                let told = sleep(&mut oracle.producer_sleeps, ready);
                match room {
                    1 => assert_eq!(producer.prepare_sleep(), Ok(told)),
                    room => assert_eq!(producer.prepare_sleep_for(*room), Ok(told)),
                }
            }
            Call::ProducerCancel => {
                producer.cancel_sleep();
                oracle.producer_sleeps = false;
            }
            Call::Finish => {
                producer.finish();
                oracle.finished = true;
            }
            Call::Settle => assert_eq!(producer.settle(), 0),
            Call::Read(n) => {
                let mut out = vec![0; *n];
                let expected = oracle.read(*n);
                assert_eq!(consumer.read(&mut out), Ok(expected.len()));
                assert_eq!(out[..expected.len()], expected);
            }
            Call::ReadVectored(lens) => {
                let expected = oracle.read(lens.iter().sum());
                let mut out = vec![0; lens.iter().sum()];
                let mut rest = &mut out[..];
                let mut slices: Vec<_> = lens
                    .iter()
                    .map(|n| IoSliceMut::new(rest.split_off_mut(..*n).unwrap()))
                    .collect();
                assert_eq!(consumer.read_vectored(&mut slices), Ok(expected.len()));
                assert_eq!(out[..expected.len()], expected);
            }
            Call::ReadInPlace(n) => {
                let mut out = vec![0; *n];
                let expected = oracle.read(*n);
                assert_eq!(consumer.read_in_place(&mut out), Ok(expected.len()));
                assert_eq!(out[..expected.len()], expected);
            }
            Call::Available => assert_eq!(consumer.available(), Ok(oracle.filled())),
            Call::ConsumerSignal => {
                oracle.freed = 0;
                assert_eq!(consumer.signal(), signal(&mut oracle.producer_sleeps));
            }
            Call::ConsumerSleep => {
                let ready = oracle.filled() > 0 || oracle.finished || oracle.abandoned;
                let told = sleep(&mut oracle.consumer_sleeps, ready);
                assert_eq!(consumer.prepare_sleep(), Ok(told));
            }
            Call::ConsumerCancel => {
                consumer.cancel_sleep();
                oracle.consumer_sleeps = false;
            }
            Call::AtEnd => assert_eq!(consumer.at_end(), Ok(oracle.ended())),
            Call::Abandon => {
                consumer.abandon();
                oracle.abandoned = true;
            }
            Call::CloserFinish => {
                closer.finish();
                oracle.finished = true;
            }
            Call::CloserAbandon => {
                closer.abandon();
                oracle.abandoned = true;
            }
            Call::CloserWakes => {
                let expected = signal(&mut oracle.producer_sleeps);
                assert_eq!(closer.take_wake_producer(), expected);
                let expected = signal(&mut oracle.consumer_sleeps);
                assert_eq!(closer.take_wake_consumer(), expected);
            }
        }
        if let Some(shown) = consumer.shown() {
            assert!(shown.iter().eq(oracle.queue.iter().take(shown.len())));
        }
        assert_eq!(consumer.freed_unsignalled(), oracle.freed);
        assert_eq!(
            observer.written(),
            oracle.start.wrapping_add(oracle.written)
        );
        assert_eq!(observer.read(), oracle.start.wrapping_add(oracle.read));
        assert_eq!(observer.fill(), oracle.queue.len());
        for finished in [producer.is_finished(), consumer.is_finished()] {
            assert_eq!(finished, oracle.finished);
        }
        for abandoned in [producer.is_abandoned(), consumer.is_abandoned()] {
            assert_eq!(abandoned, oracle.abandoned);
        }
        assert_eq!(observer.is_finished(), oracle.finished);
        assert_eq!(observer.is_abandoned(), oracle.abandoned);
    }
}

/// Where to start: mostly so near to the wrap that the calls pass it.
fn start() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0), 4 => (0..2000_usize).prop_map(|n| usize::MAX - n)]
}

/// Enough of them, and one of the large ones that are copied in pieces.
const POWERS: std::ops::Range<u32> = 0..18;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 256 },
        failure_persistence: if cfg!(miri) {
            None
        } else {
            ProptestConfig::default().failure_persistence
        },
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    // shows R1, R2, R5, R6
    #[test]
    fn heap(power in POWERS, start in start(), calls in calls()) {
        compare(ring_starting_at(1 << power, start).unwrap(), start, &calls);
    }

    // shows R3
    #[test]
    fn foreign_region(power in POWERS, start in start(), calls in calls()) {
        compare(region(1 << power, start), start, &calls);
    }

    // shows R3
    #[test]
    fn inline(start in start(), calls in calls()) {
        fn on<const N: usize>(start: usize, calls: &[Call]) {
            let ring = Inline::<N>::new_starting_at(start);
            compare(ring.split().unwrap(), start, calls);
        }
        on::<1>(start, &calls);
        on::<2>(start, &calls);
        on::<64>(start, &calls);
        on::<8192>(start, &calls);
    }
}
