//! A second process: this test program once more, in another role.

use std::fs;
use std::process::Command;

use rustix::time::{ClockId, clock_gettime};
pub use transport_testkit::process::{given, tell, wait_for_word};
use transport_testkit::{across, process};

/// What every other process runs: what it is given says what that is.
const TEST: &str = "the_other_process";

pub struct Process {
    process: process::Process,
    /// What was heard, and is not asked for yet.
    heard: Vec<String>,
}

/// Starts a process in a role, with what the role is given.
pub fn start(role: &str) -> Process {
    start_as(role, |_| {})
}

/// The same, with something changed about the process.
pub fn start_as(role: &str, change: impl FnOnce(&mut Command)) -> Process {
    let mut command = process::command(TEST, role);
    command.arg("--include-ignored");
    change(&mut command);
    Process {
        process: process::Process::spawn(command),
        heard: Vec::new(),
    }
}

/// This program, as another process.
pub fn command() -> Command {
    let mut command = across::this_test(TEST)();
    command.arg("--include-ignored");
    command
}

/// Nanoseconds on a clock that all processes share.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Process {
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What the child tells behind this word, sooner or later, or has told.
    #[track_caller]
    pub fn hear(&mut self, word: &str) -> String {
        loop {
            let told = |line: &String| line.split(' ').next() == Some(word);
            if let Some(at) = self.heard.iter().position(told) {
                let line = self.heard.remove(at);
                return line[word.len()..].trim_start().to_owned();
            }
            let line = self.process.hear();
            self.heard.push(line);
        }
    }

    /// The same, where what follows is numbers.
    #[track_caller]
    pub fn numbers(&mut self, word: &str) -> Vec<u64> {
        let said = self.hear(word);
        let numbers = said.split_whitespace().map(str::parse);
        let numbers: Result<_, _> = numbers.collect();
        numbers.unwrap_or_else(|_| panic!("no numbers behind \"{word}\": {said}"))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Has it end in an orderly way, and waits for that.
    #[track_caller]
    pub fn end(mut self) {
        let status = self.process.ended();
        assert!(status.success(), "{status}");
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub threads: usize,
    pub descriptors: usize,
    /// Memory that is no file's, in KiB.
    pub memory: usize,
}

/// What a process holds now.
pub fn held(id: u32) -> Held {
    let count = |what: &str| fs::read_dir(format!("/proc/{id}/{what}")).unwrap().count();
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let memory = memory.unwrap().trim().trim_end_matches(" kB");
    Held {
        threads: count("task"),
        descriptors: count("fd"),
        memory: memory.trim().parse().unwrap(),
    }
}
