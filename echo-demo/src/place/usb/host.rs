//! This machine as a host.

use std::io;

use channel::Domain;
use transport_usb::{DeviceInfo, Event, Usb, Watch};

use super::{Change, Device};
use crate::error::{Error, Result};

/// From now on the domain reaches, and is reached by, devices.
pub fn add_to(domain: &Domain) {
    domain.add(Usb::new());
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
