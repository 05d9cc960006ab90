//! What the fuzzer has kept, replayed: see the workspace's `fuzz`.
#![allow(dead_code, reason = "the fuzzer's file serves other targets as well")]

#[path = "../../fuzz/src/input.rs"]
mod input;
#[path = "../../fuzz/src/targets/mux_receive.rs"]
mod mux_receive;
#[path = "../../fuzz/src/targets/noise_decode.rs"]
mod noise_decode;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

// shows C1, C4, C6, C9, T3
#[test]
fn mux_receive_corpus() {
    replay::replay("mux_receive", mux_receive::run);
}

// shows C1, T5
#[test]
fn noise_decode_corpus() {
    replay::replay("noise_decode", noise_decode::run);
}
