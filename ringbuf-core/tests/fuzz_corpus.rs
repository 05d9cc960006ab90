//! What the fuzzer has kept, replayed: see the workspace's `fuzz`.
#![cfg(not(any(loom, miri)))]
#![allow(dead_code, reason = "the fuzzer's file serves other targets as well")]

#[path = "../../fuzz/src/input.rs"]
mod input;
#[path = "../../fuzz/src/targets/region.rs"]
mod region;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

// shows R3
#[test]
fn region_corpus() {
    replay::replay("region", region::run);
}
