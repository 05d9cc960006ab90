//! Where randomised tests take their numbers from.

use std::time::{SystemTime, UNIX_EPOCH};

/// The environment variable that repeats a randomised run, of the suite and of
/// [`fault::seed`](crate::fault::seed).
pub const SEED: &str = "TESTKIT_SEED";

/// The seed that [`SEED`] gives, or one of the clock.
///
/// # Panics
/// If the variable is there and not a number.
pub(crate) fn from_environment() -> u64 {
    match std::env::var(SEED) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{SEED} is `{text}`, not a number from 0 to 2^64-1")),
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |time| time.as_nanos() as u64 & 0xffff_ffff),
    }
}
