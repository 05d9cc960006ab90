//! What an endpoint says about a device, seen from the host.

use std::fmt;
use std::time::Duration;

use channel::Endpoint;
use transport_link::PlaceError;
use transport_link::options::{choice, number};

/// The mux's own default; zero is off. An hour is as good as off.
const MOST_KEEP_ALIVE: u32 = 3_600_000;

const KNOWN: [&str; 5] = ["serial", "path", "interface", "absent", "keep-alive"];
const KNOWN_PLAIN: [&str; 8] = [
    "serial",
    "path",
    "interface",
    "in",
    "out",
    "zlp",
    "detach",
    "absent",
];

/// Which device, and what of it. What is `None` may be any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Vendor and product.
    pub(super) ids: Option<(u16, u16)>,
    pub(super) serial: Option<String>,
    /// Bus and ports, as in `1-1.2`.
    pub(super) path: Option<String>,
    pub(super) interface: Option<u8>,
    /// For a bare stream to a device that need not be ours.
    pub(super) plain: Option<Plain>,
    /// Whoever dials while the device is absent is told so, and does not wait.
    pub(super) absent_fails: bool,
    /// `None`: the mux's default. Zero: none.
    pub(super) keep_alive: Option<Duration>,
}

/// What a bare stream needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) receive: Option<u8>,
    pub(super) send: Option<u8>,
    /// A write that is a multiple of the packet size is followed by an empty packet.
    pub(super) zero_packet: bool,
    /// A driver of the kernel that has the interface is taken off.
    pub(super) detach: bool,
}

impl Address {
    pub(super) fn of(endpoint: &Endpoint) -> Result<Address, PlaceError> {
        let plain = endpoint.is_plain();
        endpoint.check_options(match plain {
            true => &KNOWN_PLAIN,
            false => &KNOWN,
        })?;
        let ids = match endpoint.authority() {
            "" if plain => {
                return bad(
                    "no device is named: a plain endpoint takes VID:PID, as `lsusb` shows them, as in \
                 `usb+plain://0483:5740?port=1`",
                );
            }
            "" => None,
            text => Some(ids(text)?),
        };
        let port = |key, way, text| address(endpoint, key, way, text);
        Ok(Address {
            ids,
            serial: text(
                endpoint,
                "serial",
                "as `lsusb -v` shows it (`iSerial`)",
                |serial| !serial.is_empty(),
            )?,
            path: text(
                endpoint,
                "path",
                "bus and ports as the device's name in /sys/bus/usb/devices, as in `path=1-1.2`",
                is_path,
            )?,
            interface: number(endpoint, "interface", 0..=u8::MAX.into())?.map(|n| n as u8),
            plain: match plain {
                true => Some(Plain {
                    receive: port("in", 0x80, "0x81 to 0x8f")?,
                    send: port("out", 0, "0x01 to 0x0f")?,
                    zero_packet: choice(endpoint, "zlp", &[("yes", true), ("no", false)])?,
                    detach: choice(endpoint, "detach", &[("no", false), ("yes", true)])?,
                }),
                false => None,
            },
            absent_fails: choice(endpoint, "absent", &[("wait", false), ("fail", true)])?,
            keep_alive: number(endpoint, "keep-alive", 0..=MOST_KEEP_ALIVE)?
                .map(|ms| Duration::from_millis(ms.into())),
        })
    }

    /// Which device it is, for all who mean the same one.
    pub(super) fn key(&self) -> String {
        self.to_string()
    }

    /// How its bare stream is set up.
    pub(super) fn line(&self) -> String {
        let Some(plain) = &self.plain else {
            return String::new();
        };
        let endpoint = |address: Option<u8>| match address {
            Some(address) => format!("{address:#04x}"),
            None => "any".to_owned(),
        };
        format!(
            "in {} out {} zlp {} detach {}",
            endpoint(plain.receive),
            endpoint(plain.send),
            plain.zero_packet,
            plain.detach
        )
    }
}

/// For a person, as in "no ... is plugged in".
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ids {
            Some((vid, pid)) => write!(f, "USB device {vid:04x}:{pid:04x}")?,
            None => f.write_str("USB device of ours")?,
        }
        if let Some(serial) = &self.serial {
            write!(f, " with serial number `{serial}`")?;
        }
        if let Some(path) = &self.path {
            write!(f, " at {path}")?;
        }
        if let Some(interface) = self.interface {
            write!(f, ", interface {interface}")?;
        }
        Ok(())
    }
}

fn bad<T>(text: impl Into<String>) -> Result<T, PlaceError> {
    Err(PlaceError::Unsupported(text.into()))
}

fn ids(text: &str) -> Result<(u16, u16), PlaceError> {
    let id = |text: &str| {
        let good = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(text, 16).ok().filter(|_| good)
    };
    match text.split_once(':').map(|(vid, pid)| (id(vid), id(pid))) {
        Some((Some(vid), Some(pid))) => Ok((vid, pid)),
        _ => bad(format!(
            "`{text}` is no USB device: write VID:PID, four hexadecimal digits each, as `lsusb` shows them, as in \
             `usb://1d6b:0104/echo`; or nothing for whatever runs our gadget, as in `usb:///echo`"
        )),
    }
}

/// `BUS-PORT.PORT...`
fn is_path(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-')
        .is_some_and(|(bus, ports)| number(bus) && ports.split('.').all(number))
}

fn text(
    endpoint: &Endpoint,
    key: &str,
    right: &str,
    good: impl Fn(&str) -> bool,
) -> Result<Option<String>, PlaceError> {
    match endpoint.option(key) {
        Some(text) if !good(text) => bad(format!("option `{key}` is `{text}`: write {right}")),
        text => Ok(text.map(str::to_owned)),
    }
}

/// An endpoint's address, of that direction.
fn address(endpoint: &Endpoint, key: &str, way: u8, range: &str) -> Result<Option<u8>, PlaceError> {
    let Some(text) = endpoint.option(key) else {
        return Ok(None);
    };
    let digits = text.strip_prefix("0x").filter(|hex| hex.len() == 2);
    let address = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
    match address.filter(|address| address & 0xf0 == way && address & 0x0f != 0) {
        Some(address) => Ok(Some(address)),
        None => bad(format!(
            "option `{key}` is `{text}`: write an endpoint's address as `lsusb -v` shows it (`bEndpointAddress`), \
             {range}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(endpoint: &str) -> Result<Address, String> {
        Address::of(&endpoint.parse().unwrap()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        let any = of("usb:///echo").unwrap();
        assert_eq!(
            any,
            Address {
                ids: None,
                serial: None,
                path: None,
                interface: None,
                plain: None,
                absent_fails: false,
                keep_alive: None,
            }
        );
        assert_eq!(of("usb://").unwrap(), any);
        let plain = of("usb+plain://0483:5740?port=1").unwrap().plain.unwrap();
        assert!(plain.zero_packet && !plain.detach);
    }

    #[test]
    fn everything_can_be_said() {
        let address = of(
            "usb://1D6b:0104/camera?serial=a%20b&path=3-1.4.2&interface=2&absent=fail&keep-alive=500",
        )
        .unwrap();
        assert_eq!(address.ids, Some((0x1d6b, 0x0104)));
        assert_eq!(address.serial.as_deref(), Some("a b"));
        assert_eq!(address.path.as_deref(), Some("3-1.4.2"));
        assert_eq!(address.interface, Some(2));
        assert!(address.absent_fails);
        assert_eq!(address.keep_alive, Some(Duration::from_millis(500)));
        let plain = of("usb+plain://0483:5740?port=1&in=0x81&out=0x02&zlp=no&detach=yes").unwrap();
        assert_eq!(
            plain.plain,
            Some(Plain {
                receive: Some(0x81),
                send: Some(0x02),
                zero_packet: false,
                detach: true,
            })
        );
    }

    #[test]
    fn one_device_has_one_key() {
        let key = |endpoint| of(endpoint).unwrap().key();
        assert_eq!(
            key("usb://1d6b:0104/echo?serial=7"),
            key("usb://1D6B:0104/other?absent=fail&serial=7")
        );
        assert_ne!(key("usb://1d6b:0104/echo"), key("usb://1d6b:0105/echo"));
        assert_ne!(key("usb:///echo"), key("usb:///echo?path=1-1"));
        assert_ne!(
            key("usb:///echo?interface=0"),
            key("usb:///echo?interface=1")
        );
    }

    #[test]
    fn a_mistake_is_told_with_what_is_right() {
        for (endpoint, parts) in [
            ("usb://camera/echo", &["`camera`", "VID:PID", "lsusb"][..]),
            ("usb://1d6b:104/echo", &["`1d6b:104`", "four"]),
            ("usb://1d6b:01g4/echo", &["`1d6b:01g4`", "hexadecimal"]),
            ("usb://+d6b:0104/echo", &["`+d6b:0104`"]),
            ("usb://1d6b:0104:1/echo", &["VID:PID"]),
            ("usb:///echo?serial=", &["`serial` is ``", "lsusb -v"]),
            ("usb:///echo?path=1.2", &["`path` is `1.2`", "path=1-1.2"]),
            ("usb:///echo?path=1-", &["`path` is `1-`"]),
            ("usb:///echo?interface=256", &["`interface`", "0 to 255"]),
            ("usb:///echo?interface=+1", &["`interface` is `+1`"]),
            (
                "usb:///echo?absent=maybe",
                &["`absent` is `maybe`", "wait, fail"],
            ),
            (
                "usb:///echo?keep-alive=1s",
                &["`keep-alive` is `1s`", "3600000"],
            ),
            ("usb:///echo?in=0x81", &["`in`", "serial, path"]),
            ("usb:///echo?detach=yes", &["`detach`"]),
            ("usb+plain://?port=1", &["VID:PID", "usb+plain://0483:5740"]),
            ("usb+plain://0483:5740?keep-alive=1", &["`keep-alive`"]),
            (
                "usb+plain://0483:5740?in=0x01",
                &["`in` is `0x01`", "0x81 to 0x8f"],
            ),
            (
                "usb+plain://0483:5740?out=2",
                &["`out` is `2`", "0x01 to 0x0f"],
            ),
            ("usb+plain://0483:5740?out=0x00", &["`out` is `0x00`"]),
            ("usb+plain://0483:5740?zlp=1", &["`zlp` is `1`", "yes, no"]),
        ] {
            let told = of(endpoint).unwrap_err();
            for part in parts {
                assert!(told.contains(part), "{endpoint}: {told}");
            }
        }
    }
}
