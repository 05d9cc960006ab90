//! What the conformance suite is run on: lines and pipes, listened at at one end and dialled at the other.

use std::any::Any;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Once};
use std::time::Duration;
use std::{fs, thread};

use channel::transport::Transport;
use channel::{Domain, Endpoint};
use transport_serial::line::{End, Line, LineConfig};
use transport_serial::{Pipe, Serial};
use transport_testkit::{Crossing, Subject};

/// What can differ where there are two processes. (The forms of calls, and what they wait for, are the same code.)
pub const PROMISES: [&str; 6] = ["C1", "C4", "C6", "C8", "B3", "M7"];

/// Of three processes, two would have to share one end of a link.
pub const THREE: &str = "b2_a_kill_ends_no_other";

/// What lasts as long as somebody listens.
type Made = Box<dyn Any + Send>;

/// Names for endpoints.
pub struct Run;

impl Run {
    /// One that no other run has, either: what a test program leaves behind when it ends must not matter.
    pub fn next() -> String {
        static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        format!("link-{:x}-{}", *RUN, NUMBER.fetch_add(1, Ordering::Relaxed))
    }
}

/// One for all domains of this process, as a device has one driver.
static SERIAL: LazyLock<Serial> = LazyLock::new(Serial::new);
/// The two ends of pipes.
static PIPES: LazyLock<[Pipe; 2]> = LazyLock::new(|| [Pipe::new(), Pipe::new()]);

/// Lines: `serial://DIRECTORY/BROKER` for a line in a directory of that name.
pub struct Lines {
    pub config: fn() -> LineConfig,
    pub large: usize,
    pub many: usize,
    pub live_memory: Option<fn() -> usize>,
}

/// A line, for as long as somebody listens, and then until its end is closed: a tail may be on its way.
struct Wired {
    line: Line,
    directory: PathBuf,
    /// Whoever listens has the other one.
    listening: Arc<()>,
}

static WIRED: Mutex<Vec<Wired>> = Mutex::new(Vec::new());

/// Removes lines that nobody uses.
static JANITOR: Once = Once::new();

fn janitor() {
    loop {
        WIRED.lock().unwrap().retain(|wired| {
            let used = Arc::strong_count(&wired.listening) > 1 || is_open(wired.line.path(End::A));
            if !used {
                // The line's names in it are about to go.
                let directory = wired.directory.clone();
                thread::spawn(
                    move || while fs::remove_dir(&directory).is_err() && directory.exists() {},
                );
            }
            used
        });
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether this process has a device open, beside the line itself.
fn is_open(device: &Path) -> bool {
    let device = fs::canonicalize(device).unwrap();
    let fds = fs::read_dir("/proc/self/fd").unwrap().flatten();
    fds.filter(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == device))
        .count()
        > 1
}

fn directory(at: &Endpoint) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(at.authority())
}

fn wire(config: LineConfig, at: &Endpoint) -> Made {
    let directory = directory(at);
    JANITOR.call_once(|| drop(thread::spawn(janitor)));
    let mut wired = WIRED.lock().unwrap();
    if let Some(there) = wired.iter().find(|wired| wired.directory == directory) {
        return Box::new(there.listening.clone());
    }
    // In another process, the line is not this one's.
    if fs::create_dir(&directory).is_err() {
        return Box::new(());
    }
    let listening = Arc::new(());
    wired.push(Wired {
        line: Line::open(LineConfig {
            directory: Some(directory.clone()),
            ..config
        })
        .unwrap(),
        directory,
        listening: listening.clone(),
    });
    Box::new(listening)
}

impl Lines {
    pub fn transport(config: fn() -> LineConfig) -> Crossing {
        let serial: Arc<dyn Transport> = Arc::new(SERIAL.clone());
        Crossing::new([serial.clone(), serial], devices, move |at| {
            wire(config(), at)
        })
    }
}

/// The two devices of a line.
fn devices(at: &Endpoint) -> [Endpoint; 2] {
    ["a", "b"].map(|end| {
        let path = directory(at).join(end);
        let device = format!("serial://{}?baud=12000000", path.to_str().unwrap());
        let device: Endpoint = device.parse().unwrap();
        let device = if at.is_plain() {
            device.plain()
        } else {
            device
        };
        device
            .with_option("broker", at.broker().unwrap_or(""))
            .unwrap()
    })
}

impl Subject for Lines {
    fn name(&self) -> &str {
        "serial"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Lines::transport(self.config));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let at: Endpoint = format!("serial://{}/{broker}", Run::next())
            .parse()
            .unwrap();
        if broker == "nobody" {
            // The other end is there, and nobody listens at it.
            let wired = wire((self.config)(), &at);
            let [near, _] = devices(&at);
            keep(Box::new((SERIAL.hold(&near).unwrap(), wired)));
        }
        at
    }

    fn large(&self) -> usize {
        self.large
    }

    fn many(&self) -> usize {
        self.many
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        self.live_memory
    }
}

/// For as long as the program runs.
fn keep(made: Made) {
    static KEPT: Mutex<Vec<Made>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(made);
}

/// Pairs of the system's pipes, both ends in this process.
pub struct Pipes {
    pub large: usize,
    pub many: usize,
    pub live_memory: Option<fn() -> usize>,
}

/// Gives the ends of a new pair, and keeps the dialled one open: a pair cannot be opened again.
fn lay(at: &Endpoint) -> Made {
    let ((near_in, far_out), (far_in, near_out)) =
        (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let [near, far] = PIPES.clone();
    near.with_descriptors(at.authority(), near_in, near_out)
        .unwrap();
    let far = far
        .with_descriptors(at.authority(), far_in, far_out)
        .unwrap();
    Box::new(far.hold(at).unwrap())
}

impl Pipes {
    pub fn transport() -> Crossing {
        let ends = PIPES
            .clone()
            .map(|pipe| -> Arc<dyn Transport> { Arc::new(pipe) });
        let laid = Mutex::new(HashSet::new());
        let same = |at: &Endpoint| [at.clone(), at.clone()];
        Crossing::new(ends, same, move |at| {
            match laid.lock().unwrap().insert(at.authority().to_owned()) {
                true => lay(at),
                false => Box::new(()),
            }
        })
    }
}

impl Subject for Pipes {
    fn name(&self) -> &str {
        "pipe"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Pipes::transport());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let at: Endpoint = format!("pipe://{}/{broker}", Run::next()).parse().unwrap();
        if broker == "nobody" {
            let laid = lay(&at);
            keep(Box::new((PIPES[0].hold(&at).unwrap(), laid)));
        }
        at
    }

    fn large(&self) -> usize {
        self.large
    }

    fn many(&self) -> usize {
        self.many
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        self.live_memory
    }
}
