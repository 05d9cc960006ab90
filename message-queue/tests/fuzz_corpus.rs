//! What the fuzzer has kept, replayed: see the workspace's `fuzz`.
#![allow(dead_code, reason = "the fuzzer's file serves other targets as well")]

#[path = "../../fuzz/src/input.rs"]
mod input;
#[path = "../../fuzz/src/targets/message.rs"]
mod message;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

// shows M2, M4
#[test]
fn message_corpus() {
    replay::replay("message", message::run);
}
