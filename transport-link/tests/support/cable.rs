//! Cables: links with two ends, which whoever listens and whoever dials find by name.
//!
//! A real cable has two devices. Here one transport finds a cable's near end by listening at it, another one its
//! far end by dialling it; each keeps its end plugged in from then on, as two devices would.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Domain, Endpoint, ListenError, Options};
use transport_link::{
    Config, Descriptor, Halves, Hold, Link, LinkTransport, Place, PlaceError, Settings,
};
use transport_testkit::Subject;

use super::lender::Lender;

/// What a cable is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Make {
    /// A Unix socket pair, on which the driver sleeps.
    Sockets,
    /// Two pipes, with threads that block.
    Pipes,
    /// A Unix socket pair, behind buffers that are lent.
    Lent,
}

type Ends = [Option<Box<dyn Link>>; 2];

impl Make {
    fn link(self) -> io::Result<Ends> {
        Ok(match self {
            Make::Sockets => {
                let (near, far) = UnixStream::pair()?;
                [
                    Some(Box::new(Descriptor::new(near)?)),
                    Some(Box::new(Descriptor::new(far)?)),
                ]
            }
            Make::Lent => {
                let (near, far) = UnixStream::pair()?;
                let lender = |end| io::Result::Ok(Lender::new(Descriptor::new(end)?, LENT));
                [Some(Box::new(lender(near)?)), Some(Box::new(lender(far)?))]
            }
            Make::Pipes => {
                let (near_read, far_write) = io::pipe()?;
                let (far_read, near_write) = io::pipe()?;
                [
                    Some(Box::new(Halves::new(near_read, near_write)?)),
                    Some(Box::new(Halves::new(far_read, far_write)?)),
                ]
            }
        })
    }
}

/// Bytes that are lent: less than a frame may have.
const LENT: usize = 3000;

const NEAR: usize = 0;
const FAR: usize = 1;

/// The cables of this process, by name: each for as long as one of its devices is there.
static CABLES: LazyLock<Mutex<HashMap<String, Weak<Cable>>>> = LazyLock::new(Default::default);

/// The ends that nobody has taken yet.
type Cable = Mutex<Ends>;

fn cable(name: &str) -> Arc<Cable> {
    let mut cables = CABLES.lock().unwrap();
    if let Some(cable) = cables.get(name).and_then(Weak::upgrade) {
        return cable;
    }
    cables.retain(|_, cable| cable.strong_count() > 0);
    let cable = Arc::default();
    cables.insert(name.to_owned(), Arc::downgrade(&cable));
    cable
}

/// What answers at the near end of a cable at which nobody has ever listened: a device with nothing to offer.
static BLANK: LazyLock<Mutex<Vec<Hold>>> = LazyLock::new(Default::default);

fn plug_in(cable: &Cable, end: usize, make: Make) -> io::Result<Box<dyn Link>> {
    let mut ends = cable.lock().unwrap();
    if ends[end].is_none() {
        *ends = make.link()?;
    }
    Ok(ends[end].take().unwrap())
}

fn links(make: Make, end: usize) -> LinkTransport {
    LinkTransport::new(["cable"], move |at| {
        at.check_options(&[])?;
        if at.is_plain() {
            return Err(PlaceError::Unsupported("a cable has no plain mode".into()));
        }
        let cable = cable(at.authority());
        Ok(Place {
            key: at.authority().to_owned(),
            settings: settings(),
            device: Box::new(move || plug_in(&cable, end, make)),
        })
    })
}

fn settings() -> Settings {
    Settings {
        mux: Config {
            max_channels: 2048,
            max_credit: 1 << 30,
            ..Config::default()
        },
        ..Settings::default()
    }
}

/// A transport over cables: `cable://NAME/BROKER`.
pub struct Cables {
    make: Make,
    ends: [LinkTransport; 2],
    /// The newest last.
    plugged: Mutex<VecDeque<(String, usize, Hold)>>,
}

/// How many cables each device keeps plugged in: as many as a test has at once. Others are as if unplugged, unless
/// somebody uses them.
const SOCKETS: usize = 4;

impl Cables {
    pub fn new(make: Make) -> Cables {
        Cables {
            make,
            ends: [NEAR, FAR].map(|end| links(make, end)),
            plugged: Mutex::default(),
        }
    }

    fn end(&self, at: &Endpoint, first: usize) -> Result<&LinkTransport, ListenError> {
        let name = at.authority();
        let mut plugged = self.plugged.lock().unwrap();
        if let Some((_, end, _)) = plugged.iter().find(|(known, ..)| known == name) {
            return Ok(&self.ends[*end]);
        }
        let hold = self.ends[first].hold(at)?;
        plugged.push_back((name.to_owned(), first, hold));
        while plugged.len() > SOCKETS {
            // Not the first one, which a test has all the while.
            plugged.remove(1);
        }
        drop(plugged);
        if first == FAR && !LISTENED.lock().unwrap().iter().any(|known| known == name) {
            let blank = links(self.make, NEAR);
            let hold = blank.hold(at)?;
            BLANK.lock().unwrap().push(hold);
        }
        if first == NEAR {
            let mut listened = LISTENED.lock().unwrap();
            listened.push_back(name.to_owned());
            while listened.len() > 1000 {
                listened.pop_front();
            }
        }
        Ok(&self.ends[first])
    }
}

/// The cables whose near end has a device: the last thousand.
static LISTENED: LazyLock<Mutex<VecDeque<String>>> = LazyLock::new(Default::default);

impl Transport for Cables {
    fn schemes(&self) -> &[&str] {
        &["cable"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        match self.end(to, FAR) {
            Ok(links) => links.dial(to, options),
            Err(ListenError::Unsupported(why)) => {
                Box::pin(async { Err(DialError::Unsupported(why)) })
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        self.end(at, NEAR)?.listen(at, options)
    }
}

/// A transport under test.
pub struct OverCables {
    pub make: Make,
    pub live_memory: fn() -> usize,
}

impl Subject for OverCables {
    fn name(&self) -> &str {
        match self.make {
            Make::Sockets => "link over sockets",
            Make::Pipes => "link over pipes",
            Make::Lent => "link that lends its buffers",
        }
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Cables::new(self.make));
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let at = Endpoint::new("cable", &name).unwrap();
        at.with_broker(broker).unwrap()
    }

    fn live_memory(&self) -> Option<fn() -> usize> {
        Some(self.live_memory)
    }
}
