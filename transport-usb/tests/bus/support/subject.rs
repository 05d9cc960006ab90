//! What the conformance suite is run on: cables of which one process has one end, and another process the other.
//!
//! Places of the suite are `usb-gadget://POOL-NUMBER/BROKER`, or `usb://..` if the host listens. Which cable that is,
//! the listening process decides, and writes down where the other one finds it. The listening process keeps its ends
//! open from one test to the next, as a device or a host program that serves does.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use channel::transport::Transport;
use channel::{Domain, Endpoint};
use transport_testkit::fault::{Fault, Plan, seed};
use transport_testkit::{Crossing, Subject, across};
use transport_usb::transport_link::Hold;
use transport_usb::{Usb, UsbGadget};

use super::cable::Cable;
use super::process;

/// Which end listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listens {
    Gadget,
    Host,
}

/// Cables for tests that run one after another: three for a test's places, and one at which nobody ever listens.
pub const POOL: usize = 4;

/// Where the cables of places stand.
const DIRECTORY: &str = "/run/cables";

/// Tells a process what it serves, beside what the testkit tells it.
const SERVES: &str = "TRANSPORT_USB_SUITE";

/// A pool of cables, with all that one process has of them.
pub struct Cables {
    listens: Listens,
    pool: usize,
    rows: Mutex<Vec<Row>>,
    usb: Usb,
    gadget: UsbGadget,
}

/// A cable of the pool.
struct Row {
    cable: Cable,
    /// The place that it was last, and whether somebody listens there.
    place: String,
    listening: Arc<()>,
    hold: Option<Hold>,
}

impl Cables {
    pub fn new(listens: Listens, pool: usize) -> Arc<Cables> {
        fs::create_dir_all(DIRECTORY).unwrap();
        let cables = (pool * POOL..(pool + 1) * POOL).map(Cable);
        let row = |cable| Row {
            cable,
            place: String::new(),
            listening: Arc::default(),
            hold: None,
        };
        Arc::new(Cables {
            listens,
            pool,
            rows: Mutex::new(cables.map(row).collect()),
            usb: Usb::new(),
            gadget: UsbGadget::new(),
        })
    }

    pub fn transport(self: &Arc<Cables>) -> Crossing {
        let gadget: Arc<dyn Transport> = Arc::new(self.gadget.clone());
        let usb: Arc<dyn Transport> = Arc::new(self.usb.clone());
        let (near, far) = match self.listens {
            Listens::Gadget => (gadget, usb),
            Listens::Host => (usb, gadget),
        };
        let (ends, lay) = (self.clone(), self.clone());
        Crossing::new([near, far], move |at| ends.ends(at), move |at| lay.lay(at))
    }

    /// Takes the cable of `row` for a place, and keeps this process's end of it open.
    fn take(&self, row: &mut Row, place: &str) {
        fs::write(file(place), row.cable.0.to_string()).unwrap();
        place.clone_into(&mut row.place);
        row.hold.get_or_insert_with(|| {
            let held = match self.listens {
                Listens::Gadget => self.gadget.hold(&row.cable.gadget()),
                Listens::Host => self.usb.hold(&row.cable.host()),
            };
            held.unwrap()
        });
        if self.listens == Listens::Gadget {
            row.cable.wait_until_configured();
        }
    }
}

fn file(place: &str) -> PathBuf {
    Path::new(DIRECTORY).join(place)
}

impl Cables {
    /// Lays a cable for a place that is about to be listened at. What comes back lasts as long as somebody listens.
    fn lay(&self, at: &Endpoint) -> Box<dyn Any + Send> {
        let place = at.authority();
        // In another process, it is that one's.
        if std::env::var_os(SERVES).is_some() {
            return Box::new(());
        }
        let mut rows = self.rows.lock().unwrap();
        let is_free = |row: &Row| Arc::strong_count(&row.listening) == 1;
        if rows.iter().any(|row| row.place == place && !is_free(row)) {
            return Box::new(());
        }
        // Where it was before; or the cable that was given back first.
        let before = rows.iter().position(|row| row.place == place);
        let free = || rows[..POOL - 1].iter().position(is_free);
        let row = before
            .or_else(free)
            .expect("a test has three places at most");
        let mut row = rows.remove(row);
        self.take(&mut row, place);
        let listening = row.listening.clone();
        rows.insert(POOL - 2, row);
        Box::new(listening)
    }

    /// The end that is listened at, and the other one.
    fn ends(&self, at: &Endpoint) -> [Endpoint; 2] {
        let cable = fs::read_to_string(file(at.authority())).unwrap();
        let cable = Cable(cable.parse().unwrap());
        let broker = at.broker().unwrap_or("");
        let ends = match self.listens {
            Listens::Gadget => [cable.gadget_of(broker), cable.host_of(broker)],
            Listens::Host => [cable.host_of(broker), cable.gadget_of(broker)],
        };
        match at.is_plain() {
            // Nobody is missed on a bare stream.
            true => ends.map(|end| end.without_option("keep-alive").plain()),
            false => ends,
        }
    }
}

/// The suite's subject.
pub struct Bus(pub Arc<Cables>);

impl Subject for Bus {
    fn name(&self) -> &str {
        match self.0.listens {
            Listens::Gadget => "usb, the gadget listens",
            Listens::Host => "usb, the host listens",
        }
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(self.0.transport());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = format!("{}-{number}", self.0.pool);
        if broker == "nobody" {
            let mut rows = self.0.rows.lock().unwrap();
            self.0.take(&mut rows[POOL - 1], &place);
        }
        let scheme = match self.0.listens {
            Listens::Gadget => "usb-gadget",
            Listens::Host => "usb",
        };
        format!("{scheme}://{place}/{broker}").parse().unwrap()
    }

    /// Through buffers of 256 bytes, as some tests have them, it takes a packet there and one back for every 128.
    fn large(&self) -> usize {
        1 << 15
    }

    fn many(&self) -> usize {
        20
    }
}

/// Starts the other process of a suite.
pub fn other(listens: Listens, faulty: bool) -> impl Fn() -> Command + Send + Sync + 'static {
    move || {
        let mut command = process::command();
        command.env(SERVES, format!("{listens:?} {faulty}"));
        command
    }
}

/// In such a process: serves the suite, and does not return.
pub fn serve() {
    let Ok(serves) = std::env::var(SERVES) else {
        return;
    };
    let (listens, faulty) = serves.split_once(' ').unwrap();
    let listens = match listens {
        "Gadget" => Listens::Gadget,
        _ => Listens::Host,
    };
    let cables = Cables::new(listens, 0);
    match faulty {
        "true" => {
            let plan = Plan::lively(seed("the other process"));
            let fault = Fault::new(cables.transport(), plan);
            across::serve(move |domain| domain.add(fault.clone()));
        }
        _ => across::serve(move |domain| domain.add(cables.transport())),
    }
}
