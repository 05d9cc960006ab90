//! The two measurements.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use channel::{Channel, ReadError, Task, WriteError};
use hdrhistogram::Histogram;

use crate::error::{Error, Result};

/// A round trip that takes longer is counted as this: an hour, in nanoseconds.
const LONGEST: u64 = 3_600_000_000_000;

/// Part of the time that is spent before anything counts, so that caches, branch predictors and
/// the channels' own learning are in their usual state.
const WARM_UP: u32 = 10;

/// What went through, and in which time.
pub struct Flow {
    pub bytes: u64,
    pub writes: u64,
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

/// Sends a message, waits until all of it is back, and again, one at a time.
pub fn round_trips(
    mut channel: Channel,
    size: usize,
    time: Duration,
) -> std::result::Result<Histogram<u64>, String> {
    let message: Vec<u8> = (0..size).map(|i| i as u8).collect();
    let mut back = vec![0; size];
    let mut histogram =
        Histogram::new_with_bounds(1, LONGEST, 3).expect("constant bounds that are right");

    let start = Instant::now();
    let (warm, end) = (start + time / WARM_UP, start + time);
    let mut before = start;
    // One look at the clock per round trip: the end of one is the start of the next.
    loop {
        round_trip(&mut channel, &message, &mut back)?;
        let now = Instant::now();
        if before >= warm {
            histogram.saturating_record((now - before).as_nanos() as u64);
        }
        // At least one counts, however slow it is.
        if now >= end && !histogram.is_empty() {
            break;
        }
        before = now;
    }
    if back != message {
        return Err("the last message came back changed".into());
    }
    finish(channel)?;
    Ok(histogram)
}

/// One message there and back. It may be larger than all buffers on the way: when no more fits,
/// what comes back is read first.
fn round_trip(
    channel: &mut Channel,
    message: &[u8],
    back: &mut [u8],
) -> std::result::Result<(), String> {
    let (mut sent, mut got) = (0, 0);
    while got < message.len() {
        if sent < message.len() {
            let rest = &message[sent..];
            let wrote = match sent == got {
                // Nothing is under way, so nothing can stand in the way.
                true => channel.write(rest),
                false => channel.try_write(rest),
            };
            match wrote {
                Ok(n) => {
                    sent += n;
                    continue;
                }
                Err(WriteError::WouldBlock) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        match channel.read(&mut back[got..]) {
            Ok(0) => return Err("the server ended the stream".into()),
            Ok(n) => got += n,
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// Sends messages from one task as fast as they are taken, and reads what comes back in another.
pub fn throughput(
    channel: Channel,
    size: usize,
    time: Duration,
) -> Result<std::result::Result<Flow, String>> {
    let (mut reader, mut writer) = channel.split();
    let stop = Arc::new(AtomicBool::new(false));
    let sender = Task::spawn("bench-sender", [], {
        let stop = stop.clone();
        move || {
            let message: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let mut writes = 0_u64;
            // Relaxed: nothing else is read because of it.
            while !stop.load(Ordering::Relaxed) {
                if let Err(cut) = writer.write_all(&message) {
                    return Err(cut.to_string());
                }
                writes += 1;
            }
            writer.finish().map_err(|error| error.to_string())?;
            Ok(writes)
        }
    })
    .map_err(Error::Task)?;
    let receiver = Task::spawn("bench-receiver", [], move || {
        let start = Instant::now();
        let mut bytes = 0_u64;
        loop {
            match reader.fill_buf().map(<[u8]>::len) {
                Ok(0) => return Ok((bytes, start.elapsed())),
                Ok(n) => {
                    reader.consume(n);
                    bytes += n as u64;
                }
                Err(error) => return Err(error),
            }
        }
    })
    .map_err(Error::Task)?;

    thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let received: std::result::Result<_, ReadError> = receiver.join()?;
    let sent = sender.join()?;
    Ok(received
        .map_err(|error| error.to_string())
        .and_then(|(bytes, elapsed)| {
            let writes = sent?;
            if bytes != writes * size as u64 {
                let sent = writes * size as u64;
                return Err(format!("{bytes} bytes of {sent} came back"));
            }
            Ok(Flow {
                bytes,
                writes,
                elapsed,
            })
        }))
}

/// Both sides end in order, so that the next measurement is not disturbed by this one.
fn finish(mut channel: Channel) -> std::result::Result<(), String> {
    channel.finish().map_err(|error| error.to_string())?;
    match channel.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("more came back than was sent".into()),
        Err(error) => Err(error.to_string()),
    }
}
