//! Values of options that have a range of their own.

use std::num::NonZeroU32;
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

/// `1/10000`, or `10000` for short: how seldom something happens.
pub fn one_in(text: &str) -> Result<NonZeroU32, String> {
    let n = text.strip_prefix("1/").unwrap_or(text);
    let n = n
        .parse()
        .map_err(|_| "write one in how many, as in 1/10000");
    Ok(n?)
}

pub fn bench_time(text: &str) -> Result<Duration, String> {
    let time = human::parse_time(text)?;
    if time < Duration::from_millis(10) {
        return Err("too short to measure anything; give at least 0.01".into());
    }
    Ok(time)
}

/// `1d6b:0104`: vendor and product of a USB device.
pub fn usb_id(text: &str) -> Result<(u16, u16), String> {
    let id = |digits: &str| {
        let hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let ids = text.split_once(':');
    let ids = ids.and_then(|(vendor, product)| Some((id(vendor)?, id(product)?)));
    ids.ok_or_else(|| "write four hexadecimal digits each, as in 1d6b:0104".into())
}
