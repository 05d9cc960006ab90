//! What the ways to pass messages are measured at.

use super::{End, Pair};
use crate::machine::pin;
use crate::measure::{Sample, Watch};
use crate::rings::pattern;
use std::hint::black_box;

/// Bytes of the pattern that a stream repeats, message by message.
pub(crate) fn period(size: usize) -> usize {
    size.max(4096)
}

/// What a stream's number of messages is a multiple of.
pub fn grain(size: usize) -> u64 {
    (period(size) / size) as u64
}

/// Adds up the 64-bit words of a message.
#[inline]
pub(crate) fn sum(message: &[u8]) -> u64 {
    let (words, rest) = message.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    words.chain(rest).fold(0, u64::wrapping_add)
}

/// Adds up every eighth word, so that every cache line is looked at.
#[inline]
pub(crate) fn glance(message: &[u8]) -> u64 {
    let (words, _) = message.as_chunks::<8>();
    words
        .iter()
        .step_by(8)
        .fold(0, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
}

/// One thread sends `count` messages of `size` bytes, the other receives them and adds up the words
/// of each, as a program does that wants to know what it was sent: else those who pass pointers
/// would not move the bytes to the receiver's core at all. The clock runs from when the receiver has
/// had four capacities until it has the last message.
pub fn stream<P: Pair>(cores: [usize; 2], capacity: usize, size: usize, count: u64) -> Sample {
    stream_with::<P, true>(cores, capacity, size, count)
}

/// The same, but the receiver does not look at the bytes.
pub fn stream_unseen<P: Pair>(
    cores: [usize; 2],
    capacity: usize,
    size: usize,
    count: u64,
) -> Sample {
    stream_with::<P, false>(cores, capacity, size, count)
}

fn stream_with<P: Pair, const LOOK: bool>(
    cores: [usize; 2],
    capacity: usize,
    size: usize,
    count: u64,
) -> Sample {
    let (mut client, mut server) = P::pair(capacity, size);
    let period = period(size);
    assert_eq!(
        period % size,
        0,
        "messages of {size} B end with the pattern"
    );
    let in_period = grain(size);
    let count = count.next_multiple_of(in_period);
    let warm = ((4 * capacity).max(256 * 1024).div_ceil(size) as u64).next_multiple_of(in_period);
    let source = pattern(period);
    let expected = source.clone();
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            pin(cores[0]);
            let size = black_box(size);
            for _ in 0..(warm + count) / in_period {
                for message in source.chunks_exact(size) {
                    client.send(message);
                }
            }
            client.flush();
            client // stays open until the receiver has all: nng would lose the rest
        });
        let receiving = scope.spawn(move || {
            pin(cores[1]);
            let mut all = 0_u64;
            let mut lap = |count: u64| {
                for _ in 0..count {
                    let (length, one) = server
                        .receive(|message| (message.len(), if LOOK { sum(message) } else { 0 }));
                    assert_eq!(length, size, "a message of another length");
                    all = all.wrapping_add(one);
                }
            };
            lap(warm);
            let watch = Watch::start();
            lap(count - 1);
            let sample = server.receive(|last| {
                all = all.wrapping_add(if LOOK { sum(last) } else { 0 });
                let sample = watch.stop();
                assert!(expected.ends_with(last), "not what was sent");
                sample
            });
            if LOOK {
                let periods = (warm + count) / in_period;
                let once = expected
                    .chunks_exact(size)
                    .map(sum)
                    .fold(0, u64::wrapping_add);
                assert_eq!(all, once.wrapping_mul(periods), "not what was sent");
            }
            sample
        });
        let sample = receiving.join().expect("the receiving thread");
        drop(sending.join().expect("the sending thread"));
        Sample {
            share: 1.0,
            ..sample
        }
    })
}

/// One thread asks with a message of `size` bytes and waits for the answer, the other echoes, `times`
/// times. Both look at every eighth word of what they get.
pub fn round_trip<P: Pair>(cores: [usize; 2], capacity: usize, size: usize, times: u64) -> Sample {
    let warm = (times / 4).clamp(50, 2_000);
    let (mut client, mut server) = P::pair(capacity, size);
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            pin(cores[0]);
            let mut question = pattern(size);
            // Of everything behind the number.
            let rest = glance(&question).wrapping_sub(number_of(&question));
            let mut lap = |times: u64| {
                for number in 0..times {
                    question[..8].copy_from_slice(&number.to_le_bytes());
                    client.send(black_box(&question));
                    let answer = client.receive(glance);
                    assert_eq!(answer, rest.wrapping_add(number), "another answer");
                }
            };
            lap(warm);
            let watch = Watch::start();
            lap(times);
            let sample = watch.stop();
            client.send(&question);
            let same = client.receive(|answer| answer == question);
            assert!(same, "the answer differs from the question");
            sample
        });
        let answering = scope.spawn(move || {
            pin(cores[1]);
            for _ in 0..warm + times + 1 {
                server.echo(|question| {
                    black_box(glance(question));
                });
            }
            server // stays open until the last answer has arrived
        });
        let sample = asking.join().expect("the asking thread");
        drop(answering.join().expect("the answering thread"));
        Sample {
            share: 1.0,
            ..sample
        }
    })
}

pub(crate) fn number_of(question: &[u8]) -> u64 {
    u64::from_le_bytes(*question.first_chunk().expect("at least 8 B"))
}
