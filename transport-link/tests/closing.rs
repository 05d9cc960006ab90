//! What a device keeps between two links is given back when nobody uses it any more, and a process can wait for that.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use channel::Endpoint;
use transport_link::{Device, Link, LinkTransport, PlaceError, Settings};

/// Far beyond what anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Set up when it is opened, and absent for ever.
#[derive(Clone, Default)]
struct Kept(Arc<Counts>);

#[derive(Default)]
struct Counts {
    opened: AtomicUsize,
    up: AtomicUsize,
    closed: AtomicUsize,
}

impl Device for Kept {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        self.0.up.store(1, Ordering::SeqCst);
        Err(io::ErrorKind::NotConnected.into())
    }

    fn close(&mut self) {
        // Whoever does not wait for it is found out.
        thread::sleep(Duration::from_millis(100));
        self.0.up.store(0, Ordering::SeqCst);
        self.0.closed.fetch_add(1, Ordering::SeqCst);
    }

    fn lingers(&self) -> bool {
        true
    }
}

fn transport(device: &Kept) -> (LinkTransport, Endpoint) {
    let nothing = |_: &Endpoint| Err(PlaceError::Unsupported("nothing".into()));
    let transport = LinkTransport::new(["kept"], nothing);
    transport.add("it", Settings::default(), device.clone());
    (transport, "kept://it".parse().unwrap())
}

#[test]
fn a_process_that_lingers_waits_until_the_device_is_closed() {
    let device = Kept::default();
    let (transport, at) = transport(&device);
    for round in 1..=3 {
        let hold = transport.hold(&at).unwrap();
        let waits = std::time::Instant::now();
        while device.0.up.load(Ordering::SeqCst) == 0 {
            assert!(waits.elapsed() < LONG, "it is not opened");
            thread::yield_now();
        }
        drop(hold);
        channel::linger(LONG).unwrap();
        assert_eq!(device.0.up.load(Ordering::SeqCst), 0, "it is not closed");
        assert_eq!(device.0.closed.load(Ordering::SeqCst), round);
    }
}
