//! What every test on the bus begins and ends with.

use std::fs;
use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use channel::Domain;
use rustix::mount::{UnmountFlags, unmount};
use transport_testkit::Leaks;
use transport_usb::Usb;
use transport_usb::transport_link::{Link, LinkTransport, PlaceError, Settings};

use super::{LIMIT, eventually};

/// Whether this is the lab's virtual machine, where all gadgets are the tests'.
pub fn is_here() -> bool {
    std::env::var_os("LAB_GUEST").is_some()
}

/// How long a test may take: it is ended before the machine's time is over.
const TEST: Duration = Duration::from_secs(120);

/// Runs a test of the bus. Afterwards, all that it set up must be gone: gadgets, mounts, threads, descriptors.
pub fn on_the_bus(test: impl FnOnce() + Send + 'static) {
    on_the_bus_within(TEST, || {
        start_what_stays();
        let before = Leaks::snapshot();
        test();
        before.check_within(LIMIT).unwrap();
    });
}

/// The same, where threads and descriptors are not counted; on a thread that is given up if it hangs.
pub fn on_the_bus_within(limit: Duration, test: impl FnOnce() + Send + 'static) {
    assert!(
        is_here(),
        "this test sets up USB gadgets on a virtual bus: run `lab/test`"
    );
    sweep();
    let start = Instant::now();
    let (end, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _end = end;
        test();
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(limit) as Result<(), _> {
        panic!("hangs: no end after {limit:?}");
    }
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
    eventually("nothing is left of any gadget", || left().is_empty());
    println!("took {:.1} s", start.elapsed().as_secs_f64());
}

/// A process that has listened once keeps the thread that receives; one that has looked for a device, the thread that
/// does what blocks.
fn start_what_stays() {
    let absent = LinkTransport::new(["absent"], |_| Err(PlaceError::Unsupported(String::new())));
    let never = || -> io::Result<Box<dyn Link>> { Err(io::ErrorKind::NotFound.into()) };
    absent.add("device", Settings::default(), never);
    let domain = Domain::new();
    domain.add(absent);
    let broker = domain.broker("nobody").unwrap();
    let bound = broker.listen(&"absent://device/nobody".parse().unwrap());
    bound.unwrap().close();
    domain.add(Usb::new());
    let nowhere = "usb:///nobody?serial=none&absent=fail".parse().unwrap();
    assert!(broker.connect_at(&nowhere, 1, Some(LIMIT)).is_err());
    eventually("the driver of the absent device has ended", || {
        !threads().contains(&"link".to_owned())
    });
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let all = fs::read_dir("/proc/self/task").unwrap();
    let names = all.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

/// What there is of gadgets, which are all the tests': their directories, and file systems that are mounted.
pub fn left() -> Vec<String> {
    let gadgets = fs::read_dir("/sys/kernel/config/usb_gadget").unwrap();
    let gadgets = gadgets.map(|entry| entry.unwrap().path().display().to_string());
    gadgets.chain(mounts()).collect()
}

fn mounts() -> Vec<String> {
    let all = fs::read_to_string("/proc/mounts").unwrap();
    let words = all.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let ours = words.filter(|words| words[2] == "functionfs");
    ours.map(|words| words[1].to_owned()).collect()
}

/// Takes away what is left of gadgets, so that a test that failed does not make the next one fail as well.
pub fn sweep() {
    for what in left() {
        eprintln!("was left: {what}");
    }
    let _ = usb_gadget::remove_all();
    for mount in mounts() {
        let _ = unmount(&*mount, UnmountFlags::DETACH);
    }
    for cable in super::cable::all() {
        cable.plug();
    }
}
