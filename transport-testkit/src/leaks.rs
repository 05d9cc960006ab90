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
    /// Whether a thread, by its number, is others' business.
    others: fn(u64) -> bool,
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
        Leaks::besides(|_| false, None)
    }

    /// As [`snapshot`](Leaks::snapshot), and the live memory too: `live` tells how many bytes are
    /// allocated now, as counting allocators do (`peak_alloc`, `stats_alloc`). `slack` bytes more
    /// than before are forgiven: tables and queues that grew for good.
    pub fn with_memory(live: fn() -> usize, slack: usize) -> Leaks {
        Leaks::besides(|_| false, Some((live, slack)))
    }

    /// Leaves out the threads that `others` knows by their numbers.
    pub(crate) fn besides(
        others: fn(u64) -> bool,
        memory: Option<(fn() -> usize, usize)>,
    ) -> Leaks {
        let held = Held::now(others);
        Leaks {
            held,
            others,
            // Last: what the snapshot itself holds is no leak.
            memory: memory.map(|(live, slack)| Memory {
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
        let now = Held::now(self.others);
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
    fn now(others: fn(u64) -> bool) -> Held {
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
        for (at, name) in list("/proc/self/task", |path| {
            std::fs::read_to_string(path.join("comm")).ok()
        }) {
            let number = at.file_name().and_then(|name| name.to_str()?.parse().ok());
            if number.is_some_and(others) {
                continue;
            }
            *held.threads.entry(name.trim().to_owned()).or_default() += 1;
        }
        held
    }

    #[cfg(not(target_os = "linux"))]
    fn now(_: fn(u64) -> bool) -> Held {
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
