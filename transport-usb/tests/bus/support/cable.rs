//! The virtual cables of the lab: each joins one device controller to a port of the host's.

use std::fs;
use std::path::PathBuf;

use channel::Endpoint;

use super::eventually;

/// A cable, by its device controller's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable(pub usize);

/// A peer that was killed is missed after five times as long: sooner than usual, and later than an emulated processor
/// makes anybody wait.
const KEEP_ALIVE: &str = "keep-alive=1000";

/// All that the machine has.
pub fn all() -> Vec<Cable> {
    let count = fs::read_dir("/sys/class/udc").unwrap().count();
    (0..count).map(Cable).collect()
}

/// The bus's speed, as the system calls it.
pub fn speed() -> String {
    let speed = fs::read_to_string("/sys/class/udc/dummy_udc.0/maximum_speed");
    speed.map_or_else(|_| "no".into(), |speed| speed.trim().to_owned())
}

/// Whether the host has configured a device with this serial number. (The controller's own file `state` still says so
/// when the device is gone.)
pub fn is_configured(serial: &str) -> bool {
    let devices = fs::read_dir("/sys/bus/usb/devices").unwrap().flatten();
    let says = |device: &fs::DirEntry, file: &str, what: &str| {
        fs::read_to_string(device.path().join(file)).is_ok_and(|text| text.trim() == what)
    };
    devices
        .filter(|device| says(device, "serial", serial))
        .any(|device| says(&device, "bConfigurationValue", "1"))
}

#[track_caller]
pub fn wait_until_configured(serial: &str) {
    eventually("the host has configured the gadget", || {
        is_configured(serial)
    });
}

impl Cable {
    /// What the gadget on it is called.
    pub fn name(self) -> String {
        format!("lab-{}", self.0)
    }

    fn udc(self) -> String {
        format!("dummy_udc.{}", self.0)
    }

    /// The device's end, of a broker that is called as the gadget is.
    pub fn gadget(self) -> Endpoint {
        self.gadget_of(&self.name())
    }

    /// The same of any broker.
    pub fn gadget_of(self, broker: &str) -> Endpoint {
        let (name, udc) = (self.name(), self.udc());
        let at = format!("usb-gadget://{name}/{broker}?udc={udc}&serial={name}&{KEEP_ALIVE}");
        at.parse().unwrap()
    }

    /// The host's end.
    pub fn host(self) -> Endpoint {
        self.host_of(&self.name())
    }

    pub fn host_of(self, broker: &str) -> Endpoint {
        let at = format!("usb:///{broker}?serial={}&{KEEP_ALIVE}", self.name());
        at.parse().unwrap()
    }

    /// The controller, for a gadget that is not ours.
    pub fn controller(self) -> usb_gadget::Udc {
        let udcs = usb_gadget::udcs().unwrap();
        let udc = udcs.into_iter().find(|udc| udc.name() == &*self.udc());
        udc.expect("the lab has that many controllers")
    }

    #[track_caller]
    pub fn wait_until_configured(self) {
        wait_until_configured(&self.name());
    }

    /// Pulls the plug: the host's port gives no power any more. The device's set-up stays.
    pub fn pull(self) {
        self.ports(true);
    }

    /// Plugs it in again.
    pub fn plug(self) {
        self.ports(false);
    }

    /// SuperSpeed has a port of its own.
    fn ports(self, disable: bool) {
        let controller = format!("/sys/devices/platform/dummy_hcd.{}", self.0);
        for hub in fs::read_dir(controller).unwrap().flatten() {
            let hub = hub.path();
            let Some(number) = hub
                .file_name()
                .and_then(|name| name.to_str()?.strip_prefix("usb"))
            else {
                continue;
            };
            let port = format!("{number}-0:1.0/usb{number}-port1/disable");
            fs::write(hub.join(port), if disable { "1" } else { "0" }).unwrap();
        }
    }

    /// Where the gadget's set-up lies.
    pub fn setup(self) -> PathBuf {
        PathBuf::from(format!(
            "/sys/kernel/config/usb_gadget/channel-link-{}",
            self.name()
        ))
    }

    /// Takes the gadget from its controller, as a board does that is told to be another device.
    pub fn unbind(self) {
        fs::write(self.setup().join("UDC"), "\n").unwrap();
    }

    pub fn bind(self) {
        fs::write(self.setup().join("UDC"), self.udc()).unwrap();
    }
}
