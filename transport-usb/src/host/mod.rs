//! `usb:`, the host's end: devices that run our gadget, and in plain mode any device with bulk endpoints.

mod address;
mod aside;
mod bus;
mod busy;
mod choose;
mod descriptors;
mod device;
mod faults;
mod list;
mod news;
mod read;
mod rule;
mod seen;
#[allow(unsafe_code, reason = "libusb's asynchronous interface is C")]
mod transfers;
mod watch;

use std::sync::Arc;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};
use transport_link::{Hold, LinkTransport, Place, PlaceError, Settings};

use address::Address;
use device::UsbDevice;
pub use list::{DeviceInfo, Gadget, Speed, UsbError, devices, devices_of};
pub use rule::udev_rule;
pub use watch::{Event, Watch};

/// The transport `usb:`, to be added to a [`Domain`](channel::Domain): the host's end of the cable. The crate's
/// documentation says what stands in its endpoints.
///
/// Cheap to clone; clones share the devices.
#[derive(Clone, Debug)]
pub struct Usb(LinkTransport);

impl Usb {
    /// A transport for the devices of this machine. Nothing is looked for, nor opened, before somebody dials or
    /// listens.
    pub fn new() -> Usb {
        Usb(LinkTransport::new(["usb"], place))
    }

    /// Keeps a device open until the value is dropped, also while nobody here uses it: whoever dials from the device
    /// is told at once that nobody listens, instead of waiting.
    ///
    /// # Errors
    /// The endpoint stands for nothing, or the device is in use with other settings.
    pub fn hold(&self, at: &Endpoint) -> Result<Hold, ListenError> {
        Address::of(at)?;
        self.0.hold(at)
    }
}

impl Default for Usb {
    fn default() -> Usb {
        Usb::new()
    }
}

fn place(endpoint: &Endpoint) -> Result<Place, PlaceError> {
    let address = Address::of(endpoint)?;
    Ok(Place {
        key: address.key(),
        settings: match &address.plain {
            // It is the host that begins sessions, also after a transfer that hangs.
            None => Settings {
                reopen: true,
                ..crate::ours::settings(address.keep_alive)
            },
            Some(_) => Settings {
                line: address.line(),
                ..Settings::default()
            },
        },
        device: Box::new(UsbDevice::new(address)),
    })
}

impl Transport for Usb {
    fn schemes(&self) -> &[&str] {
        self.0.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let address = Address::of(to)?;
            if address.absent_fails {
                // It asks the system, which takes some milliseconds.
                let looked = aside::aside(move || device::look(&address)).await;
                looked.map_err(|error| match error.kind() {
                    std::io::ErrorKind::Unsupported => DialError::Unsupported(error.to_string()),
                    _ => DialError::Io(Arc::new(error)),
                })?;
            }
            self.0.dial(to, options).await
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Address::of(at)?;
        self.0.listen(at, options)
    }

    /// The path, also where any device will do.
    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        endpoint.broker().unwrap_or("")
    }
}
