//! The program as a user meets it.

mod bad_input;
#[cfg(target_os = "linux")]
mod links;
mod messages;
mod network;
mod plain;
#[cfg(target_os = "linux")]
mod shared_memory;
mod tls;
#[cfg(feature = "usb")]
mod usb;

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

fn demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_echo-demo"));
    command.args(args).stdin(Stdio::null());
    // A machine under load may need longer than people want to wait.
    if !args.is_empty() && !args.contains(&"--timeout") {
        command.args(["--timeout", "60"]);
    }
    command
}

fn run(args: &[&str]) -> Output {
    demo(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The one document on standard output.
fn document(output: &Output) -> Value {
    let text = text(&output.stdout);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}

/// Runs with `input` in a pipe.
fn piped(args: &[&str], input: Vec<u8>) -> Output {
    fed(&mut demo(args), input)
}

fn fed(command: &mut Command, input: Vec<u8>) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    output
}

/// Bytes without a pattern, the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

// shows E1, E3
#[test]
fn without_arguments_the_formal_test_passes_and_says_what_it_did() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    for part in [
        "mem://echo, port 7",
        "\"client\" and \"echo\" met",
        "0 to 255",
        "256 bytes",
        "end of stream",
        "disconnected",
        "PASSED",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(output.stderr.is_empty(), "{output:?}");
}

// shows E1, E2
#[test]
fn the_formal_test_as_json_tells_what_both_sides_saw() {
    let output = run(&["test", "--json", "--transport", "mem", "--port", "65535"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let report = document(&output);
    assert_eq!(report["command"], "test");
    assert_eq!(report["endpoint"], "mem://echo");
    assert_eq!(report["port"], 65535);
    assert_eq!(report["passed"], true);
    assert_eq!(report["client"]["echoed"], 256);
    assert_eq!(report["client"]["end_of_stream"], true);
    assert_eq!(report["client"]["disconnected"], true);
    assert_eq!(report["server"]["bytes"], 256);
    assert_eq!(report["server"]["end"], "orderly");
    assert!(report["client"]["seconds"].as_f64().unwrap() > 0.0);
}

// shows E1
#[test]
fn the_formal_test_passes_with_any_capacity_and_broker() {
    for args in [
        ["--capacity", "1"],
        ["--capacity", "3"],
        ["--capacity", "1GiB"],
        ["--endpoint", "mem://client"],
        ["--timeout", "60000ms"],
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    }
}

// shows E2, C1
#[test]
fn ten_megabytes_through_the_client_come_back_the_same() {
    let input = noise(10_000_000);
    for args in [&["client"][..], &["client", "--capacity", "4KiB"]] {
        let output = piped(args, input.clone());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stdout == input, "{args:?}: not the same bytes");
        assert!(output.stderr.is_empty());
    }
}

// shows E2, C5
#[test]
fn half_close_prints_exactly_what_was_typed() {
    for input in ["abc", "", "\n", "one\ntwo"] {
        let output = piped(&["client"], input.into());
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), input);
    }
}

// shows E2
#[test]
fn a_line_comes_back_before_the_next_is_typed() {
    let mut child = demo(&["client"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // No newline: nothing on the way waits for one.
    for word in [&b"hello"[..], b"wor", b"ld\n"] {
        stdin.write_all(word).unwrap();
        let mut back = vec![0; word.len()];
        stdout.read_exact(&mut back).unwrap();
        assert_eq!(back, word);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

// shows E2
#[test]
fn the_client_with_json_checks_instead_of_printing() {
    let output = piped(&["client", "--json"], noise(100_000));
    assert_eq!(output.status.code(), Some(0));
    let report = document(&output);
    assert_eq!(report["passed"], true);
    assert_eq!(report["sent_bytes"], 100_000);
    assert_eq!(report["received_bytes"], 100_000);
}

// shows E3
#[test]
fn a_closed_output_ends_the_client_quietly() {
    let mut child = demo(&["client"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = thread::spawn(move || while stdin.write_all(&[b'x'; 65536]).is_ok() {});
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

// shows E2
#[test]
fn a_load_is_verified_with_either_server() {
    for server in ["poller", "blocking"] {
        let output = run(&[
            "load",
            "-n",
            "40",
            "--bytes",
            "100KiB",
            "--server",
            server,
            "--capacity",
            "4KiB",
            "--json",
        ]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report = document(&output);
        assert_eq!(report["passed"], true);
        assert_eq!(report["connected_clients"], 40);
        assert_eq!(report["verified_bytes"], 40 * 100 * 1024);
        assert_eq!(report["failed_clients"], 0);
        assert_eq!(report["server"]["style"], server);
        assert_eq!(report["server"]["channels"], 40);
        assert_eq!(report["server"]["orderly_ends"], 40);
    }
    let said = run(&["load", "-n", "3", "--bytes", "1"]);
    assert!(text(&said.stdout).contains("PASSED"), "{said:?}");
}

// shows E2
#[test]
fn a_bench_measures_each_size() {
    let args = [
        "bench",
        "--size",
        "1,64,1KiB",
        "--size",
        "100000",
        "--seconds",
        "0.1",
    ];
    let said = run(&args);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    for part in ["p50", "p99.9", "max", "throughput", "97.7 KiB"] {
        assert!(text(&said.stdout).contains(part), "{part:?} in {said:?}");
    }
    assert!(said.stderr.is_empty(), "no progress but on a terminal");

    let output = run(&[&args[..], &["--json"]].concat());
    let report = document(&output);
    let sizes = report["sizes"].as_array().unwrap();
    let expected = [1, 64, 1024, 100_000];
    assert_eq!(sizes.len(), expected.len());
    for (row, size) in sizes.iter().zip(expected) {
        assert_eq!(row["size"], size);
        assert!(row["round_trips"].as_u64().unwrap() > 0);
        assert!(row["bytes_per_second"].as_f64().unwrap() > 0.0);
        let latency = |name: &str| row["latency_ns"][name].as_u64().unwrap();
        let order = ["min", "p50", "p90", "p99", "p99_9", "max"].map(latency);
        assert!(order.is_sorted() && order[0] > 0, "{order:?}");
    }
}
