//! Both ends of a cable, as far as this system has them.

use std::io;

use channel::Domain;
use transport_usb::{DeviceInfo, Event, Usb, Watch};

use super::{Change, Device};
use crate::error::{Error, Result};

/// From now on the domain reaches, and is reached by, what is at the other end of this machine's cables.
pub fn add_to(domain: &Domain) {
    domain.add(Usb::new());
    #[cfg(target_os = "linux")]
    gadget::add_to(domain);
}

/// Whether this machine can be a device, and is not one already.
#[cfg(not(target_os = "linux"))]
pub fn has_controller() -> bool {
    false
}

/// There are none.
#[cfg(not(target_os = "linux"))]
pub fn close_gadgets() {}

#[cfg(target_os = "linux")]
pub use gadget::{close_gadgets, has_controller};

#[cfg(target_os = "linux")]
mod gadget {
    use std::fs;
    use std::path::Path;
    use std::sync::OnceLock;

    use channel::Domain;
    use transport_usb::UsbGadget;

    /// Of all domains.
    static GADGETS: OnceLock<UsbGadget> = OnceLock::new();

    pub fn add_to(domain: &Domain) {
        domain.add(GADGETS.get_or_init(UsbGadget::new).clone());
    }

    /// Takes away the gadgets of this process, which ends.
    pub fn close_gadgets() {
        if let Some(gadgets) = GADGETS.get() {
            gadgets.close();
        }
    }

    pub fn has_controller() -> bool {
        let controllers = Path::new("/sys/class/udc").read_dir();
        // The file names who has it.
        let is_free = |controller: &Path| {
            fs::read(controller.join("function")).is_ok_and(|taken| taken.trim_ascii().is_empty())
        };
        controllers
            .into_iter()
            .flatten()
            .flatten()
            .any(|controller| is_free(&controller.path()))
    }
}

/// The devices that run a gadget of ours.
pub fn devices() -> Result<Vec<Device>> {
    let devices = transport_usb::devices().map_err(not_usable)?;
    Ok(devices.iter().map(Device::from).collect())
}

/// The lines of a rule for udev.
pub fn rule(device: Option<(u16, u16)>) -> Result<String> {
    Ok(transport_usb::udev_rule(device))
}

/// Tells what happens, first what is there, for as long as it is to go on.
pub fn watch(mut tell: impl FnMut(Change) -> Result<bool>) -> Result<()> {
    let mut watch = Watch::new().map_err(not_usable)?;
    loop {
        let change = match watch.next(None).map_err(not_usable)? {
            Some(Event::Arrived(device)) => Change::Arrived((&device).into()),
            Some(Event::Left(device)) => Change::Left((&device).into()),
            _ => continue,
        };
        if !tell(change)? {
            return Ok(());
        }
    }
}

fn not_usable(error: impl Into<io::Error>) -> Error {
    Error::Usb(error.into())
}

impl From<&DeviceInfo> for Device {
    fn from(device: &DeviceInfo) -> Device {
        Device {
            endpoint: device.endpoint().to_string(),
            id: format!("{:04x}:{:04x}", device.vid, device.pid),
            serial: device.serial.clone(),
            manufacturer: device.manufacturer.clone(),
            product: device.product.clone(),
            path: device.path.clone(),
            speed: device.speed.to_string(),
            permitted: device.permitted,
        }
    }
}
