//! The other process of a measurement.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long the other process may take to end after the first one has: some clean up.
const GRACE: Duration = Duration::from_secs(5);

/// The other process, as the one with the clock sees it. Dropping it waits for its end.
pub(super) struct Other {
    child: Child,
    /// The other process ends when this is closed.
    stdin: Option<ChildStdin>,
    /// Whether it may end.
    is_over: Arc<AtomicBool>,
    /// Where it listens.
    pub(super) at: String,
}

impl Other {
    /// Starts this program again, with those arguments.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut at = String::new();
        stdout.read_line(&mut at).expect("where it listens");
        assert!(!at.is_empty(), "the other process of {arguments:?} failed");
        let is_over = Arc::new(AtomicBool::new(false));
        let may_end = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let _ = stdout.read_to_end(&mut Vec::new());
            // Without this the process with the clock might spin for ever.
            if !may_end.load(Ordering::SeqCst) {
                eprintln!("the other process ended too early");
                std::process::exit(1);
            }
        });
        Self {
            child,
            stdin,
            is_over,
            at: at.trim().to_owned(),
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(self.stdin.take());
        let ended = self.child.wait().expect("a child");
        if !std::thread::panicking() {
            assert!(ended.success(), "the other process: {ended}");
        }
    }
}

/// The process with the clock, as the other one sees it.
pub(super) struct First(Receiver<()>);

impl First {
    /// Tells it where this process listens. From now on this process ends with it.
    pub(super) fn tell(at: &str) -> Self {
        let (over, is_over) = channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            // Nobody waits yet if the first one ended early.
            let _ = over.send(());
            std::thread::sleep(GRACE);
            std::process::exit(1);
        });
        println!("{at}");
        Self(is_over)
    }

    /// Waits until it is through.
    pub(super) fn wait(self) {
        self.0.recv().expect("the thread that watches it");
    }
}
