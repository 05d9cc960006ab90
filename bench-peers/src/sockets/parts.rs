//! What each end does in a measure: the same for two threads and for two processes.

use super::End;
use crate::measure::{Sample, Watch};
use crate::messages::{glance, number_of, period, sum};
use crate::rings::pattern;
use std::hint::black_box;

/// Bytes that pass before the clock starts: windows and buffers have grown by then.
pub(super) const WARM: usize = 4 * 1024 * 1024;

/// Something to measure that takes two ends, one of which has the clock.
#[allow(
    async_fn_in_trait,
    reason = "nobody needs to know whether the futures are Send"
)]
pub trait Measure: 'static {
    /// The part of the end with the clock, with messages of `size` bytes.
    async fn timed<E: End>(end: &mut E, size: usize, amount: u64) -> Sample;

    /// The other's part.
    async fn other<E: End>(end: &mut E, size: usize, amount: u64);
}

/// One end asks with a message and waits for the answer, the other echoes. Both look at every eighth
/// word of what they get.
pub struct RoundTrip;

fn warm_trips(times: u64) -> u64 {
    (times / 4).clamp(10, 2_000)
}

impl Measure for RoundTrip {
    async fn timed<E: End>(end: &mut E, size: usize, times: u64) -> Sample {
        let warm = warm_trips(times);
        let mut question = pattern(size);
        // Of everything behind the number.
        let rest = glance(&question).wrapping_sub(number_of(&question));
        let mut watch = Watch::start();
        for number in 0..warm + times {
            if number == warm {
                watch = Watch::start();
            }
            question[..8].copy_from_slice(&number.to_le_bytes());
            end.send(black_box(&question)).await;
            let answer = end.receive(glance).await;
            assert_eq!(answer, rest.wrapping_add(number), "another answer");
        }
        let sample = watch.stop();
        end.send(&question).await;
        let same = end.receive(|answer| answer == question).await;
        assert!(same, "the answer differs from the question");
        sample
    }

    async fn other<E: End>(end: &mut E, _size: usize, times: u64) {
        for _ in 0..warm_trips(times) + times + 1 {
            end.echo(|question| {
                black_box(glance(question));
            })
            .await;
        }
    }
}

/// One end sends messages in a loop, the other receives them and adds up the words of each. The clock
/// runs from when the receiver has had enough to be warm until it has the last.
pub struct Sent;

impl Measure for Sent {
    async fn timed<E: End>(end: &mut E, size: usize, count: u64) -> Sample {
        take(end, size, count).await
    }

    async fn other<E: End>(end: &mut E, size: usize, count: u64) {
        pour::<E, false>(end, size, count).await;
    }
}

/// The same, but the sender leaves it to batches of [`BATCH`](super::BATCH) bytes when they leave.
pub struct Fed;

impl Measure for Fed {
    async fn timed<E: End>(end: &mut E, size: usize, count: u64) -> Sample {
        take(end, size, count).await
    }

    async fn other<E: End>(end: &mut E, size: usize, count: u64) {
        pour::<E, true>(end, size, count).await;
    }
}

/// Messages in a period of the pattern, and periods until the clock starts, and after.
fn periods(size: usize, count: u64) -> (usize, u64, u64) {
    let in_period = period(size) / size;
    let count = count.div_ceil(in_period as u64);
    // Of those who make a system call a message, a tenth of a second's worth.
    let warm = ((WARM / size / 8) as u64).div_ceil(in_period as u64);
    (in_period, warm.clamp(1, count), count)
}

async fn pour<E: End, const FED: bool>(end: &mut E, size: usize, count: u64) {
    let (_, warm, count) = periods(size, count);
    let source = pattern(period(size));
    let size = black_box(size);
    for _ in 0..warm + count {
        for message in source.chunks_exact(size) {
            match FED {
                true => end.feed(message).await,
                false => end.send(message).await,
            }
        }
    }
    end.flush().await;
}

async fn take<E: End>(end: &mut E, size: usize, count: u64) -> Sample {
    let (in_period, warm, count) = periods(size, count);
    let mut all = 0_u64;
    let mut watch = Watch::start();
    for number in 0..warm + count {
        if number == warm {
            watch = Watch::start();
        }
        for _ in 0..in_period {
            let (length, one) = end.receive(|one| (one.len(), sum(one))).await;
            assert_eq!(length, size, "a message of another length");
            all = all.wrapping_add(one);
        }
    }
    let sample = watch.stop();
    let source = pattern(period(size));
    let once = source.chunks_exact(size).map(sum);
    let once = once.fold(0, u64::wrapping_add);
    assert_eq!(all, once.wrapping_mul(warm + count), "not what was sent");
    sample
}
