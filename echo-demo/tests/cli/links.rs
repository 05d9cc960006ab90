//! Over serial lines and pipes: in one process, in two, and with other programs at the other end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::network::{Server, passed};
use super::{demo, document, fed, noise, piped, run, text};

/// `echo-demo line`, and the endpoints of its ends.
struct Line {
    child: Child,
    ends: [String; 2],
    _directory: TempDir,
}

impl Line {
    fn new(args: &[&str]) -> Line {
        let directory = TempDir::new().unwrap();
        Line::at(directory, args)
    }

    fn at(directory: TempDir, args: &[&str]) -> Line {
        let path = directory.path().to_str().unwrap().to_owned();
        let mut child = demo(&[&["line", "--until-eof", "--json", &path], args].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = first_line(&mut child);
        assert_eq!(said["devices"][0], format!("{path}/a"), "{said}");
        let ends = [0, 1].map(|end| said["endpoints"][end].as_str().unwrap().to_owned());
        Line {
            child,
            ends,
            _directory: directory,
        }
    }

    /// Ends its standard input, and waits for it.
    fn end(&mut self) {
        drop(self.child.stdin.take());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Both do nothing after `end`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_line(child: &mut Child) -> Value {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

/// `--endpoint pipe://?run=...` for a command of the shell; there, `$DEMO` is this program.
fn running(scheme: &str, command: &str) -> String {
    format!("--endpoint={scheme}://?run={}", command.replace(' ', "%20"))
}

fn with_demo(args: &[&str]) -> Command {
    let mut command = demo(args);
    command.env("DEMO", env!("CARGO_BIN_EXE_echo-demo"));
    command
}

// shows E2, T5
#[test]
fn the_formal_test_passes_in_one_process_and_in_two() {
    for transport in ["serial", "pipe", "pipe+plain"] {
        for (spawn, runs) in [(&[][..], "here"), (&["--spawn"][..], "spawned")] {
            for (what, server) in [("bytes", "blocking"), ("messages", "poller")] {
                let args = ["test", "--json", "-t", transport, "--as", what];
                let output = run(&[&args[..], &["--server", server], spawn].concat());
                let report = passed(&output);
                assert_eq!(report["client"]["echoed"], 256);
                assert_eq!(report["client"]["end_of_stream"], true);
                assert_eq!(report["server_runs"], runs);
                assert_eq!(report["server"]["end"], "orderly");
                assert_eq!(report["line"].is_object(), transport == "serial");
                if transport != "pipe+plain" && what == "messages" {
                    assert_eq!(report["client"]["receipt"], "complete");
                }
            }
        }
    }
}

// shows E2, T5: what is damaged is sent again
#[test]
fn a_slow_and_bad_line_is_no_different_but_slower() {
    let wire = ["-t", "serial", "--baud", "460800", "--damage", "1/2000"];
    for command in [
        &["test"][..],
        &["test", "--as", "messages", "--spawn", "-c", "1KiB"],
        &["load", "-n", "10", "-b", "1KiB"],
    ] {
        let report = passed(&run(&[command, &wire, &["--json"]].concat()));
        let line = &report["line"];
        assert_eq!(
            (&line["baud"], &line["damage"]),
            (&460_800.into(), &2000.into())
        );
        assert!(line["damaged"].as_u64().unwrap() > 0, "{line}");
    }
    let said = run(&[&["test"], &wire[..]].concat());
    let said = text(&said.stdout);
    assert!(
        said.contains("460800 baud, 1 byte in 2000 damaged"),
        "{said}"
    );
}

// shows E2: one server, reached every way at once
#[test]
fn a_load_over_links_and_others_at_once_is_verified() {
    for (what, spawn) in [
        ("bytes", &["-t", "tcp", "--spawn"][..]),
        ("messages", &["-t", "mem"]),
    ] {
        let args = ["load", "--json", "-t", "serial,pipe", "--as", what];
        let report = passed(&run(
            &[&args[..], spawn, &["-n", "24", "-b", "50001"]].concat()
        ));
        assert_eq!(report["endpoints"].as_array().unwrap().len(), 3);
        assert_eq!(report["server"]["orderly_ends"], 24);
        assert_eq!(report["server"]["bytes"], 24 * 50_001);
    }
}

// shows E2
#[test]
fn a_bench_measures_links() {
    for (transport, spawn) in [("serial", &[][..]), ("pipe", &["--spawn"])] {
        let args = [
            "bench",
            "-t",
            transport,
            "--seconds",
            "0.1",
            "-s",
            "1,64KiB",
        ];
        let report = document(&run(&[&args[..], &["--json"], spawn].concat()));
        assert_eq!(report["sizes"].as_array().unwrap().len(), 2);
    }
    // What is measured, unless it is said, fits to the line.
    let args = ["bench", "--seconds", "0.02", "-t", "serial", "--json"];
    let report = document(&run(&[&args[..], &["--baud", "57600"]].concat()));
    assert_eq!(report["sizes"].as_array().unwrap().len(), 2);
    assert_eq!(report["capacity"], 2048);
}

// shows E2, C1
#[test]
fn any_bytes_come_back_the_same() {
    let input = noise(300_000);
    for transport in ["serial", "pipe", "serial+plain", "pipe+plain"] {
        let output = piped(&["client", "-t", transport], input.clone());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stdout == input, "{transport}: not the same bytes");
    }
}

// shows E2, T5: two programs, and what is between their devices
#[test]
fn two_programs_talk_over_a_line_and_its_devices_are_removed() {
    let mut line = Line::new(&["--damage", "1/2000"]);
    let server = Server::start(&["-e", &line.ends[0]]);
    assert_eq!(server.at, [line.ends[0].clone()]);
    let input = noise(60_000);
    for _ in 0..2 {
        let output = piped(&["client", "-e", &line.ends[1]], input.clone());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout == input, "not the same bytes");
    }
    let report = passed(&run(&[
        "test",
        "--json",
        "--as=messages",
        "-e",
        &line.ends[1],
    ]));
    assert_eq!(report["server_runs"], "elsewhere");
    let served = server.end();
    assert_eq!(served.len(), 3);
    assert!(
        served.iter().all(|one| one["end"] == "orderly"),
        "{served:?}"
    );
    line.end();
    assert_eq!(fs::read_dir(line._directory.path()).unwrap().count(), 0);
}

// shows E3
#[test]
fn a_line_that_is_interrupted_leaves_nothing() {
    let mut child = demo(&["line", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = first_line(&mut child);
    let device = Path::new(said["devices"][0].as_str().unwrap()).to_owned();
    assert!(device.exists());
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!device.parent().unwrap().exists());
}

// shows E3, T5
#[test]
fn a_device_that_is_absent_is_waited_for_and_told() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    let [a, b] = ["a", "b"].map(|end| format!("serial://{path}/{end}?baud=12000000"));
    let mut client = demo(&["test", "--json", "-e", &b])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(client.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert!(
        said.contains(&format!("no device {path}/b: waiting")),
        "{said}"
    );
    let server = Server::start(&["-e", &a]);
    let line = Line::at(directory, &[]);
    assert_eq!(line.ends, [a, b]);
    let output = client.wait_with_output().unwrap();
    passed(&output);
    assert_eq!(server.end().len(), 1);
}

// shows E2, T5: a server that is started where it is to run
#[test]
fn a_command_serves_over_its_standard_input_and_output() {
    let input = noise(200_000);
    for scheme in ["pipe", "pipe+plain"] {
        let serve = format!("exec \"$DEMO\" serve --json -e {scheme}://");
        let at = running(scheme, &serve);
        let output = fed(&mut with_demo(&["client", &at]), input.clone());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout == input, "not the same bytes");
        // What it has to tell stays out of them.
        let told: Vec<&str> = text(&output.stderr).lines().collect();
        assert!(told[0].contains("\"listening\""), "{told:?}");
        assert!(told[1].contains("\"orderly\""), "{told:?}");
        passed(&with_demo(&["test", "--json", &at]).output().unwrap());
    }
    let at = running("pipe", "echo welcome; exec \"$DEMO\" serve -t pipe");
    passed(
        &with_demo(&["load", "--json", "-n", "20", "-b", "9999", &at])
            .output()
            .unwrap(),
    );
}

// shows T6, E2
#[test]
fn any_program_that_echoes_passes_the_tests() {
    let at = running("pipe+plain", "cat");
    for what in ["bytes", "messages"] {
        passed(&run(&["test", "--json", &at, "--as", what]));
    }
    let output = piped(&["client", &at], noise(100_000));
    assert!(output.stdout == noise(100_000), "{}", text(&output.stderr));
}

// shows T6, E2
#[test]
fn any_program_gets_its_bytes_back_from_a_bare_line() {
    let line = Line::new(&[]);
    let [server, device] = &line.ends;
    let at = server.replacen("serial:", "serial+plain:", 1);
    let server = Server::start(&["-e", &at]);
    let path = device.strip_prefix("serial://").unwrap();
    let path = path.split('?').next().unwrap();
    let (mut from, mut to) = (File::open(path).unwrap(), File::create(path).unwrap());
    for word in [&b"hello"[..], &noise(2000)] {
        to.write_all(word).unwrap();
        let mut back = vec![0; word.len()];
        from.read_exact(&mut back).unwrap();
        assert!(back == word);
    }
    // And of this program, the test, as far as there is something to test.
    drop((from, to));
    let at = device.replacen("serial:", "serial+plain:", 1);
    let report = passed(&run(&["test", "--json", "-e", &at]));
    assert_eq!(report["client"]["end_of_stream"], false);
    server.end();
}

// shows E3
#[test]
fn mistakes_about_links_are_told_with_what_to_do_next() {
    let line = Line::new(&[]);
    let _server = Server::start(&["-e", &line.ends[0]]);
    let in_use = &*line.ends[0];
    let silent = &*line.ends[1];
    let cases: &[(&[&str], &str)] = &[
        (&["test", "--baud", "9600"], "add --transport serial"),
        (
            &["test", "-t", "pipe", "--damage", "1/9"],
            "add --transport serial",
        ),
        (
            &["client", "-e", "pipe://"],
            "write the command that serves",
        ),
        (&["client", "-e", "pipe://?run=false"], "exit status: 1"),
        (&["client", "-e", "pipe://?run="], "write a command"),
        (&["client", "-e", "pipe://?run=cat"], "something echo"),
        (&["serve", "-e", "pipe://box"], "`pipe://?run=COMMAND`"),
        (&["serve", "-e", "serial://ttyUSB0"], "three slashes"),
        (
            &["serve", "-e", "serial:///dev/null?baud=fast"],
            "50 to 12000000",
        ),
        (
            &["serve", "-e", "serial:///dev/null"],
            "not a serial device",
        ),
        (&["serve", "-e", in_use], "in use by process"),
        (&["client", "-e", in_use], "in use by process"),
        (
            &["client", "-e", silent, "-p", "8", "--timeout", "0.5"],
            "the other end of the line",
        ),
        (
            &["client", "-e", "serial:///dev/none", "--timeout", "0.1"],
            "plug it in",
        ),
        (&["load", "-t", "pipe+plain"], "give --clients 1"),
        (&["bench", "-t", "pipe+plain"], "leave `+plain` out"),
        (&["test", "-t", "serial+plain"], "leave `+plain` out"),
        (
            &["load", "-t", "pipe", "-n", "300", "-b", "9"],
            "fewer --clients",
        ),
        (
            &["line", "/dev/null/none"],
            "a directory that can be written",
        ),
    ];
    for (args, hint) in cases {
        let output = run(args);
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {hint:?} in {said}");
    }
    let output = run(&["test", "-t", "serial", "--damage", "seldom"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("1/10000"), "{output:?}");
}
