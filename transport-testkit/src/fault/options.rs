//! The plan's part of an endpoint: `fault+tcp://host:1/b?seed=7&split=0.5`.

use std::time::Duration;

use channel::Endpoint;

use super::plan::{MAX_STALL, MIN_STALL, Plan, is_probability};

/// The options that are the fault injector's own; the wrapped transport does not see them.
pub(super) const OPTIONS: [&str; 9] = [
    "seed",
    "split",
    "delay",
    "stall",
    "stall-ms",
    "cut",
    "cut-read",
    "cut-write",
    "one-way",
];

/// The endpoint as the wrapped transport knows it.
pub(super) fn inner(endpoint: &Endpoint) -> Endpoint {
    OPTIONS
        .iter()
        .fold(endpoint.clone().without_fault(), |endpoint, key| {
            endpoint.without_option(key)
        })
}

/// An endpoint of the wrapped transport as ours, with the plan's part of `asked`.
pub(super) fn outer(inner: &Endpoint, asked: &Endpoint) -> Endpoint {
    let outer = inner.clone().with_fault();
    OPTIONS.iter().fold(outer, |outer, key| {
        match asked.option(key) {
            // An endpoint that grew by a port number can leave no room for it.
            Some(value) => outer.clone().with_option(key, value).unwrap_or(outer),
            None => outer,
        }
    })
}

/// Changes the plan by what the endpoint says; the error says what to write instead.
pub(super) fn apply(mut plan: Plan, endpoint: &Endpoint) -> Result<Plan, String> {
    if let Some(seed) = number(endpoint, "seed")? {
        plan.seed = seed;
    }
    if let Some(split) = probability(endpoint, "split")? {
        plan.split = split;
    }
    if let Some(delay) = probability(endpoint, "delay")? {
        plan.delay = delay;
    }
    if let Some(stall) = probability(endpoint, "stall")? {
        plan.stall = stall;
    }
    if let Some(ms) = number(endpoint, "stall-ms")? {
        let longest = Duration::from_millis(ms);
        if !(MIN_STALL..=MAX_STALL).contains(&longest) {
            let most = format!("a whole number from 1 to {}", MAX_STALL.as_millis());
            return Err(bad(endpoint, "stall-ms", &most, "20"));
        }
        plan.longest_stall = longest;
    }
    if let Some(byte) = number(endpoint, "cut")? {
        plan = plan.cut_at(byte);
    }
    if let Some(byte) = number(endpoint, "cut-read")? {
        plan = plan.cut_read_at(byte);
    }
    if let Some(byte) = number(endpoint, "cut-write")? {
        plan = plan.cut_write_at(byte);
    }
    match endpoint.option("one-way") {
        None => {}
        Some("0") => plan.one_way = false,
        Some("1") => plan.one_way = true,
        Some(_) => return Err(bad(endpoint, "one-way", "0 or 1", "1")),
    }
    Ok(plan)
}

fn number(endpoint: &Endpoint, key: &str) -> Result<Option<u64>, String> {
    let Some(value) = endpoint.option(key) else {
        return Ok(None);
    };
    // `u64::from_str` alone would take `+7`.
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    match value.parse() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(bad(endpoint, key, "a whole number below 2^64", "7")),
    }
}

fn probability(endpoint: &Endpoint, key: &str) -> Result<Option<f64>, String> {
    let Some(value) = endpoint.option(key) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(number) if is_probability(number) => Ok(Some(number)),
        _ => Err(bad(
            endpoint,
            key,
            "a probability: a number from 0 to 1",
            "0.25",
        )),
    }
}

fn bad(endpoint: &Endpoint, key: &str, expected: &str, example: &str) -> String {
    format!(
        "option `{key}` is `{}`, not {expected}: write it as in `{}?{key}={example}`",
        endpoint.option(key).unwrap_or_default(),
        inner(endpoint).with_fault()
    )
}
