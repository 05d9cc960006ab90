//! The server's process, and what it uses.

use super::Serve;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A server in a process of its own; ended when dropped.
pub struct Watched {
    child: Child,
    // The server ends when this is closed.
    _stdin: ChildStdin,
    /// Where it listens.
    pub at: String,
}

/// What a process uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Resident bytes.
    pub resident: u64,
    /// Bytes that no other process has, and that it has written to.
    pub private: u64,
    /// Threads.
    pub threads: usize,
    /// Open descriptors.
    pub descriptors: usize,
    /// Processor time of all its threads.
    pub cpu: Duration,
}

impl Watched {
    /// Starts this program again, with `--serve NAME`.
    pub fn start(name: &str) -> Watched {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let stdin = child.stdin.take().expect("a pipe");
        let mut at = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        let line = BufReader::new(stdout).read_line(&mut at);
        line.expect("where it listens");
        Watched {
            child,
            _stdin: stdin,
            at: at.trim().to_owned(),
        }
    }

    /// What it uses now.
    pub fn usage(&self) -> Usage {
        usage(self.child.id())
    }

    /// What it uses when it holds as much as `before`, or after ten seconds: the last connections may
    /// be closing still.
    pub fn settled(&self, before: Usage) -> Usage {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let usage = self.usage();
            let same = usage.descriptors == before.descriptors && usage.threads == before.threads;
            if same || Instant::now() > until {
                return usage;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Serves as `--serve NAME` asks, until standard input is closed.
pub fn serve(serve: Serve) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    serve(&|at| println!("{at}"));
}

fn usage(process: u32) -> Usage {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}"));
    let count = |name: &str| std::fs::read_dir(format!("/proc/{process}/{name}"));
    let smaps = read("smaps_rollup").unwrap_or_default();
    let kib = |field: &str| -> u64 {
        let line = smaps.lines().find(|line| line.starts_with(field));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        1024 * value.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    let threads: Vec<_> = count("task").map_or(Vec::new(), |all| all.flatten().collect());
    // Nanoseconds that each thread had a core.
    let nanos = threads.iter().filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Usage {
        resident: kib("Rss:"),
        private: kib("Private_Dirty:"),
        cpu: Duration::from_nanos(nanos.sum()),
        threads: threads.len(),
        descriptors: count("fd").map_or(0, |all| all.count()),
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
