//! What the ways to talk are measured at, with a thread for either end.

use super::parts::{Fed, Measure, RoundTrip, Sent, WARM};
use super::{End, Way};
use crate::machine::pin;
use crate::measure::{Sample, Watch};
use crate::pipes::look_at;
use crate::rings::pattern;
use std::hint::black_box;

/// Runs a way's two ends in a thread each. The first one's sample counts; both ends stay until both
/// are through.
fn two<W: Way>(
    (a, b): (W::Raw, W::Raw),
    cores: [usize; 2],
    size: usize,
    first: impl AsyncFnOnce(&mut W::End) -> Option<Sample> + Send,
    second: impl AsyncFnOnce(&mut W::End) -> Option<Sample> + Send,
) -> Sample {
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

/// Runs a measure's two parts over a new connection, in a thread each.
fn measure<W: Way, M: Measure>(cores: [usize; 2], size: usize, amount: u64) -> Sample {
    measure_on::<W, M>(W::connect(), cores, size, amount)
}

/// Runs a measure's two parts in a thread each.
pub(crate) fn measure_on<W: Way, M: Measure>(
    ends: (W::Raw, W::Raw),
    cores: [usize; 2],
    size: usize,
    amount: u64,
) -> Sample {
    two::<W>(
        ends,
        cores,
        size,
        async move |end| Some(M::timed(end, size, amount).await),
        async move |end| {
            M::other(end, size, amount).await;
            None
        },
    )
}

/// [`RoundTrip`] with messages of `size` bytes, `times` times.
pub fn round_trip<W: Way>(cores: [usize; 2], size: usize, times: u64) -> Sample {
    measure::<W, RoundTrip>(cores, size, times)
}

/// [`Sent`], `count` messages of `size` bytes.
pub fn sent<W: Way>(cores: [usize; 2], size: usize, count: u64) -> Sample {
    measure::<W, Sent>(cores, size, count)
}

/// [`Fed`], `count` messages of `size` bytes.
pub fn fed<W: Way>(cores: [usize; 2], size: usize, count: u64) -> Sample {
    measure::<W, Fed>(cores, size, count)
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
        W::connect(),
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
