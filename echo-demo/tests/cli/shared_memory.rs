//! Through shared memory: in one process and in two.

mod killed;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::network::{Server, passed};
use super::{demo, document, fed, noise, text};

/// Names that nobody else sees.
struct Machine(TempDir);

impl Machine {
    fn new() -> Machine {
        Machine(TempDir::new().unwrap())
    }

    /// The runtime directory, which the first that listens makes.
    fn directory(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn demo(&self, args: &[&str]) -> Command {
        let mut command = demo(args);
        command.env("CHANNEL_RUNTIME_DIR", self.directory());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.demo(args).output().unwrap()
    }

    fn server(&self, args: &[&str]) -> Server {
        let serve = ["serve", "--json", "--until-eof"];
        Server::run(&mut self.demo(&[&serve, args].concat()))
    }

    fn list(&self) -> Vec<Value> {
        let output = self.run(&["list", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        document(&output)["brokers"].as_array().unwrap().clone()
    }

    /// What lies in the runtime directory.
    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.directory()).unwrap();
        files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// It failed, and said in one line what there is to say.
fn failed<'a>(output: &'a Output, hint: &str) -> &'a str {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains(hint), "{hint:?} in {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

// shows E2, E3
#[test]
fn the_formal_test_passes_in_one_process_and_in_two() {
    let machine = Machine::new();
    for (spawn, runs) in [(&[][..], "here"), (&["--spawn"][..], "spawned")] {
        for what in ["bytes", "messages"] {
            for server in ["blocking", "poller"] {
                for transport in ["shm", "shm+plain"] {
                    let args = [
                        "test", "--json", "-t", transport, "--as", what, "--server", server,
                    ];
                    let output = machine.run(&[&args[..], spawn].concat());
                    let report = passed(&output);
                    assert_eq!(report["client"]["echoed"], 256);
                    assert_eq!(report["client"]["disconnected"], true);
                    assert_eq!(report["server_runs"], runs);
                    assert_eq!(report["server"]["end"], "orderly");
                    if what == "messages" && transport == "shm" {
                        assert_eq!(report["client"]["receipt"], "complete");
                    }
                }
            }
        }
    }
    assert_eq!(machine.files(), [""; 0]);
}

// shows E2, T2: another terminal needs to know nothing
#[test]
fn a_server_and_its_clients_meet_without_configuration() {
    let machine = Machine::new();
    let server = machine.server(&["-t", "shm"]);
    assert_eq!(server.at, ["shm://echo"]);
    let input = noise(3_000_000);
    for args in [&[][..], &["-c", "512"]] {
        let args = [&["client", "-t", "shm"], args].concat();
        let output = fed(&mut machine.demo(&args), input.clone());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout == input, "not the same bytes");
    }
    passed(&machine.run(&["test", "--json", "-e", "shm://echo"]));
    let served = server.end();
    assert_eq!(served.len(), 3);
    for one in &served {
        assert_eq!(one["client"], "client");
        assert_eq!(one["end"], "orderly", "{one}");
        let peer = one["peer"].as_str().unwrap();
        assert!(peer.starts_with("shm://pid-"), "{peer}");
    }
    assert_eq!(machine.files(), [""; 0]);
}

// shows E2: one server, by the client's argument alone
#[test]
fn one_server_is_met_in_memory_in_shared_memory_and_over_a_network() {
    let machine = Machine::new();
    let server = machine.server(&["-e", "shm://echo", "-e", "tcp://127.0.0.1:0/echo"]);
    for at in &server.at {
        passed(&machine.run(&["test", "--json", "-e", at]));
    }
    assert_eq!(server.end().len(), 2);
    for what in ["bytes", "messages"] {
        let args = ["load", "--json", "-t", "mem,shm,tcp", "--as", what];
        let output = machine.run(&[&args[..], &["-n", "30", "-b", "100KiB"]].concat());
        let report = passed(&output);
        assert_eq!(report["server"]["channels"], 30);
        assert_eq!(report["server"]["bytes"], 30 * 100 * 1024);
    }
    assert_eq!(machine.files(), [""; 0]);
}

// shows E2
#[test]
fn a_load_is_verified() {
    let machine = Machine::new();
    for args in [
        &["-n", "100", "-b", "50KiB"][..],
        &["-n", "40", "-b", "50001", "--as", "messages", "--spawn"],
        &["-n", "40", "-b", "50001", "--spawn", "--server", "blocking"],
    ] {
        let report = passed(&machine.run(&[&["load", "--json", "-t", "shm"], args].concat()));
        assert_eq!(report["connected_clients"], report["clients"]);
        assert_eq!(report["failed_clients"], 0);
        assert_eq!(report["server"]["orderly_ends"], report["clients"]);
    }
    assert_eq!(machine.files(), [""; 0]);
}

// shows E2
#[test]
fn a_bench_measures_each_size() {
    let machine = Machine::new();
    for args in [
        &["--size", "1,64KiB"][..],
        &["--size", "1,1MiB", "--as", "messages", "--batch", "--spawn"],
    ] {
        let bench = ["bench", "--json", "-t", "shm", "--seconds", "0.1"];
        let output = machine.run(&[&bench[..], args].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for row in document(&output)["sizes"].as_array().unwrap() {
            assert!(row["round_trips"].as_u64().unwrap() > 0, "{row}");
            assert!(row["bytes_per_second"].as_f64().unwrap() > 0.0, "{row}");
        }
    }
}

// shows B1, E3
#[test]
fn a_name_that_is_taken_is_told_with_who_has_it() {
    let machine = Machine::new();
    assert_eq!(machine.list(), [""; 0]);
    let output = machine.run(&["list"]);
    assert!(text(&output.stdout).contains("nobody"), "{output:?}");

    let server = machine.server(&["-t", "shm"]);
    let pid = server.child.id();
    assert_eq!(machine.list().len(), 1);
    assert_eq!(machine.list()[0]["endpoint"], "shm://echo");
    assert_eq!(machine.list()[0]["pid"], pid);
    let output = machine.run(&["list"]);
    assert!(text(&output.stdout).contains(&format!("process {pid}")));

    let output = machine.run(&["serve", "-t", "shm"]);
    let said = failed(&output, "taken");
    assert!(said.contains(&format!("process {pid}")), "{said}");
    assert!(said.contains("`echo-demo list`"), "{said}");
    let output = machine.run(&["test", "--spawn", "-e", "shm://echo"]);
    failed(&output, "a second process");

    let other = machine.server(&["-e", "shm://other"]);
    let names = machine
        .list()
        .into_iter()
        .map(|one| one["endpoint"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["shm://echo", "shm://other"]);
    other.end();
    server.end();
    assert_eq!(machine.files(), [""; 0]);
}

// shows E2: a runtime directory that the endpoint names
#[test]
fn a_directory_of_ones_own_is_listed_with_the_endpoints_to_reach_it() {
    let machine = Machine::new();
    let directory = machine.0.path().join("own");
    let directory = directory.to_str().unwrap();
    let server = machine.server(&["-e", &format!("shm://echo?dir={directory}")]);
    assert_eq!(machine.list(), [""; 0]);
    let listed = document(&machine.run(&["list", directory, "--json"]));
    let at = listed["brokers"][0]["endpoint"].as_str().unwrap();
    passed(&machine.run(&["test", "--json", "-e", at]));
    assert_eq!(server.end().len(), 1);
}

// shows E3, B3: each with what to do next
#[test]
fn what_does_not_fit_is_told() {
    let machine = Machine::new();
    let server = machine.server(&["-e", "shm://echo"]);
    for (args, hint) in [
        (&["test", "-e", "shm://other"][..], "`echo-demo list`"),
        (&["client", "-e", "shm://echo/desk"], "the endpoint that it"),
        (&["client", "-e", "shm://a.b/c?dirr=/"], "write one of: dir"),
        (&["serve", "-e", "shm://echo?dir=here"], "absolute"),
        (&["list", "here"], "absolute"),
        (
            &["serve", "-e", "shm://a", "-e", "shm://b"],
            "the same name",
        ),
        (
            &["test", "-p", "8", "-e", "shm://echo", "--timeout", "0.2"],
            "with the same --port",
        ),
    ] {
        failed(&machine.run(args), hint);
    }
    assert_eq!(server.end().len(), 0);

    fs::set_permissions(machine.directory(), fs::Permissions::from_mode(0o777)).unwrap();
    for args in [
        &["list"][..],
        &["serve", "-t", "shm"],
        &["client", "-t", "shm"],
    ] {
        let output = machine.run(args);
        let said = failed(&output, "run `chmod 700");
        assert!(!said.contains("ports"), "{said}");
    }
}
