//! Serial lines and pipes: a link between two ends, which all channels share. What has to be known of their
//! endpoints; and, in [`own`], links that this program makes itself where nobody gives it one.

#[cfg(target_os = "linux")]
mod own;
#[cfg(not(target_os = "linux"))]
#[path = "links/none.rs"]
mod own;

use std::num::NonZeroU32;
use std::path::PathBuf;

use channel::Endpoint;
use serde::Serialize;

use super::usb;
use crate::args::{Command, Common};
use crate::report::Lines;

#[cfg(target_os = "linux")]
pub use own::line;
pub use own::{Held, Links, wait_for_stdio_end};

/// The scheme of serial lines.
pub const SERIAL: &str = "serial";

/// The scheme of pipes.
pub const PIPE: &str = "pipe";

/// What a serial endpoint means that names no speed.
const USUAL_BAUD: u64 = 115_200;

/// About how many bytes a second go through, where an endpoint tells.
pub fn rate(endpoint: &Endpoint) -> Option<u64> {
    let baud = match (endpoint.scheme(), endpoint.option("baud")) {
        (SERIAL, None) => USUAL_BAUD,
        (SERIAL, Some(baud)) => baud.parse().ok()?,
        _ => return None,
    };
    // A start bit, eight, a stop bit.
    Some((baud / 10).max(1))
}

/// Whether it is a stream of bytes for one channel at a time.
pub fn is_bare(endpoint: &Endpoint) -> bool {
    endpoint.is_plain() && (endpoint.scheme() == PIPE || is_endless(endpoint))
}

/// Whether nobody can tell the other end that a stream has ended.
pub fn is_endless(endpoint: &Endpoint) -> bool {
    endpoint.is_plain() && matches!(endpoint.scheme(), SERIAL | usb::HOST | usb::GADGET)
}

/// Whether it is this process's own standard input and output.
pub fn is_stdio(endpoint: &Endpoint) -> bool {
    let named = endpoint.option("run").is_some() || !endpoint.authority().is_empty();
    endpoint.scheme() == PIPE && !named
}

/// Whether standard output is a link of the command's, so that nothing else may be printed there.
pub fn takes_stdout(common: &Common, command: &Command) -> bool {
    let serves = matches!(command, Command::Serve(_));
    let asked = common.transports.iter().filter(|_| serves);
    common.endpoints.iter().chain(asked).any(is_stdio)
}

/// The device that an endpoint names, if it is not there.
pub fn absent(endpoint: &Endpoint) -> Option<PathBuf> {
    let is_device = endpoint.scheme() == SERIAL && endpoint.authority().is_empty();
    let device = PathBuf::from(format!("/{}", endpoint.path()));
    (is_device && !endpoint.path().is_empty() && !device.exists()).then_some(device)
}

/// What a line that this program makes does to the bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Wire {
    /// A tenth of this in bytes a second; none: as fast as the system carries them.
    pub baud: Option<NonZeroU32>,
    /// One byte in so many arrives as another one.
    pub damage: Option<NonZeroU32>,
}

impl Wire {
    /// The option that was given, if any was.
    pub fn given(&self) -> Option<&'static str> {
        match self {
            Wire { baud: Some(_), .. } => Some("--baud"),
            Wire {
                damage: Some(_), ..
            } => Some("--damage"),
            _ => None,
        }
    }
}

impl std::fmt::Display for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.baud {
            Some(baud) => write!(f, "{baud} baud")?,
            None => f.write_str("as fast as it goes")?,
        }
        match self.damage {
            Some(damage) => write!(f, ", 1 byte in {damage} damaged"),
            None => Ok(()),
        }
    }
}

/// A line of this program, and what has crossed it.
#[derive(Debug, Serialize)]
pub struct Crossed {
    #[serde(flatten)]
    pub wire: Wire,
    /// In both directions together, with all that the transport adds.
    pub bytes: u64,
    pub damaged: u64,
}

impl Crossed {
    /// A line of a report.
    pub fn item(&self, lines: &mut Lines) {
        let Crossed {
            wire,
            bytes,
            damaged,
        } = self;
        lines.item(
            "line",
            match damaged {
                0 => format!("{wire}: {bytes} bytes crossed it"),
                _ => format!("{wire}: {bytes} bytes crossed it, {damaged} of them damaged"),
            },
        );
    }
}
