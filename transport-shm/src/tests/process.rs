//! A second process: this test program once more, in a role.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use channel::{Endpoint, ListenError};
use rustix::io::{FdFlags, fcntl_setfd};

use super::settings;
use crate::claim::Claim;

const ROLE: &str = "TRANSPORT_SHM_TEST_ROLE";
/// Begins the lines that a role says; all others are the test harness's.
const MARK: &str = "\u{1}says ";

/// Ended with the test, by its id.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
}

/// Starts a process in a role: `hold ENDPOINT`, and so on, below.
pub fn start(role: &str) -> Process {
    start_by(Command::new(std::env::current_exe().unwrap()), role)
}

/// As [`start`], by a command that runs a program with its arguments.
pub fn start_by(mut command: Command, role: &str) -> Process {
    let mut child = command
        .args(["--exact", "tests::process::the_other_process"])
        .args(["--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Process {
        stdin: child.stdin.take(),
        says: BufReader::new(child.stdout.take().unwrap()),
        child,
    }
}

/// A process that has taken the name of `at`.
pub fn holder(at: &Endpoint) -> Process {
    let mut process = start(&format!("hold {at}"));
    assert_eq!(process.hear(), "won");
    process
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn order(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The next line that it says.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let n = self.says.read_line(&mut line).unwrap();
            assert!(n > 0, "the other process has ended and said nothing");
            if let Some(said) = line.strip_prefix(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    /// `kill -9`. What it has left behind lives on until its standard input is closed, by the drop of this.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (role, argument) = role.split_once(' ').unwrap_or((&role, ""));
    match role {
        "hold" => hold(&argument.parse().unwrap(), false),
        "bequeath" => hold(&argument.parse().unwrap(), true),
        "bequeath-channels" => super::heirs::bequeath_channels(&argument.parse().unwrap()),
        "race" => race(&argument.parse().unwrap()),
        "connect" => super::namespaces::tell_who_listens(&argument.parse().unwrap()),
        "names" => super::claims::tell_of_names(),
        "descriptors" => super::bad_input::run_out_of_descriptors(argument.as_ref()),
        "small-files" => super::bad_input::keep_to_small_files(),
        "cycles" => super::claims::count_descriptors(argument.as_ref()),
        _ => panic!("no role `{role}`"),
    }
}

/// Tells the parent.
pub fn tell(line: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("\n{MARK}{line}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
}

fn outcome(claim: &Result<Claim, ListenError>) -> String {
    match claim {
        Ok(_) => "won".into(),
        Err(ListenError::NameTaken { .. }) => "taken".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// Takes a name and keeps it until it is killed. With `heir`, a child has the socket, too, and ends when
/// the test closes the standard input.
fn hold(at: &Endpoint, heir: bool) {
    let claim = Claim::new(&settings(at));
    if let (Ok(claim), true) = (&claim, heir) {
        fcntl_setfd(claim.as_fd(), FdFlags::empty()).unwrap();
        let mut child = Command::new("cat");
        child.stdout(Stdio::null()).stderr(Stdio::null());
        #[expect(clippy::zombie_processes, reason = "it outlives this process")]
        child.spawn().unwrap();
    }
    tell(&outcome(&claim));
    loop {
        thread::park();
    }
}

/// At each `claim`, two threads try to take the name; at each `drop`, it is given back.
fn race(at: &Endpoint) {
    let settings = settings(at);
    let mut won = Vec::new();
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "claim" => {
                let claim = || Claim::new(&settings);
                let (mine, other) = thread::scope(|scope| {
                    let other = scope.spawn(claim);
                    (claim(), other.join().unwrap())
                });
                tell(&format!("{} {}", outcome(&mine), outcome(&other)));
                won.extend([mine, other].into_iter().flatten());
            }
            _ => {
                won.clear();
                tell("dropped");
            }
        }
    }
}
