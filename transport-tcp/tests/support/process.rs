//! A second process: this test program once more, in another role.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// What the role is given to know.
const GIVEN: &str = "TRANSPORT_TCP_TEST_ROLE";
/// Begins the lines that a role says; all others are the test harness's.
const MARK: &str = "\u{1}says ";

/// Ended with the test, by its id.
pub struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
}

/// Starts the test function `role`, which is the life of a child; there, [`given`] returns `given`.
pub fn start(role: &str, given: &str) -> Process {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--nocapture", "--test-threads=1"])
        .env(GIVEN, given)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let says = BufReader::new(child.stdout.take().unwrap());
    Process { child, says }
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
        self.child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
