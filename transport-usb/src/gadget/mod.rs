//! `usb-gadget:`, the device's end: Linux with a USB device controller.
#![doc = include_str!("guide.md")]

mod address;
#[allow(
    unsafe_code,
    reason = "the kernel's asynchronous transfers have no safe form"
)]
mod aio;
mod configfs;
mod device;
mod ep0;
mod functionfs;
mod gadgets;
mod lock;
mod machine;
mod prepared;
mod session;
mod setup;
mod udc;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError};
use transport_link::{Hold, LinkTransport, Place};

use crate::ours;
use address::Address;
use device::Gadget;
use gadgets::Gadgets;

/// The transport `usb-gadget:`, to be added to a [`Domain`](channel::Domain). The [module](self)'s documentation says what stands in its
/// endpoints.
///
/// Cheap to clone; clones share the gadgets.
#[derive(Clone, Debug)]
pub struct UsbGadget(LinkTransport, Gadgets);

impl UsbGadget {
    /// A transport for gadgets of this machine.
    pub fn new() -> UsbGadget {
        let gadgets = Gadgets::default();
        let all = gadgets.clone();
        let opener = move |endpoint: &Endpoint| {
            let address = Address::of(endpoint)?;
            let mut settings = ours::settings(address.keep_alive);
            settings.line = address.line();
            Ok(Place {
                key: address.name.clone(),
                settings,
                device: Box::new(Gadget::new(address, gadgets.clone())),
            })
        };
        UsbGadget(LinkTransport::new(["usb-gadget"], opener), all)
    }

    /// Keeps a gadget plugged in until the value is dropped, also while nobody here uses it: it neither disappears
    /// from the bus between two channels, nor does the host's program wait for an answer.
    ///
    /// # Errors
    /// The endpoint stands for nothing, or the gadget is in use with other settings.
    pub fn hold(&self, at: &Endpoint) -> Result<Hold, ListenError> {
        self.0.hold(at)
    }

    /// Takes the gadgets of this value, and of its clones, away at once: for a program that is interrupted, or ends with
    /// channels open. (One that has dropped all that uses a gadget, and then [lingers](channel::linger), need not.)
    ///
    /// Channels that are open are lost; none is opened any more. Blocks for some ten milliseconds, or until a gadget is
    /// set up, if one just is. Gadgets that somebody else has prepared are none of its business.
    pub fn close(&self) {
        self.1.close();
    }
}

impl Default for UsbGadget {
    fn default() -> UsbGadget {
        UsbGadget::new()
    }
}

impl Transport for UsbGadget {
    fn schemes(&self) -> &[&str] {
        self.0.schemes()
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a channel::Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        self.0.dial(to, options)
    }

    fn listen(
        &self,
        at: &Endpoint,
        options: &channel::Options,
    ) -> Result<Box<dyn Listener>, ListenError> {
        self.0.listen(at, options)
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        self.0.broker_of(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use channel::{Domain, Endpoint};

    use super::*;

    /// shows E3
    #[test]
    fn a_machine_that_cannot_be_a_device_says_so_and_what_to_do() {
        if std::fs::read_dir("/sys/class/udc").is_ok_and(|mut all| all.next().is_some()) {
            println!("this machine has a USB device controller: nothing to be shown here");
            return;
        }
        let domain = Domain::new();
        domain.add(UsbGadget::new());
        let broker = domain.broker("camera").unwrap();
        let at: Endpoint = "usb-gadget://camera/camera".parse().unwrap();
        let listened = broker
            .listen(&at)
            .map(drop)
            .map_err(|error| error.to_string());
        let dialled = broker.connect_at(&at, 1, Some(Duration::from_secs(60)));
        let dialled = dialled.map(drop).map_err(|error| error.to_string());
        for told in [listened, dialled] {
            let told = told.unwrap_err();
            for part in ["no USB device controller", "dtoverlay=dwc2"] {
                assert!(told.contains(part), "{told}");
            }
        }
        channel::linger(Duration::from_secs(60)).unwrap();
    }

    /// shows G3
    #[test]
    fn two_settings_of_one_gadget_are_told_apart() {
        let gadget = UsbGadget::new();
        let _hold = gadget
            .hold(&"usb-gadget://a?serial=1".parse().unwrap())
            .unwrap();
        let other = gadget.hold(&"usb-gadget://a?serial=2".parse().unwrap());
        let told = other.unwrap_err().to_string();
        assert!(
            told.contains("serial=1") && told.contains("serial=2"),
            "{told}"
        );
    }
}
