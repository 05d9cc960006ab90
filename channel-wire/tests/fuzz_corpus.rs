//! What the fuzzer has kept, replayed: see the workspace's `fuzz`.
#![allow(dead_code, reason = "the fuzzer's file serves other targets as well")]

#[path = "../../fuzz/src/targets/hello.rs"]
mod hello;
#[path = "../../fuzz/src/input.rs"]
mod input;
#[path = "../../fuzz/src/targets/record.rs"]
mod record;
#[path = "../../fuzz/src/replay.rs"]
mod replay;

// shows T3
#[test]
fn hello_corpus() {
    replay::replay("hello", hello::run);
}

// shows C1, C6, T3
#[test]
fn record_corpus() {
    replay::replay("record", record::run);
}
