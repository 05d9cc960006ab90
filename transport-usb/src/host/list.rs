//! Which devices are plugged in.

use std::io;
use std::sync::Arc;

use channel::{Endpoint, EndpointError};

use super::bus::Bus;
use super::descriptors::Interface;
use super::seen::Seen;

/// A device that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Its vendor.
    pub vid: u16,
    /// Its product.
    pub pid: u16,
    /// Bus and ports, as in `1-1.2`: where it is plugged in.
    pub path: String,
    /// Its serial number. `None`: it has none, or it cannot be read without the right to open the device (on Linux it
    /// can).
    pub serial: Option<String>,
    /// Its manufacturer, by its own words.
    pub manufacturer: Option<String>,
    /// Its product's name, by its own words.
    pub product: Option<String>,
    /// How fast it is connected.
    pub speed: Speed,
    /// Our gadget on it; `None`: it is somebody else's.
    pub gadget: Option<Gadget>,
    /// Whether this user may open it, as far as can be told without doing so.
    pub permitted: bool,
    /// Bus, and number on it.
    pub(super) number: (u8, u8),
    /// Serial number and gadget are not enough to tell it from others.
    has_twin: bool,
    /// It has more than one gadget.
    has_more: bool,
}

/// Our gadget on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gadget {
    /// Its name.
    pub name: String,
    /// The number of its interface.
    pub interface: u8,
    /// The version of the protocol on its endpoints. Other versions than [`PROTOCOL`](crate::PROTOCOL) cannot be
    /// dialled.
    pub version: u8,
}

/// How fast a device is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Speed {
    /// The system does not say.
    Unknown,
    /// 1.5 Mbit/s, without bulk endpoints.
    Low,
    /// 12 Mbit/s.
    Full,
    /// 480 Mbit/s.
    High,
    /// 5 Gbit/s.
    Super,
    /// 10 Gbit/s, or more.
    SuperPlus,
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Speed::Unknown => "unknown speed",
            Speed::Low => "low speed (1.5 Mbit/s)",
            Speed::Full => "full speed (12 Mbit/s)",
            Speed::High => "high speed (480 Mbit/s)",
            Speed::Super => "super speed (5 Gbit/s)",
            Speed::SuperPlus => "super speed plus (10 Gbit/s)",
        })
    }
}

impl From<rusb::Speed> for Speed {
    fn from(speed: rusb::Speed) -> Speed {
        match speed {
            rusb::Speed::Low => Speed::Low,
            rusb::Speed::Full => Speed::Full,
            rusb::Speed::High => Speed::High,
            rusb::Speed::Super => Speed::Super,
            rusb::Speed::SuperPlus => Speed::SuperPlus,
            _ => Speed::Unknown,
        }
    }
}

/// Why devices cannot be listed or watched.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsbError {
    /// There is no USB here that programs may use; says what to do.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The operating system said no.
    #[error("{0}")]
    Io(Arc<io::Error>),
}

impl From<io::Error> for UsbError {
    fn from(error: io::Error) -> UsbError {
        match error.kind() {
            io::ErrorKind::Unsupported => UsbError::Unsupported(error.to_string()),
            _ => UsbError::Io(Arc::new(error)),
        }
    }
}

/// [`Unsupported`](io::ErrorKind::Unsupported), or the system's own.
impl From<UsbError> for io::Error {
    fn from(error: UsbError) -> io::Error {
        let kind = match &error {
            UsbError::Unsupported(_) => io::ErrorKind::Unsupported,
            UsbError::Io(error) => error.kind(),
        };
        io::Error::new(kind, error)
    }
}

/// The devices that run our gadget; one that runs several, several times. Nothing is opened, on Linux. It takes some
/// milliseconds.
///
/// # Errors
/// There is no USB.
pub fn devices() -> Result<Vec<DeviceInfo>, UsbError> {
    let bus = Bus::new()?;
    let mut all = list(&bus, |_| true)?;
    all.retain(|device| device.gadget.is_some());
    Ok(all)
}

/// The devices of this vendor and product, whether they run our gadget or not.
///
/// # Errors
/// There is no USB.
pub fn devices_of(vid: u16, pid: u16) -> Result<Vec<DeviceInfo>, UsbError> {
    let bus = Bus::new()?;
    Ok(list(&bus, |ids| ids == (vid, pid))?)
}

fn list(bus: &Bus, wanted: impl Fn((u16, u16)) -> bool) -> io::Result<Vec<DeviceInfo>> {
    let found = bus.look(|ids, _| wanted(ids))?;
    let seen: Vec<Seen> = found.into_iter().map(|(_, seen)| seen).collect();
    Ok(describe(&seen))
}

/// One that runs several of our gadgets, several times.
pub(super) fn describe(seen: &[Seen]) -> Vec<DeviceInfo> {
    let has_twin = |one: &Seen| {
        let same = |other: &&Seen| other.ids == one.ids && other.serial == one.serial;
        seen.iter().filter(same).count() > 1
    };
    seen.iter()
        .flat_map(|one| {
            let ours: Vec<Gadget> = ours(one).collect();
            let info = |gadget| DeviceInfo {
                vid: one.ids.0,
                pid: one.ids.1,
                path: one.path.clone(),
                serial: one.serial.clone(),
                manufacturer: one.manufacturer.clone(),
                product: one.product.clone(),
                speed: one.speed,
                permitted: is_permitted(one),
                number: (one.bus, one.number),
                has_twin: has_twin(one),
                has_more: ours.len() > 1,
                gadget,
            };
            match ours.len() {
                0 => vec![info(None)],
                _ => ours
                    .iter()
                    .cloned()
                    .map(|gadget| info(Some(gadget)))
                    .collect(),
            }
        })
        .collect()
}

fn ours(seen: &Seen) -> impl Iterator<Item = Gadget> + '_ {
    let interfaces = seen.interfaces.iter().flatten().flatten();
    interfaces
        .filter(|i| i.setting == 0 && i.is_ours())
        .map(|interface: &Interface| Gadget {
            name: interface.gadget().unwrap_or_default().to_owned(),
            interface: interface.number,
            version: interface.class[2],
        })
}

#[cfg(target_os = "linux")]
fn is_permitted(seen: &Seen) -> bool {
    use rustix::fs::{Access, access};
    access(super::busy::node(seen), Access::READ_OK | Access::WRITE_OK).is_ok()
}

/// Where it was read, it could be opened.
#[cfg(not(target_os = "linux"))]
fn is_permitted(seen: &Seen) -> bool {
    seen.interfaces.is_some()
}

impl DeviceInfo {
    /// The endpoint that means this device, and no other one of those that were there: by its serial number, so that it
    /// is found again wherever it is plugged in, or by its path where that is not enough. One that does not run
    /// our gadget has a plain endpoint.
    pub fn endpoint(&self) -> Endpoint {
        let serial = self.serial.as_deref();
        self.by(serial, serial.is_none() || self.has_twin)
            // A serial number of 126 characters, all escaped, is too long for an endpoint.
            .or_else(|_| self.by(None, true))
            .expect("numbers and a path make an endpoint")
    }

    fn by(&self, serial: Option<&str>, path: bool) -> Result<Endpoint, EndpointError> {
        let mut endpoint = Endpoint::new("usb", &format!("{:04x}:{:04x}", self.vid, self.pid))?;
        if let Some(serial) = serial {
            endpoint = endpoint.with_option("serial", serial)?;
        }
        if path {
            endpoint = endpoint.with_option("path", &self.path)?;
        }
        match &self.gadget {
            None => Ok(endpoint.plain()),
            Some(gadget) if self.has_more => {
                endpoint.with_option("interface", &gadget.interface.to_string())
            }
            Some(_) => Ok(endpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::address::Address;
    use crate::host::choose::choose;
    use crate::host::choose::tests::{OURS, PAIR, device, good};

    #[test]
    fn the_endpoint_of_each_means_it_alone() {
        let part = |name| (OURS, Some(name), PAIR);
        let seen = [
            good("1-1", "a b"),
            good("1-2", "twin"),
            good("1-3", "twin"),
            device("2-1", None, &[part("channel-link")]),
            device(
                "2-2",
                Some("more"),
                &[part("channel-link x"), part("channel-link y")],
            ),
        ];
        let all = describe(&seen);
        let endpoints: Vec<String> = all
            .iter()
            .map(|device| device.endpoint().to_string())
            .collect();
        assert_eq!(
            endpoints,
            [
                "usb://1d6b:0104?serial=a%20b",
                "usb://1d6b:0104?path=1-2&serial=twin",
                "usb://1d6b:0104?path=1-3&serial=twin",
                "usb://1d6b:0104?path=2-1",
                "usb://1d6b:0104?interface=0&serial=more",
                "usb://1d6b:0104?interface=1&serial=more",
            ]
        );
        for device in &all {
            let pick = choose(&seen, &Address::of(&device.endpoint()).unwrap(), true).unwrap();
            assert_eq!(seen[pick.device].path, device.path);
            assert_eq!(
                Some(pick.interface),
                device.gadget.as_ref().map(|g| g.interface)
            );
        }
        let names: Vec<&str> = all
            .iter()
            .map(|d| d.gadget.as_ref().unwrap().name.as_str())
            .collect();
        assert_eq!(names, ["camera", "camera", "camera", "", "x", "y"]);
    }

    #[test]
    fn a_device_of_somebody_else_has_a_plain_endpoint() {
        let seen = device("1-1", Some("7"), &[([8, 6, 80], None, PAIR)]);
        let [info] = &describe(&[seen])[..] else {
            panic!("one device");
        };
        assert_eq!(info.gadget, None);
        assert_eq!(
            info.endpoint().to_string(),
            "usb+plain://1d6b:0104?serial=7"
        );
    }

    #[test]
    fn a_serial_number_that_is_too_long_for_an_endpoint_gives_way_to_the_path() {
        for (serial, option) in [("a", "serial"), ("\u{fffd}", "path")] {
            let serial = serial.repeat(126);
            let endpoint = describe(&[good("1-1.1.1.1.1.1", &serial)])[0].endpoint();
            assert_eq!(endpoint.options().next().unwrap().0, option);
        }
    }
}
