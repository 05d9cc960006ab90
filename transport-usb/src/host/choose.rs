//! Which of the devices that are plugged in an address means, and which endpoints of it.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::descriptors::{interfaces, tests::*};
    use crate::host::list::Speed;

    const OURS: [u8; 3] = [CLASS, SUBCLASS, PROTOCOL];

    /// A device with these interfaces: class, name, endpoints (address, kind, packet).
    fn device(
        path: &str,
        serial: Option<&str>,
        parts: &[([u8; 3], Option<&str>, &[(u8, u8, u16)])],
    ) -> Seen {
        let mut bytes = Vec::new();
        for (number, (class, name, endpoints)) in parts.iter().enumerate() {
            bytes.push(interface(number as u8, *class, name.map_or(0, |_| 9)));
            bytes.extend(
                endpoints
                    .iter()
                    .map(|(address, kind, packet)| endpoint(*address, *kind, *packet)),
            );
        }
        let bytes: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let mut found = interfaces(&configuration(1, &bytes), 1).unwrap();
        for (interface, (_, name, _)) in found.iter_mut().zip(parts) {
            interface.name = name.map(str::to_owned);
        }
        Seen {
            ids: (0x1d6b, 0x0104),
            bus: 1,
            number: 7,
            path: path.to_owned(),
            speed: Speed::High,
            serial: serial.map(str::to_owned),
            manufacturer: None,
            product: Some("Board".to_owned()),
            interfaces: Some(Ok(found)),
        }
    }

    const PAIR: &[(u8, u8, u16)] = &[(0x81, 2, 512), (0x02, 2, 512)];

    fn good(path: &str, serial: &str) -> Seen {
        device(
            path,
            Some(serial),
            &[(OURS, Some("channel-link camera"), PAIR)],
        )
    }

    fn find(seen: &[Seen], endpoint: &str) -> Result<Pick, String> {
        let address = Address::of(&endpoint.parse().unwrap()).unwrap();
        choose(seen, &address, true).map_err(|miss| match miss {
            Miss::Absent => "absent".to_owned(),
            Miss::Soon => "soon".to_owned(),
            Miss::Told(error) => format!("{:?}: {error}", error.kind()),
        })
    }

    #[track_caller]
    fn told(seen: &[Seen], endpoint: &str, parts: &[&str]) {
        let told = find(seen, endpoint).unwrap_err();
        for part in parts {
            assert!(told.contains(part), "{endpoint}: {told}");
        }
    }

    #[test]
    fn a_device_is_found_by_what_is_said_of_it() {
        let seen = [
            device("1-1", Some("x"), &[([8, 6, 80], None, PAIR)]),
            good("1-2", "a"),
            good("2-1", "b"),
        ];
        let pin = |address| Pin {
            address,
            packet: 512,
        };
        let pick = |device| Pick {
            device,
            interface: 0,
            receive: pin(0x81),
            send: pin(0x02),
        };
        assert_eq!(find(&seen[..2], "usb:///echo"), Ok(pick(1)));
        assert_eq!(find(&seen[1..], "usb:///echo?serial=b"), Ok(pick(1)));
        assert_eq!(find(&seen, "usb://1d6b:0104/echo?path=1-2"), Ok(pick(1)));
        assert_eq!(find(&seen, "usb:///echo?serial=c").unwrap_err(), "absent");
        assert_eq!(find(&seen, "usb:///echo?path=1-3").unwrap_err(), "absent");
        assert_eq!(find(&seen, "usb://1d6b:0105/echo").unwrap_err(), "absent");
        assert_eq!(find(&seen[..1], "usb:///echo").unwrap_err(), "absent");
        assert_eq!(find(&[], "usb:///echo").unwrap_err(), "absent");
    }

    #[test]
    fn where_several_can_be_meant_it_is_told_which_option_picks_one() {
        let seen = [good("1-2", "a"), good("2-1", "b"), good("2-2", "b")];
        told(
            &seen,
            "usb:///echo",
            &[
                "InvalidInput",
                "more than one",
                "`serial=a`",
                "at 2-1: `path=2-1`",
                "`path=2-2`",
            ],
        );
        let part = (OURS, Some("channel-link"), PAIR);
        let seen = [device("1-2", None, &[part, part])];
        told(
            &seen,
            "usb:///echo",
            &["more than one interface", "0, 1", "`interface=0`"],
        );
        assert_eq!(find(&seen, "usb:///echo?interface=1").unwrap().interface, 1);
    }

    #[test]
    fn one_that_is_being_set_up_is_waited_for() {
        let mut bare = good("1-2", "a");
        bare.interfaces = None;
        assert_eq!(find(&[bare.clone()], "usb:///echo").unwrap_err(), "soon");
        bare.serial = None;
        assert_eq!(
            find(&[bare.clone()], "usb:///echo?serial=a").unwrap_err(),
            "soon"
        );
        assert_eq!(
            find(&[bare, good("1-3", "a")], "usb:///echo")
                .unwrap()
                .device,
            1
        );
        // Its name is not there yet; nor later.
        let mut nameless = good("1-2", "a");
        if let Some(Ok(interfaces)) = &mut nameless.interfaces {
            interfaces[0].name = None;
        }
        assert_eq!(
            find(&[nameless.clone()], "usb:///echo").unwrap_err(),
            "soon"
        );
        let address = Address::of(&"usb:///echo".parse().unwrap()).unwrap();
        assert!(matches!(
            choose(&[nameless], &address, false),
            Err(Miss::Absent)
        ));
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_is_there() {
        let storage = device("1-2", None, &[([8, 6, 80], Some("Storage"), PAIR)]);
        told(
            &[storage.clone()],
            "usb://1d6b:0104/echo",
            &[
                "InvalidInput",
                "at 1-2",
                "no interface of ours",
                "ff/43/01",
                "08/06/50, `Storage`",
                "usb+plain",
            ],
        );
        told(
            &[good("1-2", "a")],
            "usb:///echo?interface=3&path=1-2",
            &["absent"],
        );
        told(
            &[good("1-2", "a")],
            "usb://1d6b:0104/echo?interface=3",
            &[
                "interface 3 is not one of ours",
                "interface 0 (class ff/43/01, `channel-link camera`)",
            ],
        );
        // The same class, by somebody else.
        let other = device("1-2", None, &[(OURS, Some("channel-linker"), PAIR)]);
        told(
            &[other],
            "usb://1d6b:0104/echo",
            &["InvalidInput", "`channel-link`"],
        );
        let newer = device(
            "1-2",
            None,
            &[([CLASS, SUBCLASS, 2], Some("channel-link x"), PAIR)],
        );
        for endpoint in ["usb:///echo", "usb://1d6b:0104/echo"] {
            told(
                &[newer.clone()],
                endpoint,
                &["Unsupported", "version 2", "version 1", "update"],
            );
        }
        let name = Some("channel-link");
        for (endpoints, parts) in [
            (&[][..], &["no bulk endpoint in", "no endpoint at all"][..]),
            (
                &[(0x81, 2, 512)],
                &["no bulk endpoint out", "it has 0x81 (bulk)"],
            ),
            (
                &[(0x81, 3, 64), (0x02, 3, 64)],
                &["no bulk endpoint in", "0x81 (not bulk)"],
            ),
            (&[(0x81, 2, 0), (0x02, 2, 0)], &["packets have no bytes"]),
            (
                &[(0x81, 2, 64), (0x82, 2, 64), (0x02, 2, 64)],
                &["several bulk endpoints in"],
            ),
        ] {
            let odd = device("1-2", None, &[(OURS, name, endpoints)]);
            told(&[odd], "usb:///echo", parts);
        }
        let mut damaged = good("1-2", "a");
        damaged.interfaces = Some(interfaces(&[9], 1));
        told(
            &[damaged.clone()],
            "usb://1d6b:0104/echo",
            &["InvalidData", "byte 0", "at 1-2"],
        );
        told(&[damaged], "usb:///echo", &["absent"]);
    }

    #[test]
    fn a_bare_stream_takes_the_only_pair_or_the_one_that_is_named() {
        let modem = device(
            "1-2",
            None,
            &[
                ([2, 2, 1], None, &[(0x82, 3, 8)]),
                ([10, 0, 0], None, &[(0x83, 2, 64), (0x01, 2, 64)]),
            ],
        );
        let pick = find(&[modem.clone()], "usb+plain://1d6b:0104").unwrap();
        assert_eq!(
            (pick.interface, pick.receive.address, pick.send.address),
            (1, 0x83, 0x01)
        );
        told(
            &[modem.clone()],
            "usb+plain://1d6b:0104?interface=0",
            &[
                "interface 0 (class 02/02/01) has no bulk endpoint in",
                "0x82 (not bulk)",
            ],
        );
        told(
            &[modem.clone()],
            "usb+plain://1d6b:0104?in=0x84",
            &[
                "interface 1 (class 0a/00/00) has no bulk endpoint 0x84",
                "0x83 (bulk)",
            ],
        );
        told(
            &[modem],
            "usb+plain://1d6b:0104?interface=7",
            &["there is no interface 7"],
        );
        let wide = device(
            "1-2",
            None,
            &[(
                [255, 0, 0],
                None,
                &[(0x81, 2, 64), (0x82, 2, 64), (0x01, 2, 64)],
            )],
        );
        told(
            &[wide.clone()],
            "usb+plain://1d6b:0104?interface=0",
            &["several bulk endpoints in", "`in=0x81`", "0x82 (bulk)"],
        );
        let pick = find(&[wide], "usb+plain://1d6b:0104?in=0x82").unwrap();
        assert_eq!(pick.receive.address, 0x82);
    }
}
