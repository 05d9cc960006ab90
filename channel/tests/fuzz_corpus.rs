//! What the fuzzer has kept, replayed: see the workspace's `fuzz`. (Handshake and records:
//! `channel-wire`.)
#![allow(dead_code, reason = "the fuzzer's file serves other targets as well")]

#[path = "../../fuzz/src/targets/endpoint.rs"]
mod endpoint;
#[path = "../../fuzz/src/input.rs"]
mod input;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

// shows B6, T3
#[test]
fn endpoint_corpus() {
    replay::replay("endpoint", endpoint::run);
}
