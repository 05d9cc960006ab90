//! Which of the devices that are plugged in an address means, and which endpoints of it.

#[cfg(test)]
pub(super) mod tests;

use std::io;

use super::address::{Address, Plain};
use super::descriptors::{Endpoint, Interface};
use super::seen::Seen;
use super::transfers::Pin;
use crate::ours::{CLASS, INTERFACE, PROTOCOL, SUBCLASS};

/// What was chosen.
#[derive(Debug, PartialEq)]
pub(super) struct Pick {
    /// Which of the devices.
    pub(super) device: usize,
    pub(super) interface: u8,
    pub(super) receive: Pin,
    pub(super) send: Pin,
}

/// Why nothing was.
#[derive(Debug)]
pub(super) enum Miss {
    /// It is not plugged in.
    Absent,
    /// One that may be meant is just being set up by the system.
    Soon,
    /// Waiting alone does not help.
    Told(io::Error),
}

/// `patient`: a device whose names cannot be read is taken for one that is just being set up.
pub(super) fn choose(seen: &[Seen], address: &Address, patient: bool) -> Result<Pick, Miss> {
    let mut soon = false;
    let mut wrong = None;
    let mut fits = Vec::new();
    for (index, device) in seen.iter().enumerate() {
        if !address.may_be(device.ids, &device.path) {
            continue;
        }
        let interfaces = match &device.interfaces {
            None => {
                soon = true;
                continue;
            }
            Some(_) if patient && !device.is_settled() => {
                soon = true;
                continue;
            }
            Some(Err(garbage)) => {
                if address.ids.is_some() {
                    wrong.get_or_insert(told(
                        io::ErrorKind::InvalidData,
                        format!("{device}: {garbage}; is its firmware damaged?"),
                    ));
                }
                continue;
            }
            Some(Ok(interfaces)) => interfaces,
        };
        if !address.names(device) {
            continue;
        }
        let found = match &address.plain {
            Some(plain) => bare(interfaces, address.interface, plain),
            None => ours(interfaces, address),
        };
        match found {
            Ok(found) => fits.extend(found.into_iter().map(|(interface, receive, send)| Pick {
                device: index,
                interface,
                receive,
                send,
            })),
            Err((kind, text)) => {
                wrong.get_or_insert(told(kind, format!("USB device {device}: {text}")));
            }
        }
    }
    match fits.pop() {
        Some(only) if fits.is_empty() => Ok(only),
        Some(last) => {
            fits.push(last);
            Err(Miss::Told(several(seen, &fits, address)))
        }
        None if soon => Err(Miss::Soon),
        None => Err(wrong.map_or(Miss::Absent, Miss::Told)),
    }
}

impl Address {
    /// By what is known from the beginning.
    pub(super) fn may_be(&self, ids: (u16, u16), path: &str) -> bool {
        self.ids.is_none_or(|wanted| wanted == ids)
            && self.path.as_ref().is_none_or(|wanted| wanted == path)
    }

    fn names(&self, device: &Seen) -> bool {
        let serial = self.serial.as_ref();
        serial.is_none_or(|serial| device.serial.as_ref() == Some(serial))
    }
}

type Found = Vec<(u8, Pin, Pin)>;
type Wrong = (io::ErrorKind, String);

/// The interfaces of ours. None is no mistake where the address is of anything that is ours.
fn ours(interfaces: &[Interface], address: &Address) -> Result<Found, Wrong> {
    let mut found = Vec::new();
    let mut wrong = None;
    let asked = first_settings(interfaces, address.interface)
        .filter(|interface| address.interface.is_some() || interface.is_of_our_class());
    for interface in asked {
        if !interface.is_ours() {
            continue;
        }
        let version = interface.class[2];
        if version != PROTOCOL {
            wrong.get_or_insert((
                io::ErrorKind::Unsupported,
                format!(
                    "its gadget speaks version {version} of the protocol, and this program version {PROTOCOL}: update \
                     the older of the two"
                ),
            ));
            continue;
        }
        match (only(interface, true, None), only(interface, false, None)) {
            (Ok(receive), Ok(send)) => found.push((interface.number, receive, send)),
            (Err(why), _) | (_, Err(why)) => {
                wrong.get_or_insert((io::ErrorKind::InvalidInput, why));
            }
        }
    }
    match wrong {
        _ if !found.is_empty() => Ok(found),
        Some(wrong) => Err(wrong),
        // It is somebody else's, and was not asked for.
        None if address.ids.is_none() => Ok(found),
        None => Err((
            io::ErrorKind::InvalidInput,
            format!(
                "{} of ours (class {CLASS:02x}/{SUBCLASS:02x}/{PROTOCOL:02x}, a name that begins with `{INTERFACE}`); {}. A \
                 device that is not ours takes `usb+plain:`",
                match address.interface {
                    Some(number) => format!("interface {number} is not one"),
                    None => "it has no interface".to_owned(),
                },
                there(interfaces)
            ),
        )),
    }
}

/// The interfaces for a bare stream.
fn bare(interfaces: &[Interface], number: Option<u8>, plain: &Plain) -> Result<Found, Wrong> {
    let mut found = Vec::new();
    let mut wrong = None;
    for interface in first_settings(interfaces, number) {
        match (
            only(interface, true, plain.receive),
            only(interface, false, plain.send),
        ) {
            (Ok(receive), Ok(send)) => found.push((interface.number, receive, send)),
            (Err(why), _) | (_, Err(why)) => {
                // One that was not asked for, and is no stream at all, is no mistake.
                if number.is_some() || is_stream(interface) {
                    wrong.get_or_insert(why);
                }
            }
        }
    }
    match wrong {
        _ if !found.is_empty() => Ok(found),
        Some(why) => Err((io::ErrorKind::InvalidInput, why)),
        None => Err((
            io::ErrorKind::InvalidInput,
            format!(
                "{} that can be a stream (one bulk endpoint each way{}); {}",
                match number {
                    Some(number) => format!("there is no interface {number}"),
                    None => "it has no interface".to_owned(),
                },
                match (plain.receive, plain.send) {
                    (None, None) => "",
                    _ => ", of the addresses that are given",
                },
                there(interfaces)
            ),
        )),
    }
}

fn is_stream(interface: &Interface) -> bool {
    let has = |is_in| {
        interface
            .endpoints
            .iter()
            .any(|e| e.is_bulk() && e.is_in() == is_in)
    };
    has(true) && has(false)
}

/// The settings that a session begins with.
fn first_settings(
    interfaces: &[Interface],
    number: Option<u8>,
) -> impl Iterator<Item = &Interface> {
    interfaces
        .iter()
        .filter(move |i| i.setting == 0 && number.is_none_or(|number| number == i.number))
}

/// The one bulk endpoint of that direction, or the one of that address.
fn only(interface: &Interface, is_in: bool, address: Option<u8>) -> Result<Pin, String> {
    let (way, option) = match is_in {
        true => ("in", "in=0x81"),
        false => ("out", "out=0x01"),
    };
    let fits = |endpoint: &&Endpoint| {
        endpoint.is_bulk()
            && endpoint.is_in() == is_in
            && address.is_none_or(|address| address == endpoint.address)
    };
    let all: Vec<&Endpoint> = interface.endpoints.iter().filter(fits).collect();
    match all[..] {
        [one] if one.packet > 0 => Ok(Pin {
            address: one.address,
            packet: one.packet.into(),
        }),
        [one] => Err(format!(
            "endpoint {:#04x} of {interface} says that its packets have no bytes",
            one.address
        )),
        [] => Err(match address {
            Some(address) => format!(
                "{interface} has no bulk endpoint {address:#04x}; {}",
                ends(interface)
            ),
            None => format!(
                "{interface} has no bulk endpoint {way}; {}",
                ends(interface)
            ),
        }),
        _ => Err(format!(
            "{interface} has several bulk endpoints {way}: say which, as in `{option}`; {}",
            ends(interface)
        )),
    }
}

/// What endpoints there are.
fn ends(interface: &Interface) -> String {
    if interface.endpoints.is_empty() {
        return "it has no endpoint at all".to_owned();
    }
    let kind = |endpoint: &Endpoint| match endpoint.is_bulk() {
        true => "bulk",
        false => "not bulk",
    };
    let all = interface.endpoints.iter();
    let all: Vec<String> = all
        .map(|e| format!("{:#04x} ({})", e.address, kind(e)))
        .collect();
    format!("it has {}", all.join(", "))
}

/// What interfaces there are.
fn there(interfaces: &[Interface]) -> String {
    match interfaces {
        [] => "it has none at all".to_owned(),
        _ => {
            let all = first_settings(interfaces, None);
            let all: Vec<String> = all.map(Interface::to_string).collect();
            format!("it has {}", all.join(", "))
        }
    }
}

/// More than one can be meant.
fn several(seen: &[Seen], fits: &[Pick], address: &Address) -> io::Error {
    let first = fits[0].device;
    let text = if fits.iter().all(|pick| pick.device == first) {
        let numbers: Vec<String> = fits.iter().map(|pick| pick.interface.to_string()).collect();
        format!(
            "USB device {} has more than one interface that can be meant ({}): say which, as in `interface={}`",
            seen[first],
            numbers.join(", "),
            numbers[0]
        )
    } else {
        let mut devices: Vec<usize> = fits.iter().map(|pick| pick.device).collect();
        devices.dedup();
        let option = |device: &Seen| match &device.serial {
            Some(serial)
                if devices
                    .iter()
                    .filter(|i| seen[**i].serial.as_ref() == Some(serial))
                    .count()
                    == 1 =>
            {
                format!("`serial={serial}`")
            }
            _ => format!("`path={}`", device.path),
        };
        let list: Vec<String> = devices
            .iter()
            .map(|i| format!("{}: {}", seen[*i], option(&seen[*i])))
            .collect();
        format!(
            "more than one {address} is plugged in: say which, by an option ({})",
            list.join("; ")
        )
    };
    told(io::ErrorKind::InvalidInput, text)
}

fn told(kind: io::ErrorKind, text: String) -> io::Error {
    io::Error::new(kind, text)
}
