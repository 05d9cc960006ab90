//! A device as it was seen at one look.

use std::fmt;

use super::descriptors::{Garbage, Interface};
use super::list::Speed;
use crate::ours::{CLASS, INTERFACE, SUBCLASS};

/// A device that is plugged in, and what is known of it without taking it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// Vendor and product.
    pub(super) ids: (u16, u16),
    pub(super) bus: u8,
    /// Its number on the bus, another one each time that it is plugged in.
    pub(super) number: u8,
    /// Bus and ports, as in `1-1.2`.
    pub(super) path: String,
    pub(super) speed: Speed,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) product: Option<String>,
    /// Those of its active configuration; `None`: it has none yet.
    pub(super) interfaces: Option<Result<Vec<Interface>, Garbage>>,
}

impl Seen {
    /// Whether the system is through with setting it up, as far as can be told.
    pub(super) fn is_settled(&self) -> bool {
        match &self.interfaces {
            None => false,
            Some(Err(_)) => true,
            Some(Ok(interfaces)) => interfaces.iter().all(|interface| {
                !interface.is_of_our_class() || interface.string == 0 || interface.name.is_some()
            }),
        }
    }
}

impl Interface {
    pub(super) fn is_of_our_class(&self) -> bool {
        self.class[..2] == [CLASS, SUBCLASS]
    }

    /// Others may use class and subclass as well: the name decides.
    pub(super) fn is_ours(&self) -> bool {
        self.is_of_our_class() && self.gadget().is_some()
    }

    /// The name of the gadget behind our interface.
    pub(super) fn gadget(&self) -> Option<&str> {
        let rest = self.name.as_deref()?.strip_prefix(INTERFACE)?;
        match rest {
            "" => Some(""),
            _ => rest.strip_prefix(' '),
        }
    }
}

/// As in "1d6b:0104 (Camera, serial number `7`) at 1-1.2".
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (vid, pid) = self.ids;
        write!(f, "{vid:04x}:{pid:04x}")?;
        let serial = self
            .serial
            .as_ref()
            .map(|serial| format!("serial number `{serial}`"));
        let known: Vec<String> = [self.product.clone(), serial]
            .into_iter()
            .flatten()
            .collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        write!(f, " at {}", self.path)
    }
}

/// As in "interface 1 (class 08/06/50, `Storage`)".
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [class, subclass, protocol] = self.class;
        write!(
            f,
            "interface {} (class {class:02x}/{subclass:02x}/{protocol:02x}",
            self.number
        )?;
        if let Some(name) = &self.name {
            write!(f, ", `{name}`")?;
        }
        f.write_str(")")
    }
}
