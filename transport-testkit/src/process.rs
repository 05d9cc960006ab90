//! A test's second process: its own program once more, in another role.
//!
//! ```no_run
//! use transport_testkit::process::{given, start, tell, wait_for_word};
//!
//! # /*
//! #[test]
//! # */
//! fn a_listener() {
//!     // Not a test by itself: only what the other process does.
//!     let Some(at) = given() else { return };
//!     // ... listens at `at` ...
//!     tell("listening");
//!     wait_for_word();
//! }
//!
//! # /*
//! #[test]
//! # */
//! fn a_killed_listener_is_lost() {
//!     let mut other = start("a_listener", "tcp://127.0.0.1:7000/server");
//!     assert_eq!(other.hear(), "listening");
//!     other.kill();
//!     // ...
//! }
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use crate::across::this_test;

/// The variable of the environment with what a role is given to know.
pub const ROLE: &str = "TESTKIT_ROLE";
/// Begins the lines that a role tells; all others are the test harness's.
const MARK: &str = "\u{1}says ";

/// A process in a role. It is killed, by its id, when this is dropped.
///
/// Its functions panic where something goes wrong with it: it is part of a test.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

/// Starts this test program again, to run the test function `role` alone; there, [`given`] returns `given`. A function in
/// a module is named with its path.
pub fn start(role: &str, given: &str) -> Process {
    Process::spawn(command(role, given))
}

/// The command that [`start`] runs.
pub fn command(role: &str, given: &str) -> Command {
    let mut command = this_test(role)();
    command.arg("--nocapture").env(ROLE, given);
    command
}

/// In the other process: what it was given. Else `None`: nobody has started this role, and it is no test.
pub fn given() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// In the other process: tells the test a line. From any thread.
pub fn tell(line: &str) {
    let mut out = io::stdout().lock();
    let told = out.write_all(format!("\n{MARK}{line}\n").as_bytes());
    told.and_then(|()| out.flush()).expect("the test listens");
}

/// In the other process: blocks until the test [says](Process::say) a line, once for each; `false`: it says no more, as it
/// has ended, or waits for this process to [end](Process::ended).
pub fn wait_for_word() -> bool {
    io::stdin()
        .read_line(&mut String::new())
        .is_ok_and(|n| n > 0)
}

impl Process {
    /// Starts a process by a command that runs, in the end, one of [`command`]'s.
    pub fn spawn(mut command: Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("another process can be started");
        Process {
            stdin: child.stdin.take(),
            said: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Blocks for the next line that it [tells](tell), without a limit: a process that hangs is to end by a limit of its
    /// own, and then this panics.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let n = self.said.read_line(&mut line).expect("text");
            assert!(n > 0, "the other process has ended and told nothing");
            if let Some(told) = line.strip_prefix(MARK) {
                return told.trim_end().to_owned();
            }
        }
    }

    /// Writes a line to its standard input: the word that [`wait_for_word`] waits for.
    #[track_caller]
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it was not told to end");
        let said = stdin.write_all(format!("{line}\n").as_bytes());
        said.expect("the other process listens");
    }

    /// `kill -9`, and waits until it is gone. Its standard input stays open, for whoever else has it.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Closes its standard input, and waits until it has ended by itself, without a limit.
    pub fn ended(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        // Nobody can end who is not listened to.
        let _ = io::copy(&mut self.said, &mut io::sink());
        self.child.wait().expect("it is ours")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
