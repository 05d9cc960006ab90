//! What the measurements ran on, and the two system calls that they need:
//! pinning a thread and reading the CPU time it has had.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Pins the calling thread to one core.
///
/// # Panics
/// If the machine has no such core, or does not let us.
pub fn pin(core: usize) {
    cores();
    assert!(
        core_affinity::set_for_current(core_affinity::CoreId { id: core }),
        "cannot pin a thread to core {core}; choose others with --cores"
    );
}

/// Has the allocator keep what is freed: contestants that free and allocate as they go would pay for giving
/// pages back to the system and getting them again, or not, as the others' memory lies.
pub fn keep_memory() {
    #[cfg(target_env = "gnu")]
    for parameter in [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD] {
        // SAFETY: sets a number of the allocator's, whichever thread does it.
        let done = unsafe { libc::mallopt(parameter, 1 << 30) };
        assert_eq!(done, 1, "mallopt");
    }
}

/// How many cores this process may use, whatever threads were pinned to.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

/// CPU time that the calling thread has had so far.
pub fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time that all threads of this process have had so far.
pub fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Time since some moment that is the same for all processes of this machine.
pub fn monotonic() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// CPU time of the processes that this one started and that have ended.
fn children_cpu() -> Duration {
    // SAFETY: plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place for the answer.
    let done = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage) };
    assert_eq!(done, 0, "getrusage");
    let duration =
        |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// Pairs of the first cores that this process may use, without those that are two threads of one core,
/// where the system tells. At least one.
pub fn pairs_of_cores() -> Vec<[usize; 2]> {
    /// All pairs of these are few.
    const FIRST: usize = 6;
    let cores: Vec<usize> = core_affinity::get_core_ids()
        .unwrap_or_default()
        .iter()
        .map(|core| core.id)
        .take(FIRST)
        .collect();
    let pairs = |apart: bool| -> Vec<[usize; 2]> {
        let one = |(i, a): (usize, &usize)| {
            let a = *a;
            let others = cores[i + 1..].iter().copied();
            let others = others.filter(move |b| !(apart && are_siblings(a, *b)));
            others.map(move |b| [a, b]).collect::<Vec<_>>()
        };
        cores.iter().enumerate().flat_map(one).collect()
    };
    let alone = [[cores.first().copied().unwrap_or(0); 2]];
    [pairs(true), pairs(false), alone.to_vec()]
        .into_iter()
        .find(|pairs| !pairs.is_empty())
        .expect("the last is not empty")
}

/// Whether two cores of the system are two threads of one.
fn are_siblings(core: usize, other: usize) -> bool {
    // Such as "0,4" or "0-1".
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    let siblings = std::fs::read_to_string(path).unwrap_or_default();
    siblings.trim().split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<usize>().ok();
        let range = number(from).zip(number(to));
        range.is_some_and(|(from, to)| (from..=to).contains(&other))
    })
}

fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer.
    let done = unsafe { libc::clock_gettime(id, &mut time) };
    assert_eq!(done, 0, "clock_gettime");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Resident memory of this process, in bytes.
pub fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

/// What else the machine did meanwhile: shares of all its cores' time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Neighbours {
    /// Other programs', processes that this one started and has waited for apart.
    pub programs: f64,
    /// Taken by the hypervisor.
    pub stolen: f64,
}

impl Neighbours {
    /// Ends the program with exit status 3 if the machine did too much else for
    /// the figures to mean anything.
    pub fn judge(self) {
        if self.programs + self.stolen > 0.05 {
            eprintln!("the machine was too busy with other things for these figures to count");
            std::process::exit(3);
        }
    }
}

/// Watches what else the machine does.
pub struct NeighbourWatch {
    busy: f64,
    stolen: f64,
    own: Duration,
    begun: Instant,
}

impl NeighbourWatch {
    /// Starts now.
    pub fn start() -> Self {
        let (busy, stolen) = busy_seconds();
        Self {
            busy,
            stolen,
            own: process_cpu() + children_cpu(),
            begun: Instant::now(),
        }
    }

    /// Since the start.
    pub fn stop(self) -> Neighbours {
        let (busy, stolen) = busy_seconds();
        let all = self.begun.elapsed().as_secs_f64() * cores() as f64;
        let own = (process_cpu() + children_cpu() - self.own).as_secs_f64();
        Neighbours {
            programs: ((busy - self.busy - own) / all).max(0.0),
            stolen: (stolen - self.stolen) / all,
        }
    }
}

/// Seconds that all cores together ran programs, and that were stolen from them.
fn busy_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    let at = |i: usize| ticks.get(i).copied().unwrap_or(0.0) / 100.0;
    // user, nice, system, idle, iowait, irq, softirq, steal
    (at(0) + at(1) + at(2) + at(5) + at(6), at(7))
}

/// Lines that say what the figures were measured on, and when.
pub fn describe() -> Vec<(&'static str, String)> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpuinfo
            .lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let virtual_machine = if field("flags").is_some_and(|f| f.contains("hypervisor")) {
        ", a virtual machine"
    } else {
        ""
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    vec![
        ("date", run("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        (
            "processor",
            format!(
                "{} (family {}, model {}, stepping {}){virtual_machine}",
                field("model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
                field("cpu family").unwrap_or_default(),
                field("model\t").unwrap_or_default(),
                field("stepping").unwrap_or_default(),
            ),
        ),
        ("cores", cores().to_string()),
        (
            "load before the run",
            load.split(' ').next().unwrap_or("").to_owned(),
        ),
        (
            "kernel",
            format!("{} {}", run("uname", &["-s"]), run("uname", &["-r"])),
        ),
        ("compiler", run("rustc", &["--version"])),
        ("commit", commit()),
    ]
}

/// The commit that was measured, and whether what was measured differs from it.
fn commit() -> String {
    let measured = [
        ":/ringbuf-core",
        ":/channel",
        ":/message-queue",
        ":/transport-tcp",
        ":/transport-reactor",
        ":/transport-shm",
        ":/link-mux",
        ":/transport-link",
        ":/transport-serial",
        ":/transport-usb",
        ":/bench-peers/src",
    ];
    let mut arguments = vec!["status", "--porcelain", "--"];
    arguments.extend(measured);
    let changed = match run("git", &arguments).as_str() {
        "unknown" => "",
        _ => " and changes since",
    };
    format!("{}{changed}", run("git", &["rev-parse", "--short", "HEAD"]))
}

fn run(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

/// The version of a crate in this workspace's lock file.
pub fn version_of(name: &str) -> String {
    let wanted = format!("name = \"{name}\"");
    let mut lines = include_str!("../Cargo.lock").lines();
    while let Some(line) = lines.next() {
        if line == wanted {
            let version = lines.next().unwrap_or_default();
            return version
                .trim_start_matches("version = ")
                .trim_matches('"')
                .into();
        }
    }
    "?".into()
}
