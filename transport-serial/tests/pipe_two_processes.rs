//! A command's standard input and output pass the suite with its two sides in two processes. The command hands the
//! bytes on to the side that listens; when the side that dials is killed, the pipes tell.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use std::{io, thread};

use channel::transport::Transport;
use channel::{Domain, Endpoint};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::role;
use support::subject::{PROMISES, Run};
use transport_serial::Pipe;
use transport_serial::transport_link::{Descriptor, Hold, Link};
use transport_testkit::{ACROSS, Crossing, Subject, Suite, TESTS, across, process};

/// One at each side, for all domains there, as a command is started once.
static PIPE: LazyLock<Pipe> = LazyLock::new(Pipe::new);

struct Commands;

/// Where the command of an endpoint finds the side that listens.
fn socket(at: &Endpoint) -> PathBuf {
    std::env::temp_dir().join(format!("{}.socket", at.authority()))
}

/// Waits for the command a little; it comes when somebody dials.
fn next(listener: &UnixListener) -> io::Result<Box<dyn Link>> {
    let limit = Timespec::try_from(Duration::from_millis(100)).unwrap();
    poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&limit))?;
    match listener.accept() {
        Ok((stream, _)) => Ok(Box::new(Descriptor::new(OwnedFd::from(stream))?)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::ErrorKind::NotConnected.into())
        }
        Err(error) => Err(error),
    }
}

/// Removes the socket's name.
struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn make(at: &Endpoint) -> Option<Bound> {
    let path = socket(at);
    // In another process, or for the second time, it is there.
    let listener = UnixListener::bind(&path).ok()?;
    listener.set_nonblocking(true).unwrap();
    PIPE.clone()
        .with_device(at.authority(), move || next(&listener));
    Some(Bound(path))
}

fn ends(at: &Endpoint) -> [Endpoint; 2] {
    let run = role("the_command", socket(at).to_str().unwrap());
    let far = Endpoint::new("pipe", "").and_then(|far| far.with_option("run", &run));
    let far = far.and_then(|far| far.with_option("broker", at.broker().unwrap_or("")));
    let far = far.unwrap();
    [at.clone(), if at.is_plain() { far.plain() } else { far }]
}

impl Subject for Commands {
    fn name(&self) -> &str {
        "pipe"
    }

    fn add_to(&self, domain: &Domain) {
        let pipe: Arc<dyn Transport> = Arc::new(PIPE.clone());
        domain.add(Crossing::new([pipe.clone(), pipe], ends, |at| {
            Box::new(make(at))
        }));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        let at: Endpoint = format!("pipe://{}/{broker}", Run::next()).parse().unwrap();
        if broker == "nobody" {
            static HELD: Mutex<Vec<(Option<Bound>, Hold)>> = Mutex::new(Vec::new());
            let bound = make(&at);
            let hold = PIPE.hold(&at).unwrap();
            HELD.lock().unwrap().push((bound, hold));
        }
        at
    }

    fn large(&self) -> usize {
        1 << 16
    }

    fn many(&self) -> usize {
        20
    }
}

/// Not with `io::copy`, which splices into the pipe; and a splice that waits for the socket holds the pipe's lock, so
/// that whoever reads the pipe waits, too, even in non-blocking mode.
fn copy(from: &mut impl Read, to: &mut impl Write) {
    let mut buf = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buf) {
        if to.write_all(&buf[..n]).is_err() {
            return;
        }
    }
}

// Not a test: the command. Hands on what comes, both ways, until either side has ended.
#[test]
fn the_command() {
    let Some(path) = process::given() else { return };
    let (mut there, mut back) = {
        let stream = UnixStream::connect(Path::new(&path)).unwrap();
        (stream.try_clone().unwrap(), stream)
    };
    thread::spawn(move || {
        copy(&mut io::stdin(), &mut there);
        let _ = there.shutdown(std::net::Shutdown::Both);
    });
    let mut out = std::fs::File::from(rustix::io::dup(rustix::stdio::stdout()).unwrap());
    copy(&mut back, &mut out);
    // The other thread may wait for what will not come.
    std::process::exit(0);
}

// Not a test: what the other process runs.
#[test]
fn the_other_process() {
    across::serve(|domain| Commands.add_to(domain));
}

// shows T5, T7, C6
#[test]
fn the_suite_passes_across_two_processes() {
    let tests = TESTS.iter().filter(|test| PROMISES.contains(&test.promise));
    let tests = tests
        .chain(ACROSS)
        .filter(|test| test.name != support::subject::THREE);
    let suite = Suite::new(Commands)
        .only(tests.map(|test| test.name))
        .across(across::this_test("the_other_process"));
    let report = suite.jobs(4).run();
    println!("{report}");
    report.assert_passed();
}
