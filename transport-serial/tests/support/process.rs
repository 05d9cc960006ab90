//! A second process: this test program once more, in another role.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// What the role is given to know.
const GIVEN: &str = "TRANSPORT_SERIAL_TEST_ROLE";
/// Begins the lines that a role says; all others are the test harness's.
const MARK: &str = "\u{1}says ";

/// Ended with the test, by its id.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
}

/// Starts the test function `role`, which is the life of a child; there, [`given`] returns `given`.
pub fn start(role: &str, given: &str) -> Process {
    let mut child = role_command(role, given)
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

/// The command that [`start`] runs.
pub fn role_command(role: &str, given: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", role, "--nocapture", "--test-threads=1"])
        .env(GIVEN, given);
    command
}

/// For a command of the shell's: has what it runs be given this.
pub fn role_variable(given: &str) -> String {
    format!("{GIVEN}='{given}'")
}

/// In a child, what it was given. Else `None`: nobody has started this role, and it is no test.
pub fn given() -> Option<String> {
    std::env::var(GIVEN).ok()
}

/// In a child: tells the parent.
pub fn tell(line: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("\n{MARK}{line}\n").as_bytes())
        .unwrap();
    out.flush().unwrap();
}

/// In a child: waits for the parent's word, or its end.
pub fn wait_for_word() {
    let _ = std::io::stdin().read(&mut [0]);
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the child tells.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let n = self.says.read_line(&mut line).unwrap();
            assert!(n > 0, "the child has ended and told nothing");
            if let Some(said) = line.strip_prefix(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    /// The word that [`wait_for_word`] waits for.
    pub fn give_word(&mut self) {
        self.stdin.as_mut().unwrap().write_all(b"!").unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// `kill -9`; its standard input stays open.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
