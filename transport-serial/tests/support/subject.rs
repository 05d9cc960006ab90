//! What the conformance suite is run on: lines and pipes, listened at at one end and dialled at the other.

use std::any::Any;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Once};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fs, io, thread};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Domain, Endpoint, ListenError, Options};
use transport_serial::line::{End, Line, LineConfig};
use transport_serial::{Pipe, Serial};
use transport_testkit::Subject;

/// Endpoints are numbered, also for the process that this one starts.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// What no other run has: what a test program leaves behind when it ends must not matter.
static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

/// One for all domains of this process, as a device has one driver.
static SERIAL: LazyLock<Serial> = LazyLock::new(Serial::new);
/// The two ends of pipes.
static PIPES: LazyLock<[Pipe; 2]> = LazyLock::new(|| [Pipe::new(), Pipe::new()]);

/// A transport whose links have two different ends: one to listen at, and one to dial.
pub struct Crossing {
    near: Arc<dyn Transport>,
    far: Arc<dyn Transport>,
    /// What an endpoint is at the end that is listened at, and at the other.
    ends: fn(&Endpoint) -> [Endpoint; 2],
    /// Makes the link of an endpoint that is listened at.
    make: Arc<dyn Fn(&Endpoint) -> Made + Send + Sync>,
}

/// What has to last as long as somebody listens.
type Made = Box<dyn Any + Send>;

impl Transport for Crossing {
    fn schemes(&self) -> &[&str] {
        self.near.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let [_, far] = (self.ends)(to);
            let mut connection = self.far.dial(&far, options).await?;
            connection.peer = to.clone();
            Ok(connection)
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let made = (self.make)(at);
        let [near, _] = (self.ends)(at);
        Ok(Box::new(Listening {
            listener: self.near.listen(&near, options)?,
            local: at.clone(),
            _made: made,
        }))
    }
}

struct Listening {
    listener: Box<dyn Listener>,
    local: Endpoint,
    _made: Made,
}

impl Listener for Listening {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        self.listener.poll_accept(cx)
    }

    fn local(&self) -> &Endpoint {
        &self.local
    }
}

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
        Crossing {
            near: Arc::new(SERIAL.clone()),
            far: Arc::new(SERIAL.clone()),
            ends: |at| {
                let directory = directory(at);
                ["a", "b"].map(|end| {
                    let path = directory.join(end);
                    let broker = at.broker().unwrap_or("");
                    let at = at.clone().with_option("broker", broker).unwrap();
                    let at = at.with_authority("").unwrap();
                    let at = at.with_option("baud", "12000000").unwrap();
                    at.with_broker(path.to_str().unwrap().trim_start_matches('/'))
                        .unwrap()
                })
            },
            make: Arc::new(move |at| wire(config(), at)),
        }
    }
}

impl Subject for Lines {
    fn name(&self) -> &str {
        "serial"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Lines::transport(self.config));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let at = format!("serial://line-{:x}-{n}/{broker}", *RUN);
        let at: Endpoint = at.parse().unwrap();
        if broker == "nobody" {
            // The other end is there, and nobody listens at it.
            let wired = wire((self.config)(), &at);
            let [near, _] = (Lines::transport(self.config).ends)(&at);
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
        let [near, far] = PIPES.clone();
        // By their numbers.
        let laid = Mutex::new(HashSet::new());
        Crossing {
            near: Arc::new(near),
            far: Arc::new(far),
            ends: |at| [at.clone(), at.clone()],
            make: Arc::new(move |at| {
                let number: u64 = at.authority().parse().unwrap();
                match laid.lock().unwrap().insert(number) {
                    true => lay(at),
                    false => Box::new(()),
                }
            }),
        }
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
        let n = NUMBER.fetch_add(1, Ordering::Relaxed);
        let at: Endpoint = format!("pipe://{n}/{broker}").parse().unwrap();
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
