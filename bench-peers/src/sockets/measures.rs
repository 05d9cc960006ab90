//! What the ways to talk are measured at.

use super::{End, Way};
use crate::machine::pin;
use crate::measure::{Sample, Watch};
use crate::messages::{glance, number_of, period, sum};
use crate::pipes::look_at;
use crate::rings::pattern;
use std::hint::black_box;

/// Bytes that pass before the clock starts: windows and buffers have grown by then.
const WARM: usize = 4 * 1024 * 1024;

/// Runs a way's two ends in a thread each. The first one's sample counts; both ends stay until both
/// are through.
fn two<W: Way>(
    cores: [usize; 2],
    size: usize,
    first: impl AsyncFnOnce(&mut W::End) -> Option<Sample> + Send,
    second: impl AsyncFnOnce(&mut W::End) -> Option<Sample> + Send,
) -> Sample {
    let (a, b) = W::connect();
    let through = std::sync::Barrier::new(2);
    let through = &through;
    let samples = std::thread::scope(|scope| {
        let first = scope.spawn(move || {
            pin(cores[0]);
            W::run(async {
                let mut end = W::end(a, size).await;
                let sample = first(&mut end).await;
                through.wait();
                sample
            })
        });
        let second = scope.spawn(move || {
            pin(cores[1]);
            W::run(async {
                let mut end = W::end(b, size).await;
                let sample = second(&mut end).await;
                through.wait();
                sample
            })
        });
        [first, second].map(|thread| thread.join().expect("a thread that measures"))
    });
    let sample = samples.into_iter().flatten().next();
    let sample = sample.expect("one of the two holds the clock");
    // They sleep as part of their work.
    Sample {
        share: 1.0,
        ..sample
    }
}

/// One end asks with a message of `size` bytes and waits for the answer, the other echoes, `times`
/// times. Both look at every eighth word of what they get.
pub fn round_trip<W: Way>(cores: [usize; 2], size: usize, times: u64) -> Sample {
    let warm = (times / 4).clamp(10, 2_000);
    two::<W>(
        cores,
        size,
        async move |client| {
            let mut question = pattern(size);
            // Of everything behind the number.
            let rest = glance(&question).wrapping_sub(number_of(&question));
            let mut watch = Watch::start();
            for number in 0..warm + times {
                if number == warm {
                    watch = Watch::start();
                }
                question[..8].copy_from_slice(&number.to_le_bytes());
                client.send(black_box(&question)).await;
                let answer = client.receive(glance).await;
                assert_eq!(answer, rest.wrapping_add(number), "another answer");
            }
            let sample = watch.stop();
            client.send(&question).await;
            let same = client.receive(|answer| answer == question).await;
            assert!(same, "the answer differs from the question");
            Some(sample)
        },
        async move |server| {
            for _ in 0..warm + times + 1 {
                server
                    .echo(|question| {
                        black_box(glance(question));
                    })
                    .await;
            }
            None
        },
    )
}

/// One end sends `count` messages of `size` bytes in a loop, the other receives them and adds up the
/// words of each. The clock runs from when the receiver has had [`WARM`] bytes until it has the last.
pub fn sent<W: Way>(cores: [usize; 2], size: usize, count: u64) -> Sample {
    messages::<W, false>(cores, size, count)
}

/// The same, but the sender leaves it to batches of [`BATCH`](super::BATCH) bytes when they leave.
pub fn fed<W: Way>(cores: [usize; 2], size: usize, count: u64) -> Sample {
    messages::<W, true>(cores, size, count)
}

fn messages<W: Way, const FED: bool>(cores: [usize; 2], size: usize, count: u64) -> Sample {
    let period = period(size);
    let in_period = (period / size) as u64;
    let count = count.next_multiple_of(in_period);
    // Of those who make a system call a message, a tenth of a second's worth.
    let warm = (WARM / size / 8) as u64;
    let warm = warm.min(count).next_multiple_of(in_period);
    two::<W>(
        cores,
        size,
        async move |client| {
            let source = pattern(period);
            let size = black_box(size);
            for _ in 0..(warm + count) / in_period {
                for message in source.chunks_exact(size) {
                    match FED {
                        true => client.feed(message).await,
                        false => client.send(message).await,
                    }
                }
            }
            client.flush().await;
            None
        },
        async move |server| {
            let mut all = 0_u64;
            let mut watch = Watch::start();
            for number in 0..warm + count {
                if number == warm {
                    watch = Watch::start();
                }
                let (length, one) = server.receive(|one| (one.len(), sum(one))).await;
                assert_eq!(length, size, "a message of another length");
                all = all.wrapping_add(one);
            }
            let sample = watch.stop();
            let source = pattern(period);
            let once = source.chunks_exact(size).map(sum);
            let once = once.fold(0, u64::wrapping_add);
            let periods = (warm + count) / in_period;
            assert_eq!(all, once.wrapping_mul(periods), "not what was sent");
            Some(sample)
        },
    )
}

/// One end sends `bytes` bytes in writes of `size` bytes, the other receives them with a buffer of
/// that size, if that is its way, and adds up their words.
pub fn bytes<W: Way>(cores: [usize; 2], size: usize, bytes: u64) -> Sample {
    let bytes = bytes.next_multiple_of(size as u64);
    let warm = (WARM as u64).min(bytes).next_multiple_of(size as u64);
    let source = pattern(size);
    let mut once = 0;
    look_at(&mut once, 0, &source);
    two::<W>(
        cores,
        size,
        async move |client| {
            for _ in 0..(warm + bytes) / size as u64 {
                client.send(black_box(&source)).await;
            }
            client.flush().await;
            None
        },
        async move |server| {
            let (mut had, mut all) = (0_u64, 0_u64);
            let mut watch = None;
            while had < warm + bytes {
                had += server
                    .receive_some(|some| {
                        look_at(&mut all, (had % 8) as usize, some);
                        some.len() as u64
                    })
                    .await;
                if watch.is_none() && had >= warm {
                    // What came beyond the warming up is a share too small to matter.
                    watch = Some(Watch::start());
                }
            }
            let sample = watch.expect("there was more").stop();
            assert_eq!(had, warm + bytes, "more came than was sent");
            let times = (warm + bytes) / size as u64;
            assert_eq!(all, once.wrapping_mul(times), "not what was sent");
            Some(sample)
        },
    )
}
