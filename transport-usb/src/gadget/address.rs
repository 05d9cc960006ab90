//! What an endpoint says about a gadget.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use channel::Endpoint;
use transport_link::PlaceError;
use transport_link::options::{choice, number};
use usb_gadget::{Class, Id};

use super::machine::machine;
use crate::ours;
use crate::queue::Ends;

/// The kernel has 40 bytes for the function's name, which is made of this one.
const LONGEST_NAME: usize = 20;
/// What a string descriptor holds.
const LONGEST_TEXT: usize = 126;
/// The mux's own default; zero is off. An hour is as good as off.
const MOST_KEEP_ALIVE: u32 = 3_600_000;
const MANUFACTURER: &str = "channel";

const KNOWN: [&str; 8] = [
    "vid",
    "pid",
    "serial",
    "manufacturer",
    "product",
    "udc",
    "ffs",
    "keep-alive",
];
/// And these, for a bare stream.
const PLAIN: [&str; 2] = ["class", "zlp"];
/// What is somebody else's to say where the gadget is theirs.
const OF_THE_GADGET: [&str; 5] = ["vid", "pid", "serial", "manufacturer", "product"];

/// What an endpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) name: String,
    pub(super) id: Id,
    /// `None`: this machine's, see [`Address::serial`].
    serial: Option<String>,
    pub(super) manufacturer: String,
    pub(super) product: String,
    /// `None`: the first that is free.
    pub(super) udc: Option<String>,
    /// A FunctionFS that somebody else has mounted, and whose gadget is theirs.
    pub(super) ffs: Option<PathBuf>,
    /// `None`: the mux's default. Zero: none.
    pub(super) keep_alive: Option<Duration>,
    /// `Some`: a bare stream.
    pub(super) plain: Option<Plain>,
}

/// How a bare stream looks to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) class: Class,
    pub(super) ends: Ends,
}

impl Address {
    pub(super) fn of(endpoint: &Endpoint) -> Result<Address, PlaceError> {
        let known = match endpoint.is_plain() {
            true => &[&KNOWN[..], &PLAIN].concat()[..],
            false => &KNOWN,
        };
        endpoint.check_options(known)?;
        let name = name(endpoint.authority())?;
        Ok(Address {
            id: Id::new(
                hex(endpoint, "vid")?.unwrap_or(Id::LINUX_FOUNDATION_COMPOSITE.vendor),
                hex(endpoint, "pid")?.unwrap_or(Id::LINUX_FOUNDATION_COMPOSITE.product),
            ),
            serial: text(endpoint, "serial")?,
            manufacturer: text(endpoint, "manufacturer")?.unwrap_or(MANUFACTURER.to_owned()),
            product: text(endpoint, "product")?.unwrap_or_else(|| name.clone()),
            udc: udc(endpoint)?,
            ffs: ffs(endpoint)?,
            keep_alive: number(endpoint, "keep-alive", 0..=MOST_KEEP_ALIVE)?
                .map(|ms| Duration::from_millis(ms.into())),
            plain: match endpoint.is_plain() {
                false => None,
                true => Some(Plain {
                    class: class(endpoint)?,
                    ends: match choice(endpoint, "zlp", &[("yes", true), ("no", false)])? {
                        true => Ends::ZeroPacket,
                        false => Ends::Whole,
                    },
                }),
            },
            name,
        })
    }

    /// The serial number: the given one, or this machine's, with the gadget's name behind it, as a machine may have
    /// several gadgets.
    pub(super) fn serial(&self) -> String {
        let given = || match machine(LONGEST_TEXT - 1 - LONGEST_NAME) {
            Some(machine) => format!("{machine}-{}", self.name),
            None => self.name.clone(),
        };
        self.serial.clone().unwrap_or_else(given)
    }

    /// The class of the interface.
    pub(super) fn class(&self) -> Class {
        match self.plain {
            None => Class::new(ours::CLASS, ours::SUBCLASS, ours::PROTOCOL),
            Some(plain) => plain.class,
        }
    }

    /// The string of the interface.
    pub(super) fn interface(&self) -> String {
        match self.plain {
            None => format!("{} {}", ours::INTERFACE, self.name),
            Some(_) => self.name.clone(),
        }
    }

    /// How the gadget is set up, in a line: whoever wants the same gadget must ask for the same.
    pub(super) fn line(&self) -> String {
        use std::fmt::Write;
        let mut line = format!("{:04x}:{:04x}", self.id.vendor, self.id.product);
        let class = self.class();
        let _ = write!(
            line,
            " {:02x}/{:02x}/{:02x}",
            class.class, class.sub_class, class.protocol
        );
        let ffs = self.ffs.as_ref().map(|path| path.to_string_lossy());
        for (key, value) in [
            ("serial", self.serial.as_deref()),
            ("manufacturer", Some(self.manufacturer.as_str())),
            ("product", Some(self.product.as_str())),
            ("udc", self.udc.as_deref()),
            ("ffs", ffs.as_deref()),
            (
                "zlp",
                self.plain
                    .filter(|plain| plain.ends == Ends::Whole)
                    .map(|_| "no"),
            ),
        ] {
            if let Some(value) = value {
                let _ = write!(line, " {key}={value}");
            }
        }
        line
    }
}

fn name(name: &str) -> Result<String, PlaceError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match name {
        "" => {
            bad("the gadget has no name: write one behind two slashes, as in `usb-gadget://camera`")
        }
        _ if name.len() > LONGEST_NAME || !name.bytes().all(fits) => bad(format!(
            "the gadget's name is `{name}`: write {LONGEST_NAME} letters, digits, `-` or `_` at most; a longer text goes \
             into the option `product`"
        )),
        _ => Ok(name.to_owned()),
    }
}

fn hex(endpoint: &Endpoint, key: &str) -> Result<Option<u16>, PlaceError> {
    let Some(text) = endpoint.option(key) else {
        return Ok(None);
    };
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u16::from_str_radix(text, 16).ok().filter(|_| digits) {
        Some(id) => Ok(Some(id)),
        None => bad(format!(
            "option `{key}` is `{text}`: write four hexadecimal digits, as in `{key}={}`",
            if key == "vid" { "1d6b" } else { "0104" }
        )),
    }
}

fn text(endpoint: &Endpoint, key: &str) -> Result<Option<String>, PlaceError> {
    let Some(text) = endpoint.option(key) else {
        return Ok(None);
    };
    let units = text.encode_utf16().count();
    if !(1..=LONGEST_TEXT).contains(&units) || text.chars().any(char::is_control) {
        return bad(format!(
            "option `{key}` is {text:?}: write 1 to {LONGEST_TEXT} characters, and no control characters"
        ));
    }
    Ok(Some(text.to_owned()))
}

fn udc(endpoint: &Endpoint) -> Result<Option<String>, PlaceError> {
    let Some(udc) = endpoint.option("udc") else {
        return Ok(None);
    };
    if udc.is_empty() || udc.contains('/') || udc.starts_with('.') {
        return bad(format!(
            "option `udc` is `{udc}`: write the name of a USB device controller, one of those that `ls /sys/class/udc` \
             prints, as in `udc=fe980000.usb`"
        ));
    }
    Ok(Some(udc.to_owned()))
}

fn ffs(endpoint: &Endpoint) -> Result<Option<PathBuf>, PlaceError> {
    let given = OF_THE_GADGET
        .iter()
        .find(|key| endpoint.option(key).is_some());
    match endpoint.option("ffs") {
        None => Ok(None),
        Some(_) if let Some(key) = given => bad(format!(
            "option `{key}` stands beside `ffs`: whoever has set that gadget up has said it already; leave one of the two out"
        )),
        Some(path) if Path::new(path).is_absolute() => Ok(Some(path.into())),
        Some(path) => bad(format!(
            "option `ffs` is `{path}`: write the path at which a FunctionFS is mounted, from the root, as in \
             `ffs=/dev/ffs-camera`"
        )),
    }
}

fn class(endpoint: &Endpoint) -> Result<Class, PlaceError> {
    let Some(text) = endpoint.option("class") else {
        return Ok(Class::vendor_specific(0, 0));
    };
    let byte = |text: &str| match text.len() {
        1 | 2 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u8::from_str_radix(text, 16).ok()
        }
        _ => None,
    };
    let bytes: Vec<Option<u8>> = text.split('/').map(byte).collect();
    match bytes[..] {
        [Some(class), Some(sub_class), Some(protocol)] => {
            Ok(Class::new(class, sub_class, protocol))
        }
        _ => bad(format!(
            "option `class` is `{text}`: write the interface's class, subclass and protocol, in hexadecimal digits, as in \
             `class=ff/00/00`"
        )),
    }
}

fn bad<T>(text: impl Into<String>) -> Result<T, PlaceError> {
    Err(PlaceError::Unsupported(text.into()))
}
