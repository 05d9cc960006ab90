//! A second process: this test program once more, in another role.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::time::{ClockId, clock_gettime};

/// What the role is given to know.
pub const GIVEN: &str = "TRANSPORT_USB_TEST_ROLE";
/// Begins the lines that a role says; all others are the test harness's.
const MARK: &str = "\u{1}says ";

/// Ended with the test, by its id.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    /// What was heard, and is not asked for yet.
    heard: Vec<String>,
}

/// Starts a process in a role, with what the role is given.
pub fn start(role: &str) -> Process {
    start_as(role, |_| {})
}

/// The same, with something changed about the process.
pub fn start_as(role: &str, change: impl FnOnce(&mut Command)) -> Process {
    let mut command = command();
    command.arg("--nocapture").env(GIVEN, role);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    change(&mut command);
    let mut child = command.spawn().unwrap();
    Process {
        stdin: child.stdin.take(),
        says: BufReader::new(child.stdout.take().unwrap()),
        child,
        heard: Vec::new(),
    }
}

/// This program, as another process.
pub fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "the_other_process",
        "--exact",
        "--include-ignored",
        "--test-threads=1",
    ]);
    command
}

/// In a child: tells the parent.
pub fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{MARK}{line}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
}

/// In a child: waits for the parent's word, or its end.
pub fn wait_for_word() {
    let _ = std::io::stdin().read(&mut [0]);
}

/// Nanoseconds on a clock that all processes share.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
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
            let mut line = String::new();
            let n = self.says.read_line(&mut line).unwrap();
            let heard = &self.heard;
            assert!(
                n > 0,
                "the child has ended and did not tell \"{word}\", but {heard:?}"
            );
            match line.strip_prefix(MARK) {
                Some(said) => self.heard.push(said.trim_end().to_owned()),
                None if line.trim().is_empty() => {}
                None => eprint!("{} says: {line}", self.child.id()),
            }
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
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Has it end in an orderly way, and waits for that.
    #[track_caller]
    pub fn end(mut self) {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.says.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}; it said: {rest}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
