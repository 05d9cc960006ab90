//! What the tests over a cable in memory share.
#![allow(dead_code, reason = "each test program uses a part of it")]

mod bus;
pub mod event;
pub mod hand;
pub mod memory;
pub mod pair;
pub mod plug;
pub mod random;
pub mod strike;
pub mod subject;

use std::time::{Duration, Instant};

/// Far more than anything here takes; a test that hangs fails instead.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits for a condition.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
