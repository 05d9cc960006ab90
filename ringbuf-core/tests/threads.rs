//! Two threads and a checked stream: all forms, all kinds of memory, spinning
//! and sleeping, and ends that come from a third thread.
#![cfg(not(loom))]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use common::{Halves, LendingRead, LendingWrite, Random, STARTS, byte_at, region};
use ringbuf_core::{Consumer, Inline, Memory, Producer, Sleep, ring, ring_starting_at};

/// Bytes of one test stream.
fn total(capacity: usize) -> usize {
    if cfg!(miri) {
        1_000
    } else {
        (capacity * 1_000).min(400_000)
    }
}

/// Writes up to `len` bytes in one of three ways.
fn write_somehow<M: Memory>(producer: &mut Producer<M>, bytes: &[u8], way: usize) -> usize
where
    Producer<M>: LendingWrite,
{
    match way {
        0 => producer.write_in_place(bytes),
        1 => {
            let (first, second) = bytes.split_at(bytes.len() / 3);
            producer.write_vectored(&[first, second])
        }
        _ => producer.write(bytes),
    }
    .unwrap()
}

/// Reads up to `len` bytes in one of three ways.
fn read_somehow<M: Memory>(consumer: &mut Consumer<M>, bytes: &mut [u8], way: usize) -> usize
where
    Consumer<M>: LendingRead,
{
    match way {
        0 => consumer.read_in_place(bytes),
        1 => {
            let (first, second) = bytes.split_at_mut(bytes.len() / 3);
            consumer.read_vectored(&mut [first, second])
        }
        _ => consumer.read(bytes),
    }
    .unwrap()
}

/// How a side waits.
#[derive(Clone, Copy)]
enum Wait {
    Spin,
    Sleep,
}

fn stream<M: Halves>(
    (mut producer, mut consumer): (Producer<M>, Consumer<M>),
    seed: u64,
    wait: Wait,
) where
    Producer<M>: LendingWrite,
    Consumer<M>: LendingRead,
{
    let total = total(producer.capacity());
    let longest = (producer.capacity() * 2).clamp(8, 3000);
    let reader = thread::current();
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut random = Random::new(seed);
            let mut place = 0;
            while place < total {
                let len = random.below(longest).min(total - place);
                let bytes: Vec<u8> = (place..place + len).map(byte_at).collect();
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let n = write_somehow(&mut producer, rest, random.below(3));
                    rest = &rest[n..];
                    if n == 0 {
                        pause(wait, || producer.prepare_sleep().unwrap());
                    } else if let Wait::Sleep = wait
                        && producer.signal().is_wake()
                    {
                        reader.unpark();
                    }
                }
                place += len;
            }
            producer.finish();
            if producer.signal().is_wake() {
                reader.unpark();
            }
            assert_eq!(producer.settle(), 0);
            assert_eq!(producer.write(b"late"), Ok(0));
        });
        let mut random = Random::new(seed + 1);
        let mut place = 0;
        let mut out = vec![0; longest];
        loop {
            let len = random.below(longest) + 1;
            let n = read_somehow(&mut consumer, &mut out[..len], random.below(3));
            for byte in &out[..n] {
                assert_eq!(*byte, byte_at(place));
                place += 1;
            }
            if n == 0 {
                if consumer.at_end().unwrap() {
                    break;
                }
                wake(&mut consumer, writer.thread());
                pause(wait, || consumer.prepare_sleep().unwrap());
            } else if consumer.freed_unsignalled() >= consumer.capacity() / 4 {
                wake(&mut consumer, writer.thread());
            }
        }
        assert_eq!(place, total);
    });
}

fn wake<M: Memory>(consumer: &mut Consumer<M>, writer: &Thread) {
    if consumer.signal().is_wake() {
        writer.unpark();
    }
}

fn pause(wait: Wait, prepare: impl FnOnce() -> Sleep) {
    match wait {
        Wait::Spin => thread::yield_now(),
        Wait::Sleep => {
            if prepare() == Sleep::Asleep {
                thread::park();
            }
        }
    }
}

// shows R1, R2, R6
#[test]
fn heap() {
    for start in STARTS {
        for capacity in [1, 16, 1024, 65536] {
            stream(ring_starting_at(capacity, start).unwrap(), 1, Wait::Spin);
            stream(ring_starting_at(capacity, start).unwrap(), 2, Wait::Sleep);
        }
    }
}

// shows R3
#[test]
fn inline() {
    static RING: Inline<512> = Inline::new_starting_at(usize::MAX - 5);
    stream(RING.split().unwrap(), 3, Wait::Spin);
    static OTHER: Inline<64> = Inline::new();
    stream(OTHER.split().unwrap(), 4, Wait::Sleep);
}

// shows R3
#[test]
fn foreign_region() {
    stream(region(4096, usize::MAX - 5), 5, Wait::Spin);
    stream(region(128, 0), 6, Wait::Sleep);
}

// shows R6: a third thread ends the stream; no byte is lost unsaid.
#[test]
fn closer_in_the_middle() {
    for seed in 0..if cfg!(miri) { 5 } else { 2000 } {
        let (mut producer, mut consumer) = ring(16).unwrap();
        let closer = consumer.closer();
        let go = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut random = Random::new(seed);
                let mut written = 0;
                // Each write is settled on its own, as a channel does it.
                loop {
                    let len = random.below(8) + 1;
                    let bytes: Vec<u8> = (written..written + len).map(byte_at).collect();
                    written += producer.write(&bytes).unwrap();
                    let _ = producer.signal();
                    if producer.is_finished() {
                        return written - producer.settle();
                    }
                    go.store(true, Ordering::Relaxed);
                    std::hint::spin_loop();
                }
            });
            scope.spawn(|| {
                while !go.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                for _ in 0..seed % 64 {
                    std::hint::spin_loop();
                }
                closer.finish();
            });
            let mut read = 0;
            let mut out = [0; 16];
            while !consumer.at_end().unwrap() {
                let n = consumer.read(&mut out).unwrap();
                for byte in &out[..n] {
                    assert_eq!(*byte, byte_at(read));
                    read += 1;
                }
            }
            assert_eq!(read, writer.join().unwrap(), "seed {seed}");
            assert_eq!(consumer.available(), Ok(0));
        });
    }
}

// shows R6: abandoning frees a sleeping producer, from either place.
#[test]
fn abandon_wakes() {
    for by_closer in [false, true] {
        let (mut producer, mut consumer) = ring(4).unwrap();
        assert_eq!(producer.write(&[1; 9]), Ok(4));
        let asleep = AtomicBool::new(false);
        let asleep = &asleep;
        thread::scope(|scope| {
            let sleeper = scope.spawn(move || {
                while !producer.is_abandoned() {
                    if producer.prepare_sleep().unwrap() == Sleep::Asleep {
                        asleep.store(true, Ordering::Release);
                        thread::park();
                    }
                }
                assert_eq!(producer.write(b"x"), Ok(0));
                assert_eq!(producer.vacant(), Ok(0));
                assert!(producer.reserve().unwrap().is_empty());
            });
            while !asleep.load(Ordering::Acquire) {
                thread::yield_now();
            }
            let signal = if by_closer {
                let closer = consumer.closer();
                closer.abandon();
                closer.take_wake_producer()
            } else {
                consumer.abandon();
                consumer.signal()
            };
            assert!(signal.is_wake());
            sleeper.thread().unpark();
        });
        assert_eq!(consumer.read(&mut [0; 4]), Ok(0));
        assert_eq!(consumer.at_end(), Ok(true));
    }
}

// shows R5: what an observer sees goes forward, and fits the capacity.
#[test]
fn observer_beside_the_stream() {
    let (producer, consumer) = ring_starting_at(64, usize::MAX - 500).unwrap();
    let observer = producer.observer();
    let (start, total) = (observer.read(), total(64));
    thread::scope(|scope| {
        scope.spawn({
            let observer = observer.clone();
            move || {
                let (mut written, mut read) = (0, 0);
                while !observer.is_finished() {
                    assert!(observer.fill() <= 64);
                    let now = observer.written().wrapping_sub(start);
                    assert!(now >= written && now <= total);
                    written = now;
                    let now = observer.read().wrapping_sub(start);
                    assert!(now >= read && now <= total);
                    read = now;
                }
            }
        });
        stream((producer, consumer), 7, Wait::Spin);
    });
    assert_eq!(observer.written().wrapping_sub(start), total);
    assert_eq!(observer.fill(), 0);
}
