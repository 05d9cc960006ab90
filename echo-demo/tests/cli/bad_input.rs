//! Each mistake has an exit status and a line that says what to do next.

use std::fs::File;

use super::{demo, document, run, text};

// shows E3, and the bad input of B and C
#[test]
fn bad_input_is_told_with_what_to_do_next() {
    let cases: &[(&[&str], i32, &str)] = &[
        (&["serve"], 1, "run `echo-demo client`"),
        (
            &["--capacity", "0"],
            1,
            "--capacity: the capacity is 0 bytes; ask for at least 1",
        ),
        (&["--capacity", "2GiB"], 1, "ask for at most"),
        (&["--capacity", "99999999999GiB"], 2, "more bytes than"),
        (&["--capacity", "much"], 2, "64KiB"),
        (&["--endpoint", "echo"], 2, "scheme://authority"),
        (&["--endpoint", "mem://"], 1, "1 to 255 letters"),
        (&["--endpoint", "mem://echo?x=1"], 1, "knows no option `x`"),
        (&["--endpoint", "warp://echo"], 1, "known here: mem, "),
        (&["--transport", "warp"], 1, "known here: mem, "),
        (&["load", "-t", "warp"], 1, "known here: mem, "),
        (&["bench", "-t", "warp"], 1, "known here: mem, "),
        (&["client", "-t", "warp"], 1, "known here: mem, "),
        (&["serve", "-t", "warp"], 1, "known here: mem, "),
        (&["-t", "mem", "-e", "mem://echo"], 2, "cannot be used with"),
        (&["--port", "65536"], 2, "65535"),
        (&["--timeout", "soon"], 2, "200ms"),
        (&["load", "-n", "0"], 2, "1..=100000"),
        (
            &["load", "-n", "100000", "-c", "1GiB"],
            1,
            "a smaller --capacity",
        ),
        (
            &["load", "-n", "5000", "--server", "blocking"],
            1,
            "--server poller",
        ),
        (&["bench", "--size", "0"], 2, "1 or more"),
        (&["bench", "--seconds", "0"], 2, "at least 0.01"),
        (&["--as", "words"], 2, "bytes, messages"),
        (&["--max-message", "5"], 1, "add --as messages"),
        (&["load", "--size", "5"], 1, "add --as messages"),
        (&["bench", "--batch"], 1, "add --as messages"),
        (
            &["bench", "--as", "messages", "--size", "17MiB"],
            1,
            "a larger --max-message",
        ),
        (
            &["load", "--as", "messages", "--max-message", "5"],
            1,
            "a smaller --size",
        ),
        (&["load", "--as", "messages", "--size", "0"], 2, "1 or more"),
        (
            &["--as", "messages", "--max-message", "5GiB"],
            2,
            "just below 4GiB",
        ),
        (&["serve", "--as", "messages"], 1, "run `echo-demo client`"),
        (&["sing"], 2, "unrecognized subcommand"),
        (&["-t", "tcp://127.0.0.1:7"], 2, "as --endpoint"),
        (&["-t", "TCP"], 2, "lower-case"),
        (&["test", "--spawn"], 1, "as in --transport tcp"),
        (
            &["load", "--spawn", "-t", "tcp,mem"],
            1,
            "leave --spawn out",
        ),
        (&["test", "-t", "mem,tcp"], 1, "takes one"),
        (
            &["client", "-e", "mem://a", "-e", "mem://b"],
            1,
            "takes one",
        ),
        (
            &["load", "-e", "mem://a", "-e", "mem://b"],
            1,
            "the same name",
        ),
        (
            &["client", "-e", "tcp://127.0.0.1:1/echo"],
            1,
            "`echo-demo serve --endpoint tcp://127.0.0.1:1/echo`",
        ),
        (&["test", "-e", "tcp://127.0.0.1:1"], 1, "refused"),
        (&["load", "-e", "tcp://127.0.0.1:1"], 1, "refused"),
        (&["bench", "-e", "tcp+plain://127.0.0.1:1"], 1, "refused"),
        (&["client", "-e", "tcp://127.0.0.1"], 1, "write `host:port`"),
        (&["serve", "-e", "tcp://127.0.0.1"], 1, "write `host:port`"),
        (
            &["test", "-e", "tcp://127.0.0.1:0/echo?nodely=1"],
            1,
            "nodelay",
        ),
        (
            &["serve", "-e", "tcp://192.0.2.1:0/echo"],
            1,
            "take an address of this machine",
        ),
        (&["serve", "-t", "tls"], 1, "`echo-demo certs DIR`"),
        (&["client", "-t", "tls"], 1, "`echo-demo certs DIR`"),
        (
            &["load", "-e", "tls://127.0.0.1:1?ca=/none/ca.pem"],
            1,
            "`echo-demo certs DIR`",
        ),
        (
            &[
                "certs",
                concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/in"),
            ],
            1,
            "a directory that can be written",
        ),
        (&["certs"], 2, "<DIR>"),
        (&["usb"], 2, "rule"),
        (&["usb", "rule", "1d6b:10"], 2, "as in 1d6b:0104"),
        (
            &["test", "-e", "tcp+plain://127.0.0.1:0?port=9", "-p", "8"],
            1,
            "leave out --port",
        ),
        (
            &["serve", "-e", "tcp+plain://127.0.0.1:0?port=x"],
            1,
            "not a broker's port",
        ),
    ];
    for (args, status, hint) in cases {
        let output = run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {hint:?} in {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
        if *status == 1 {
            assert!(said.starts_with("echo-demo: error: "), "{args:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        }
    }
}

// shows E3
#[test]
fn with_json_an_error_is_a_document_too() {
    let output = run(&["load", "-t", "warp", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report = document(&output);
    assert!(report["error"].as_str().unwrap().contains("known here"));
}

// shows E3
#[test]
fn input_and_output_that_cannot_be_used_are_told() {
    let directory = File::open(env!("CARGO_MANIFEST_DIR")).unwrap();
    let output = demo(&["client"]).stdin(directory).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("standard input"),
        "{output:?}"
    );

    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let output = demo(&[]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains("standard output"),
            "{output:?}"
        );
    }
}
