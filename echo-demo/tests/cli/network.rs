//! Over TCP: in one process, in two, and at endpoints of every kind at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{demo, document, noise, piped, run, text};

/// `echo-demo serve` in a process of its own.
pub struct Server {
    pub child: Child,
    said: BufReader<ChildStdout>,
    /// Where it listens.
    pub at: Vec<String>,
}

impl Server {
    pub fn start(args: &[&str]) -> Server {
        Server::run(&mut demo(
            &[&["serve", "--json", "--until-eof"], args].concat(),
        ))
    }

    /// The command is to be `serve --json --until-eof`.
    pub fn run(command: &mut Command) -> Server {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let at = Vec::new();
        let mut server = Server { child, said, at };
        let event = server.next();
        assert_eq!(event["event"], "listening", "{event}");
        let at = event["endpoints"].as_array().unwrap().iter();
        server.at = at.map(|at| at.as_str().unwrap().to_owned()).collect();
        server
    }

    /// The next thing that it tells.
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Whether it ends, without being told to, before the limit.
    pub fn ends_within(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Ends its standard input, and gives what it told of each channel.
    pub fn end(mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both do nothing after `end`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn passed(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = document(output);
    assert_eq!(report["passed"], true, "{report}");
    report
}

// shows E2, E3
#[test]
fn the_formal_test_passes_in_one_process_and_in_two() {
    for transport in ["tcp", "tls", "tcp+plain", "tls+plain"] {
        for (spawn, runs) in [(&[][..], "here"), (&["--spawn"][..], "spawned")] {
            for what in ["bytes", "messages"] {
                for server in ["blocking", "poller"] {
                    let args = ["test", "--json", "-t", transport, "--as", what];
                    let output = run(&[&args[..], &["--server", server], spawn].concat());
                    let report = passed(&output);
                    assert_eq!(report["client"]["echoed"], 256);
                    assert_eq!(report["client"]["disconnected"], true);
                    assert_eq!(report["server_runs"], runs);
                    assert_eq!(report["server"]["end"], "orderly");
                    if !transport.ends_with("plain") && what == "messages" {
                        assert_eq!(report["client"]["receipt"], "complete");
                    }
                }
            }
        }
    }
}

// shows E2
#[test]
fn the_formal_test_says_where_it_was() {
    let output = run(&["--transport", "tcp"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    for part in ["Echo test at tcp://127.0.0.1:", "/echo", "PASSED"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(!said.contains(":0/"), "{said}");
    let output = run(&["test", "--transport", "tcp", "--spawn"]);
    assert!(
        text(&output.stdout).contains("second process"),
        "{output:?}"
    );
}

// shows E2
#[test]
fn one_server_is_met_at_each_of_its_endpoints_by_the_clients_argument_alone() {
    let server = Server::start(&[
        "-e",
        "mem://echo",
        "-e",
        "tcp://127.0.0.1:0/echo",
        "-e",
        "tcp+plain://127.0.0.1:0",
        "-e",
        "tcp://[::1]:0/echo",
    ]);
    let input = noise(300_000);
    let mut clients = 0;
    for at in &server.at {
        for args in [&["--endpoint", at][..], &["-c", "512", "--endpoint", at]] {
            let output = piped(&[&["client"], args].concat(), input.clone());
            assert_eq!(output.status.code(), Some(0), "{at}: {output:?}");
            assert!(output.stdout == input, "{at}: not the same bytes");
            clients += u64::from(!at.starts_with("mem"));
        }
    }
    let served = server.end();
    assert_eq!(served.len() as u64, clients);
    for one in &served {
        assert_eq!(one["bytes"], 300_000);
        assert_eq!(one["end"], "orderly", "{one}");
    }
    let named = served.iter().filter(|one| one["client"] == "client");
    assert_eq!(named.count(), 4);
}

// shows E2
#[test]
fn a_load_over_tcp_is_verified() {
    for args in [
        &["-n", "200", "-b", "20KiB"][..],
        &["-n", "40", "-b", "50001", "--as", "messages", "--spawn"],
        &["-n", "40", "-b", "50001", "--spawn", "--server", "blocking"],
    ] {
        let report = passed(&run(&[&["load", "--json", "-t", "tcp"], args].concat()));
        assert_eq!(report["connected_clients"], report["clients"]);
        assert_eq!(report["failed_clients"], 0);
        assert_eq!(report["server"]["orderly_ends"], report["clients"]);
    }
}

// shows E2: one server, memory and network at once
#[test]
fn a_load_over_all_transports_at_once_is_verified() {
    for what in ["bytes", "messages"] {
        let args = [
            "load",
            "--json",
            "-t",
            "mem,tcp,tls,tcp+plain",
            "--as",
            what,
        ];
        let report = passed(&run(&[&args[..], &["-n", "32", "-b", "100KiB"]].concat()));
        let endpoints = report["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), 4);
        assert_eq!(report["server"]["channels"], 32);
        assert_eq!(report["server"]["bytes"], 32 * 100 * 1024);
    }
}

// shows E2: more files than the usual limit of a shell
#[cfg(unix)]
#[test]
fn a_load_of_more_clients_than_the_soft_limit_on_open_files_passes() {
    let demo = env!("CARGO_BIN_EXE_echo-demo");
    let load = format!("ulimit -Sn 100; exec '{demo}' load --json -t tcp -n 100 -b 1KiB");
    let output = Command::new("sh").args(["-c", &load]).output();
    assert_eq!(passed(&output.unwrap())["server"]["orderly_ends"], 100);
}

// shows E2
#[test]
fn a_bench_over_a_network_measures_each_size() {
    for args in [
        &["--size", "1,64KiB"][..],
        &["--size", "1,1MiB", "--as", "messages", "--batch"],
        &["--size", "1,64KiB", "--spawn"],
    ] {
        for transport in ["tcp", "tls"] {
            let bench = ["bench", "--json", "-t", transport, "--seconds", "0.1"];
            let output = run(&[&bench[..], args].concat());
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let report = document(&output);
            let sizes = report["sizes"].as_array().unwrap();
            assert_eq!(sizes.len(), 2);
            for row in sizes {
                assert!(row["round_trips"].as_u64().unwrap() > 0, "{row}");
                assert!(row["bytes_per_second"].as_f64().unwrap() > 0.0, "{row}");
                assert!(row["latency_ns"]["p99"].as_u64().unwrap() > 0, "{row}");
            }
        }
    }
}

// shows C6, E3
#[test]
fn a_server_that_is_killed_under_a_client_is_told_as_lost() {
    let mut server = Server::start(&["-e", "tcp://127.0.0.1:0/echo"]);
    let mut client = demo(&["client", "-e", &server.at[0]])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its standard input stays open: the news alone ends it.
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(b"hello").unwrap();
    let stdout = client.stdout.as_mut().unwrap();
    stdout.read_exact(&mut [0; 5]).unwrap();
    server.child.kill().unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("lost"), "{output:?}");
    drop(stdin);
}

// shows C6
#[test]
fn a_client_that_is_killed_is_told_as_lost_and_disturbs_nobody() {
    for style in ["blocking", "poller"] {
        let server = Server::start(&["-e", "tcp://127.0.0.1:0/echo", "--server", style]);
        let mut client = demo(&["client", "-e", &server.at[0]])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"hello").unwrap();
        let stdout = client.stdout.as_mut().unwrap();
        stdout.read_exact(&mut [0; 5]).unwrap();
        client.kill().unwrap();
        client.wait().unwrap();
        passed(&run(&["test", "--json", "-e", &server.at[0]]));
        let served = server.end();
        assert_eq!(served.len(), 2, "{served:?}");
        let lost = served.iter().filter(|one| one["end"]["lost"].is_string());
        assert_eq!(lost.count(), 1, "{served:?}");
    }
}

// shows E3, B3: each with what to do next
#[test]
fn what_does_not_fit_the_server_is_told() {
    let server = Server::start(&[
        "-e",
        "tcp://127.0.0.1:0/echo",
        "-e",
        "tcp+plain://127.0.0.1:0",
    ]);
    let other = server.at[0].replace("/echo", "/desk");
    let bare = server.at[0].replace("tcp:", "tcp+plain:");
    let spoken = server.at[1].replace("tcp+plain:", "tcp:");
    let spoken_to = spoken.split('?').next().unwrap();
    let taken = server.at[0].clone();
    for (args, hint) in [
        (["test", "-e", &other], "without /NAME"),
        (["test", "-e", &spoken], "--port"),
        (
            ["test", "-e", spoken_to],
            "then use +plain)? The server prints",
        ),
        (["test", "-e", &bare], "does an echo server listen there"),
        (["serve", "-e", &taken], "port 0 for any free one"),
    ] {
        let output = run(&args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(hint), "{args:?}: {hint:?} in {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    }
    let late = ["test", "-e", &server.at[0], "-p", "8", "--timeout", "0.2"];
    let output = run(&late);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("with the same --port"));
    server.end();
}

// shows E3
#[test]
fn a_second_process_that_cannot_serve_is_told_with_its_reason() {
    let first = Server::start(&["-e", "tcp://127.0.0.1:0/echo"]);
    let output = run(&["test", "--spawn", "-e", &first.at[0]]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a second process"), "{said}");
    assert!(said.contains("taken"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
