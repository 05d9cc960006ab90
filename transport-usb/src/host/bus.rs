//! The buses of this machine, as libusb shows them: what is plugged in, and news of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;

use rusb::{Context, Device, Hotplug, HotplugBuilder, Registration, UsbContext};

use super::read::read;
use super::seen::Seen;
use super::transfers::events;

/// What to do where libusb does not start.
const NO_USB: &str = "this machine has no USB that programs may use, or not now: on Linux it is reached through \
                      /dev/bus/usb, which needs a kernel with USB and, in a container, that directory passed in \
                      (`--device /dev/bus/usb`)";

/// A context is kept so long at least: where it never knows all devices, new ones are not made all the time.
#[cfg(target_os = "linux")]
const LASTS: Duration = Duration::from_secs(1);

/// A libusb context of one's own.
///
/// Events are handled by [`note`](Bus::note), and by whoever uses a device that was opened: all on one thread.
pub(super) struct Bus {
    context: Context,
    /// Libusb tells what comes and goes. `None`: it cannot here.
    hotplug: Option<Registration<Context>>,
    arrived: Arc<AtomicBool>,
    events: OwnedFd,
    #[cfg(target_os = "linux")]
    begun: Instant,
}

impl Bus {
    /// # Errors
    /// `Unsupported`: there is no USB here; the text says what to do.
    pub(super) fn new() -> io::Result<Bus> {
        // The library's own short-cuts (`rusb::devices`, `rusb::has_hotplug`) panic where this fails.
        let context = Context::new().map_err(|error| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                format!("{NO_USB} (libusb: {error})"),
            )
        })?;
        let arrived = Arc::new(AtomicBool::new(false));
        let callback = Box::new(Arrivals(arrived.clone()));
        let hotplug = HotplugBuilder::new().register(context.clone(), callback);
        Ok(Bus {
            events: events(&context)?,
            hotplug: hotplug.ok(),
            arrived,
            #[cfg(target_os = "linux")]
            begun: Instant::now(),
            context,
        })
    }

    /// Handles events, without waiting; whether a device has arrived since the last call.
    pub(super) fn note(&self) -> bool {
        // What fails here fails in the calls to come, too, which tell it.
        let _ = self.context.handle_events(Some(Duration::ZERO));
        // The callback runs in the call above, or in another of this thread.
        self.arrived.swap(false, Ordering::Relaxed)
    }

    /// Readable when there are events to handle.
    pub(super) fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }

    /// Whether there are events of devices that come and go.
    pub(super) fn tells(&self) -> bool {
        self.hotplug.is_some()
    }

    /// What is plugged in, of that for which `wanted` says so: vendor and product, and the path.
    ///
    /// # Errors
    /// The list cannot be had.
    pub(super) fn look(
        &self,
        wanted: impl Fn((u16, u16), &str) -> bool,
    ) -> io::Result<Vec<(Device<Context>, Seen)>> {
        let devices = self.context.devices();
        let devices = devices.map_err(|error| failed(error, "the list of USB devices"))?;
        let found = devices.iter().filter_map(|device| {
            let descriptor = device.device_descriptor().ok()?;
            let ids = (descriptor.vendor_id(), descriptor.product_id());
            let path = path(&device)?;
            if !wanted(ids, &path) {
                return None;
            }
            let seen = read(&device, ids, path)?;
            Some((device, seen))
        });
        Ok(found.collect())
    }
}

impl Bus {
    /// Whether the system has other devices than libusb knows of, which it hears by events that do not reach every
    /// container: then another one is needed, which looks by itself.
    #[cfg(target_os = "linux")]
    pub(super) fn is_stale(&self) -> bool {
        if self.begun.elapsed() < LASTS {
            return false;
        }
        let Ok(devices) = self.context.devices() else {
            return true;
        };
        let known = devices
            .iter()
            .filter_map(|device| Some((path(&device)?, device.address())));
        let mut known: Vec<(String, u8)> = known.collect();
        known.sort();
        super::read::present().is_some_and(|present| present != known)
    }

    /// Elsewhere libusb looks by itself.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_stale(&self) -> bool {
        false
    }
}

/// Bus and ports, as in `1-1.2`; `None`: it is a root hub, or has left.
fn path(device: &Device<Context>) -> Option<String> {
    let ports = device.port_numbers().ok()?;
    let ports: Vec<String> = ports.iter().map(u8::to_string).collect();
    match ports[..] {
        [] => None,
        _ => Some(format!("{}-{}", device.bus_number(), ports.join("."))),
    }
}

/// What libusb says where nothing better is known. `of`: what it says it of.
pub(super) fn failed(error: rusb::Error, of: &str) -> io::Error {
    let kind = match error {
        rusb::Error::NoDevice | rusb::Error::NotFound => io::ErrorKind::NotFound,
        rusb::Error::Access => io::ErrorKind::PermissionDenied,
        rusb::Error::Busy => io::ErrorKind::ResourceBusy,
        rusb::Error::NoMem => io::ErrorKind::OutOfMemory,
        rusb::Error::NotSupported => io::ErrorKind::Unsupported,
        rusb::Error::Timeout => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("{of}: libusb says: {error}"))
}

/// Takes note of arrivals. (A device must not be touched before its events are handled.)
struct Arrivals(Arc<AtomicBool>);

impl Hotplug<Context> for Arrivals {
    fn device_arrived(&mut self, _: Device<Context>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn device_left(&mut self, _: Device<Context>) {}
}
