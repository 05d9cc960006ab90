//! Values of options that have a range of their own.

use std::time::Duration;

use message_queue::codec::MAX_LIMIT;

use crate::human;

/// The largest limit: what the length in front of a message can say.
pub fn max_message(text: &str) -> Result<usize, String> {
    match human::parse_size(text)? {
        n if n > MAX_LIMIT => Err(format!("the limit is {MAX_LIMIT}, just below 4GiB")),
        n => Ok(n),
    }
}

/// The largest message of the bench: 64 MiB, three buffers of which fit into any machine.
const MAX_BENCH_SIZE: usize = 64 << 20;

pub fn some_size(text: &str) -> Result<usize, String> {
    match human::parse_size(text)? {
        0 => Err("nothing can be measured with 0 bytes; give 1 or more".into()),
        n => Ok(n),
    }
}

pub fn bench_size(text: &str) -> Result<usize, String> {
    match some_size(text)? {
        n if n > MAX_BENCH_SIZE => Err(format!(
            "the limit is {}; larger ones are sent in pieces anyhow",
            human::size(MAX_BENCH_SIZE as u64)
        )),
        n => Ok(n),
    }
}

pub fn bench_time(text: &str) -> Result<Duration, String> {
    let time = human::parse_time(text)?;
    if time < Duration::from_millis(10) {
        return Err("too short to measure anything; give at least 0.01".into());
    }
    Ok(time)
}
