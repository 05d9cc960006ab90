//! The transport: endpoints to devices, one driver for each device.

use std::io;
use std::sync::Arc;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};
use parking_lot::Mutex;

use crate::device::Device;
use crate::dial::Dial;
use crate::link::Link;
use crate::listener::LinkListener;
use crate::place::{Place, PlaceError, Settings};
use crate::registry::{Registry, Use};

type Opener = dyn Fn(&Endpoint) -> Result<Place, PlaceError> + Send + Sync;

/// A transport over links, to be added to a [`Domain`](channel::Domain), or wrapped by a transport of yours. See
/// the crate's documentation.
///
/// Cheap to clone; clones share the drivers.
#[derive(Clone)]
pub struct LinkTransport {
    schemes: Arc<[&'static str]>,
    opener: Arc<Opener>,
    /// Devices given in code, by name.
    given: Arc<Mutex<Vec<(String, Settings, Given)>>>,
    registry: Arc<Registry>,
}

/// A device that is given in code, and used by one driver at a time.
#[derive(Clone)]
struct Given(Arc<Mutex<Box<dyn Device>>>);

impl Device for Given {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        self.0.lock().open()
    }

    fn close(&mut self) {
        self.0.lock().close();
    }

    fn lingers(&self) -> bool {
        self.0.lock().lingers()
    }
}

impl LinkTransport {
    /// A transport for `schemes`. `opener` says what an endpoint stands for; it opens nothing, does not block, and
    /// checks what stands in the endpoint ([`Endpoint::check_options`] and so on).
    ///
    /// Where an endpoint has an authority, its path is the broker's name (`usb://1d6b:0104/camera`); where it has
    /// none, the path is the opener's to read, and the option `broker`, which the opener is not shown, names the
    /// broker (`serial:///dev/ttyUSB0?broker=camera`).
    pub fn new(
        schemes: impl Into<Vec<&'static str>>,
        opener: impl Fn(&Endpoint) -> Result<Place, PlaceError> + Send + Sync + 'static,
    ) -> LinkTransport {
        LinkTransport {
            schemes: schemes.into().into(),
            opener: Arc::new(opener),
            given: Arc::default(),
            registry: Arc::default(),
        }
    }

    /// Adds a device given in code (for one link, see [`Once`](crate::Once)), reached as `SCHEME://NAME`, before
    /// the opener is asked. One of that name that was there is no longer found; who uses it goes on.
    /// While it is absent, it is tried again by the clock alone: its [news](Device::news) are not asked for.
    pub fn add(&self, name: &str, settings: Settings, device: impl Device + 'static) {
        let device = Given(Arc::new(Mutex::new(Box::new(device))));
        let mut given = self.given.lock();
        given.retain(|(old, ..)| old != name);
        given.push((name.to_owned(), settings, device));
    }

    /// Keeps the link open until the value is dropped, also while nobody here uses it (else it is closed a quarter of
    /// a second later): whoever dials from the other end is told at once that nobody listens, instead of waiting; and
    /// a link that can be opened only once is not over with its last channel.
    ///
    /// # Errors
    /// The endpoint stands for nothing, or the device is in use with other settings.
    pub fn hold(&self, at: &Endpoint) -> Result<Hold, ListenError> {
        Ok(Hold(self.enter(at)?))
    }

    fn place(&self, endpoint: &Endpoint) -> Result<Place, PlaceError> {
        if !endpoint.authority().is_empty() {
            let given = self.given.lock();
            let found = given.iter().find(|(name, ..)| name == endpoint.authority());
            if let Some((name, settings, device)) = found {
                endpoint.check_options(&[])?;
                return Ok(Place {
                    key: format!("given {name} {:p}", Arc::as_ptr(&device.0)),
                    settings: settings.clone(),
                    device: Box::new(device.clone()),
                });
            }
        }
        match endpoint.authority() {
            "" => (self.opener)(&endpoint.clone().without_option(BROKER)),
            _ => (self.opener)(endpoint),
        }
    }

    fn enter(&self, endpoint: &Endpoint) -> Result<Use, PlaceError> {
        self.registry
            .enter(self.place(endpoint)?, endpoint.is_plain())
    }
}

/// Names the broker where the path does not.
const BROKER: &str = "broker";

/// Keeps a link open, see [`LinkTransport::hold`].
#[derive(Debug)]
pub struct Hold(#[allow(dead_code, reason = "it is for its drop")] Use);

impl std::fmt::Debug for LinkTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkTransport")
            .field("schemes", &self.schemes)
            .finish_non_exhaustive()
    }
}

impl Transport for LinkTransport {
    fn schemes(&self) -> &[&str] {
        &self.schemes
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move { Dial::start(self.enter(to)?, to, options).await })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        let listener = LinkListener::start(self.enter(at)?, at, options)?;
        Ok(Box::new(listener))
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        match endpoint.authority() {
            "" => endpoint.option(BROKER),
            _ => endpoint.broker(),
        }
        .unwrap_or("")
    }
}
