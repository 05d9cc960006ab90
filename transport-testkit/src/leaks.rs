//! What a process holds: descriptors, threads, live memory; and whether all of it came back.
//!
//! It owns nothing of what it counts. The figures are the whole process's, so a check waits: what
//! others hold for a moment, or what is on its way out in the background, is no leak.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks of a check that waits.
const LOOK: Duration = Duration::from_millis(5);

/// What the process holds at one moment.
///
/// A scenario that leaves nothing behind brings the process back to where it was. Some things are
/// made once and kept on purpose (a thread for timers, a table's memory): let the scenario run
/// before the snapshot is taken.
///
/// ```
/// use std::time::Duration;
/// use transport_testkit::Leaks;
///
/// let before = Leaks::snapshot();
/// let file = std::fs::File::open("Cargo.toml").unwrap();
/// # #[cfg(target_os = "linux")]
/// assert!(before.check_within(Duration::ZERO).unwrap_err().contains("Cargo.toml"));
/// drop(file);
/// before.check_within(Duration::from_secs(10)).unwrap();
/// ```
///
/// Descriptors and threads are known on Linux; elsewhere they count as unchanged. Memory is counted
/// if the program tells how much of it is live (see [`with_memory`](Leaks::with_memory)).
#[derive(Clone, Debug)]
pub struct Leaks {
    held: Held,
    memory: Option<Memory>,
}

/// What the system lists: what it is, and how many there are.
#[derive(Clone, Debug, Default)]
struct Held {
    descriptors: BTreeMap<String, usize>,
    threads: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Memory {
    live: fn() -> usize,
    before: usize,
    slack: usize,
}

impl Leaks {
    /// What is held now.
    pub fn snapshot() -> Leaks {
        Leaks {
            held: Held::now(),
            memory: None,
        }
    }

    /// As [`snapshot`](Leaks::snapshot), and the live memory too: `live` tells how many bytes are
    /// allocated now, as counting allocators do (`peak_alloc`, `stats_alloc`). `slack` bytes more
    /// than before are forgiven: tables and queues that grew for good.
    pub fn with_memory(live: fn() -> usize, slack: usize) -> Leaks {
        let held = Held::now();
        Leaks {
            held,
            // Last: what the snapshot itself holds is no leak.
            memory: Some(Memory {
                before: live(),
                live,
                slack,
            }),
        }
    }

    /// Whether everything that came since has gone again; waits for that for at most `limit`.
    ///
    /// # Errors
    /// Names what is left: descriptors by what they refer to, threads by their names, bytes.
    pub fn check_within(&self, limit: Duration) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let more = self.more();
            if more.is_empty() {
                return Ok(());
            }
            if start.elapsed() >= limit {
                return Err(format!("left behind: {}", more.join("; ")));
            }
            thread::sleep(LOOK);
        }
    }

    /// What is held now and was not then.
    fn more(&self) -> Vec<String> {
        let memory = self.memory.as_ref().and_then(Memory::more);
        let now = Held::now();
        let mut all = Vec::new();
        all.extend(more("descriptor", &self.held.descriptors, &now.descriptors));
        all.extend(more("thread", &self.held.threads, &now.threads));
        all.extend(memory);
        all
    }
}

impl Memory {
    fn more(&self) -> Option<String> {
        let now = (self.live)();
        let more = now.saturating_sub(self.before);
        (more > self.slack).then(|| {
            let Memory { before, slack, .. } = self;
            format!("{more} bytes of memory ({before} before, {slack} allowed)")
        })
    }
}

fn total(counts: &BTreeMap<String, usize>) -> usize {
    counts.values().sum()
}

/// Only the number counts: one that went may be replaced by another. Which ones are new is told.
fn more(
    what: &str,
    before: &BTreeMap<String, usize>,
    now: &BTreeMap<String, usize>,
) -> Option<String> {
    let (was, is) = (total(before), total(now));
    if is <= was {
        return None;
    }
    let new: Vec<String> = now
        .iter()
        .filter_map(|(name, &count)| {
            let more = count.saturating_sub(before.get(name).copied().unwrap_or(0));
            (more > 0).then(|| format!("{more} x {name}"))
        })
        .collect();
    Some(format!(
        "{} {what}s ({was} before, {is} now: {})",
        is - was,
        new.join(", ")
    ))
}

impl Held {
    #[cfg(target_os = "linux")]
    fn now() -> Held {
        let mut held = Held::default();
        for (at, name) in list("/proc/self/fd", |path| {
            let target = std::fs::read_link(path).ok()?;
            Some(target.to_string_lossy().into_owned())
        }) {
            // The listing's own descriptor is closed by now.
            if std::fs::symlink_metadata(at).is_ok() {
                *held.descriptors.entry(kind(&name)).or_default() += 1;
            }
        }
        for (_, name) in list("/proc/self/task", |path| {
            std::fs::read_to_string(path.join("comm")).ok()
        }) {
            *held.threads.entry(name.trim().to_owned()).or_default() += 1;
        }
        held
    }

    #[cfg(not(target_os = "linux"))]
    fn now() -> Held {
        Held::default()
    }
}

/// The entries of a directory of the process; what goes away meanwhile is left out.
#[cfg(target_os = "linux")]
fn list(
    directory: &str,
    name: impl Fn(&std::path::Path) -> Option<String>,
) -> Vec<(std::path::PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = name(&path)?;
            Some((path, name))
        })
        .collect()
}

/// `socket:[12345]` is a socket: numbers would make each one its own kind.
#[cfg(target_os = "linux")]
fn kind(target: &str) -> String {
    match target.split_once(":[") {
        Some((kind, _)) => kind.to_owned(),
        None => target.to_owned(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::mpsc;

    #[test]
    fn a_thread_and_a_descriptor_that_stay_are_named() {
        let before = Leaks::snapshot();
        let (go, goes) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("straggler".into())
            .spawn(move || {
                let _file = std::fs::File::open("/proc/self/maps").unwrap();
                tell.send(()).unwrap();
                let _ = goes.recv();
            })
            .unwrap();
        told.recv().unwrap();
        let left = before.check_within(Duration::ZERO).unwrap_err();
        assert!(left.contains("straggler"), "{left}");
        assert!(left.contains("/maps"), "{left}");
        drop(go);
        thread.join().unwrap();
        before.check_within(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn memory_is_counted_beyond_its_slack() {
        static LIVE: AtomicUsize = AtomicUsize::new(1000);
        let before = Leaks::with_memory(|| LIVE.load(Relaxed), 100);
        LIVE.store(1100, Relaxed);
        before.check_within(Duration::from_secs(60)).unwrap();
        LIVE.store(1101, Relaxed);
        let left = before.check_within(Duration::ZERO).unwrap_err();
        assert!(left.contains("101 bytes"), "{left}");
    }
}
