//! What the tests share.
#![allow(dead_code)]

pub mod cable;
pub mod lender;
pub mod plug;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Domain, Endpoint};
use transport_link::{Device, LinkTransport, PlaceError, Settings};

/// Far more than anything here takes; a test that hangs fails instead.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A domain with `link://cable` over a device.
pub fn domain(settings: Settings, device: impl Device + 'static) -> Domain {
    let domain = Domain::new();
    domain.add(transport(settings, device));
    domain
}

/// A transport that knows nothing but `link://cable`.
pub fn transport(settings: Settings, device: impl Device + 'static) -> LinkTransport {
    let links = LinkTransport::new(["link"], |at| {
        Err(PlaceError::Unsupported(format!("{at}: no such link")))
    });
    links.add("cable", settings, device);
    links
}

pub fn at(endpoint: &str) -> Endpoint {
    endpoint.parse().unwrap()
}

/// Two channels that are connected: the server's, and the client's.
pub fn meet(server: &Broker, client: &Broker, port: u16) -> (Channel, Channel) {
    let connecting = {
        let client = client.clone();
        std::thread::spawn(move || client.connect_at(&at("link://cable"), port, Some(LIMIT)))
    };
    let ours = server.accept_timeout(port, LIMIT).unwrap();
    (ours, connecting.join().unwrap().unwrap())
}

/// Waits for a condition.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Tests that look at what the whole process has run one after the other.
pub fn alone() -> impl Drop {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
