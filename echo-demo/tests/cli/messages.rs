//! The same program with `--as messages`.

use std::io::{Read, Write};
use std::process::Stdio;

use super::{demo, document, noise, piped, run, text};

// shows E1, E2, E3
#[test]
fn the_formal_test_as_messages_says_what_it_did() {
    let output = run(&["--as", "messages"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    for part in [
        "mem://echo, port 7, as messages",
        "one message each",
        "256 messages",
        "0, 1, 63, 64, 65, 65535, 65536, 65537, 1048576",
        "closed",
        "complete",
        "sent back 265 messages",
        "PASSED",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(output.stderr.is_empty(), "{output:?}");
}

// shows E1, E2
#[test]
fn the_formal_test_as_messages_as_json_tells_what_both_sides_saw() {
    let output = run(&["test", "--json", "--as", "messages", "--capacity", "4KiB"]);
    assert_eq!(output.status.code(), Some(0));
    let report = document(&output);
    assert_eq!(report["as"], "messages");
    assert_eq!(report["passed"], true);
    let client = &report["client"];
    assert_eq!(client["echoed"], 256);
    let sizes = [0, 1, 63, 64, 65, 4095, 4096, 4097, 1 << 20];
    assert_eq!(client["whole_sizes"], serde_json::json!(sizes));
    assert_eq!(client["end_of_stream"], true);
    assert_eq!(client["disconnected"], true);
    assert_eq!(client["receipt"], "complete");
    assert_eq!(report["server"]["messages"], 265);
    assert_eq!(report["server"]["bytes"], 256 + sizes.iter().sum::<i32>());
    assert_eq!(report["server"]["end"], "orderly");

    let bytes = document(&run(&["--json"]));
    assert_eq!(bytes["as"], "bytes");
    assert!(bytes["client"]["whole_sizes"].is_null());
    assert!(bytes["server"]["messages"].is_null());
}

// shows E1, M4
#[test]
fn the_formal_test_as_messages_passes_with_any_capacity_and_limit() {
    for (option, value, sizes) in [
        ("--capacity", "3", 9),
        ("--capacity", "1GiB", 6),
        ("--max-message", "64", 4),
        ("--max-message", "1", 2),
        ("--max-message", "4294967295", 9),
    ] {
        let output = run(&["--as", "messages", option, value, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{option} {value}");
        let report = document(&output);
        let whole = report["client"]["whole_sizes"].as_array().unwrap();
        assert_eq!(whole.len(), sizes, "{option} {value}: {whole:?}");
    }
    let output = run(&["--as", "messages", "--max-message", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("larger --max-message"));
}

// shows E2, M1
#[test]
fn lines_are_messages_and_exactly_what_came_in_goes_out() {
    for input in ["abc", "", "\n", "\n\n", "one\ntwo", "one\r\n\nthree\n"] {
        let output = piped(&["client", "--as", "messages"], input.into());
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), input);
    }
    let input = noise(3_000_000);
    let args = ["client", "--as", "messages", "--capacity", "4KiB"];
    let output = piped(&args, input.clone());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout == input, "not the same bytes");
}

// shows E2
#[test]
fn the_client_of_messages_counts_them() {
    let input = "one\n\nthree".into();
    let output = piped(&["client", "--as", "messages", "--json"], input);
    assert_eq!(output.status.code(), Some(0));
    let report = document(&output);
    assert_eq!(report["as"], "messages");
    assert_eq!(report["passed"], true);
    for way in ["sent", "received"] {
        assert_eq!(report[format!("{way}_messages")], 3);
        assert_eq!(report[format!("{way}_bytes")], 8);
    }
}

// shows E2
#[test]
fn a_message_comes_back_before_the_next_is_typed() {
    let mut child = demo(&["client", "--as", "messages"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for line in [&b"hello\n"[..], b"\n", b"world\n"] {
        stdin.write_all(line).unwrap();
        let mut back = vec![0; line.len()];
        stdout.read_exact(&mut back).unwrap();
        assert_eq!(back, line);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

// shows M4, E3
#[test]
fn a_line_over_the_limit_is_told_after_those_before_it() {
    let args = ["client", "--as", "messages", "--max-message", "5"];
    let output = piped(&args, "short\ntoo long\nnext\n".into());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "short\n");
    let said = text(&output.stderr);
    assert!(said.contains("line 2"), "{said}");
    assert!(said.contains("--max-message"), "{said}");
}

// shows E2
#[test]
fn a_load_of_messages_is_verified_and_timed() {
    for server in ["poller", "blocking"] {
        let args = "load --as messages -n 40 --bytes 100KiB --size 1000 --capacity 4KiB --server";
        let mut args: Vec<_> = args.split(' ').collect();
        args.extend([server, "--json"]);
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report = document(&output);
        assert_eq!(report["as"], "messages");
        assert_eq!(report["passed"], true);
        assert_eq!(report["message_size"], 1000);
        assert_eq!(report["verified_bytes"], 40 * 100 * 1024);
        assert_eq!(report["verified_messages"], 40 * 103);
        assert!(report["verified_messages_per_second"].as_f64().unwrap() > 0.0);
        assert!(report["latency_ns"]["p99"].as_u64().unwrap() > 0);
        assert_eq!(report["server"]["messages"], 40 * 103);
        assert_eq!(report["server"]["orderly_ends"], 40);
    }
    let said = run(&["load", "-n", "3", "--bytes", "1", "--as", "messages"]);
    for part in ["messages/s", "p99.9", "PASSED"] {
        assert!(text(&said.stdout).contains(part), "{part:?} in {said:?}");
    }
    let none = run(&["load", "-n", "3", "--bytes", "0", "--as", "messages"]);
    assert_eq!(none.status.code(), Some(0), "{none:?}");
}

// shows E2
#[test]
fn a_bench_of_messages_measures_each_size() {
    for extra in [&[][..], &["--batch"]] {
        let args = "bench --as messages --size 1,64,100000 --seconds 0.1";
        let mut args: Vec<_> = args.split(' ').collect();
        args.extend(extra);
        let said = run(&args);
        assert_eq!(said.status.code(), Some(0), "{said:?}");
        assert!(text(&said.stdout).contains("messages/s"), "{said:?}");

        args.push("--json");
        let report = document(&run(&args));
        assert_eq!(report["as"], "messages");
        assert_eq!(report["batch"], !extra.is_empty());
        let sizes = report["sizes"].as_array().unwrap();
        assert_eq!(sizes.len(), 3);
        for row in sizes {
            assert!(row["round_trips"].as_u64().unwrap() > 0);
            assert!(row["messages_per_second"].as_f64().unwrap() > 0.0);
            assert!(row["bytes_per_second"].as_f64().unwrap() > 0.0);
            assert!(row["latency_ns"]["p50"].as_u64().unwrap() > 0);
        }
    }
}
