//! The two measurements: what they have in common, and each of them for [`bytes`] and [`messages`].

pub mod bytes;
pub mod messages;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use channel::Task;

use crate::error::{Error, Result};
use crate::latency::Times;

/// Part of the time that is spent before anything counts, so that caches, branch predictors and
/// the channels' own learning are in their usual state.
const WARM_UP: u32 = 10;

/// What went through, and in which time.
pub struct Flow {
    pub bytes: u64,
    /// Calls that wrote, or messages.
    pub sends: u64,
    pub elapsed: Duration,
}

/// What one look at the clock costs.
pub fn clock_cost() -> Duration {
    const LOOKS: u32 = 10_000;
    let start = Instant::now();
    let mut last = start;
    for _ in 0..LOOKS {
        last = std::hint::black_box(Instant::now());
    }
    (last - start) / LOOKS
}

/// A measurement, or why it could not be made: the channel was cut, or changed what went through.
type Measured<T> = std::result::Result<T, String>;

/// Makes round trips for a while.
fn repeat(time: Duration, mut round_trip: impl FnMut() -> Measured<()>) -> Measured<Times> {
    let mut times = Times::new();
    let start = Instant::now();
    let (warm, end) = (start + time / WARM_UP, start + time);
    let mut before = start;
    // One look at the clock per round trip: the end of one is the start of the next.
    loop {
        round_trip()?;
        let now = Instant::now();
        if before >= warm {
            times.add(now - before);
        }
        // At least one counts, however slow it is.
        if now >= end && times.count() > 0 {
            return Ok(times);
        }
        before = now;
    }
}

/// What is sent: `size` bytes.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| i as u8).collect()
}

/// Sends from one task as fast as it is taken, for a while, and receives what comes back in another.
/// `send` goes on until it is told to stop, finishes, and says how often it has sent `size` bytes;
/// `receive` goes on until the end of what comes, and says how many bytes it had.
fn flow(
    size: usize,
    time: Duration,
    send: impl FnOnce(&AtomicBool) -> Measured<u64> + Send + 'static,
    receive: impl FnOnce() -> Measured<u64> + Send + 'static,
) -> Result<Measured<Flow>> {
    let stop = Arc::new(AtomicBool::new(false));
    let sender = Task::spawn("bench-sender", [], {
        let stop = stop.clone();
        move || send(&stop)
    })
    .map_err(Error::Task)?;
    let receiver = Task::spawn("bench-receiver", [], move || {
        let start = Instant::now();
        receive().map(|bytes| (bytes, start.elapsed()))
    })
    .map_err(Error::Task)?;

    thread::sleep(time);
    // Relaxed: nothing else is read because of it.
    stop.store(true, Ordering::Relaxed);
    let received = receiver.join()?;
    let sent = sender.join()?;
    Ok(received.and_then(|(bytes, elapsed)| {
        let sends = sent?;
        let all = sends * size as u64;
        if bytes != all {
            return Err(format!("{bytes} bytes of {all} came back"));
        }
        Ok(Flow {
            bytes,
            sends,
            elapsed,
        })
    }))
}
