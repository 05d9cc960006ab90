//! What the conformance suite is run on: cables in memory, listened at at one end and dialled at the other.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Domain, Endpoint, ListenError, Options};
use transport_link::{Config, LinkTransport, Place, PlaceError, Settings};
use transport_testkit::Subject;
use transport_usb::Queue;

use super::memory::End;
use super::plug::{Cable, How, WeakCable};

/// Small queues, so that little data fills them: each transfer a frame, or several small ones, as on a real cable.
pub fn queue() -> Queue {
    let mut queue = Queue::default();
    (queue.transfers, queue.bytes) = (TRANSFERS, TRANSFER);
    queue.numbered = true;
    queue
}

const TRANSFERS: usize = 4;
const TRANSFER: usize = 4096;

/// The settings of an end with such queues.
pub fn settings(end: End, queue: &Queue) -> Settings {
    // A transfer has a number, of 8 bytes, and ends with a short packet.
    let most = queue.bytes - 9;
    Settings {
        mux: Config {
            max_frame: most as u32,
            ..Config::default()
        },
        chunk: most,
        // It is the host that begins sessions.
        reopen: end == End::Host,
        ..Settings::default()
    }
}

/// The cables of this process, by name: each for as long as one of its devices is there.
static CABLES: LazyLock<Mutex<HashMap<String, WeakCable>>> = LazyLock::new(Default::default);

fn cable(name: &str) -> Cable {
    let mut cables = CABLES.lock().unwrap();
    if let Some(cable) = cables.get(name).and_then(WeakCable::upgrade) {
        return cable;
    }
    cables.retain(|_, cable| cable.upgrade().is_some());
    // The names are numbers.
    let cable = Cable::new(How::new(name.parse().unwrap()));
    cables.insert(name.to_owned(), cable.downgrade());
    cable
}

/// A transport that has this end of each cable: one for the whole process, as a device has one driver.
fn at_end(end: End) -> LinkTransport {
    LinkTransport::new(["cable"], move |at| {
        at.check_options(&[])?;
        if at.is_plain() {
            return Err(PlaceError::Unsupported("a cable has no plain mode".into()));
        }
        Ok(Place {
            key: at.authority().to_owned(),
            settings: settings(end, &queue()),
            device: Box::new(cable(at.authority()).port(end)),
        })
    })
}

static ENDS: LazyLock<[LinkTransport; 2]> = LazyLock::new(|| End::BOTH.map(at_end));

/// Cables whose one end is listened at, and the other dialled: `cable://NAME/BROKER`.
struct Cables {
    listens: End,
}

impl Transport for Cables {
    fn schemes(&self) -> &[&str] {
        &["cable"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        ENDS[self.listens.other() as usize].dial(to, options)
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        ENDS[self.listens as usize].listen(at, options)
    }
}

/// A transport under test.
pub struct OverCables {
    pub listens: End,
    pub live_memory: fn() -> usize,
}

impl Subject for OverCables {
    fn name(&self) -> &str {
        match self.listens {
            End::Gadget => "USB in memory, the host dials",
            End::Host => "USB in memory, the gadget dials",
        }
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Cables {
            listens: self.listens,
        });
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only uniqueness counts.
        let name = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("cable", &name).unwrap();
        let at = at.with_broker(broker).unwrap();
        if broker == "nobody" {
            // The other end is there, and nobody listens at it.
            static KEPT: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());
            let held = ENDS[self.listens as usize].hold(&at).unwrap();
            KEPT.lock().unwrap().push(Box::new(held));
        }
        at
    }

    fn large(&self) -> usize {
        // Both pipes and both queues hold 160 KiB.
        256 << 10
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(self.live_memory)
    }
}
