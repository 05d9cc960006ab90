//! USB: this machine as the host of a cable, as the device at its other end, or, where a controller of each kind is
//! wired to the other, as both.

#[cfg(all(feature = "gadget", target_os = "linux"))]
mod gadget;
#[cfg(not(all(feature = "gadget", target_os = "linux")))]
#[path = "usb/no_gadget.rs"]
mod gadget;
#[cfg(feature = "usb")]
mod host;
#[cfg(not(feature = "usb"))]
#[path = "usb/no_host.rs"]
mod host;

use channel::{Domain, Endpoint, EndpointError};
use serde::Serialize;

use super::Role;
use super::transports::NAME;

pub use gadget::close_gadgets;
pub use host::{devices, rule, watch};

/// The scheme of a host's end.
pub const HOST: &str = "usb";

/// The scheme of a device's end.
pub const GADGET: &str = "usb-gadget";

/// Vendor and product of a gadget that names none.
const USUAL_ID: [&str; 2] = ["1d6b", "0104"];

/// A device that is a gadget of ours, as its host sees it.
#[derive(Debug, Serialize)]
pub struct Device {
    pub endpoint: String,
    /// `1d6b:0104`.
    pub id: String,
    /// Null where it cannot be read, as are the next two.
    pub serial: Option<String>,
    pub manufacturer: Option<String>,
    pub product: Option<String>,
    /// The bus and its ports by which it is reached, as in `1-1.2`.
    pub path: String,
    pub speed: String,
    /// Whether this user may open it.
    pub permitted: bool,
}

/// What happens to cables.
#[cfg_attr(not(feature = "usb"), allow(dead_code, reason = "nothing does"))]
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Change {
    Arrived(Device),
    Left(Device),
}

/// From now on the domain reaches, and is reached by, what is at the other end of this machine's cables.
pub fn add_to(domain: &Domain) {
    host::add_to(domain);
    gadget::add_to(domain);
}

/// From now on gadgets are taken away if the process is interrupted.
pub fn leave_nothing_at(endpoints: &[Endpoint]) {
    #[cfg(target_os = "linux")]
    if endpoints.iter().any(|at| at.scheme() == GADGET) {
        crate::interrupt::before_it(close_gadgets);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = endpoints;
}

/// Where to try a transport that is about USB, if it is. Whoever brings both ends is the gadget's server.
///
/// `alone`: no other one is tried with it.
pub fn meet(transport: &Endpoint, role: Role, alone: bool) -> Option<Endpoint> {
    let at = match (transport.scheme(), role) {
        (HOST, Role::Client) => any(transport),
        // A device that serves already, or is plugged in soon.
        (HOST, Role::Both { spawn: false })
            if alone && (is_there() || !gadget::has_controller()) =>
        {
            any(transport)
        }
        (HOST | GADGET, Role::Both { .. }) => own(transport),
        (HOST | GADGET, _) => gadget(transport, NAME),
        _ => return None,
    };
    Some(at.expect("constants that a test tries"))
}

/// Whether whoever is met there, when only a transport was asked for, is another process.
pub fn is_elsewhere(endpoint: &Endpoint) -> bool {
    endpoint.scheme() == HOST
}

/// Any device that serves; as a bare stream, any of the kind that a gadget is unless it says otherwise.
fn any(transport: &Endpoint) -> Result<Endpoint, EndpointError> {
    match transport.is_plain() {
        true => host(transport, None),
        false => Ok(transport.clone()),
    }
}

fn gadget(transport: &Endpoint, name: &str) -> Result<Endpoint, EndpointError> {
    let at = Endpoint::new(GADGET, name)?;
    match transport.is_plain() {
        true => Ok(at.plain()),
        false => at.with_broker(NAME),
    }
}

/// A gadget of this process, which its own clients know by its serial number.
fn own(transport: &Endpoint) -> Result<Endpoint, EndpointError> {
    let name = own_name();
    gadget(transport, &name)?.with_option("serial", &name)
}

fn own_name() -> String {
    format!("echo-demo-{}", std::process::id())
}

/// Whether it is this process's own gadget, seen by a host.
pub fn is_own(endpoint: &Endpoint) -> bool {
    endpoint.scheme() == HOST && endpoint.option("serial") == Some(&*own_name())
}

/// Where a host reaches a server that listens as this gadget.
pub fn across(server: &Endpoint) -> Option<Endpoint> {
    if server.scheme() != GADGET {
        return None;
    }
    host(server, server.broker()).ok()
}

fn host(gadget: &Endpoint, broker: Option<&str>) -> Result<Endpoint, EndpointError> {
    let id = |key, usual| gadget.option(key).unwrap_or(usual);
    let [vendor, product] = [id("vid", USUAL_ID[0]), id("pid", USUAL_ID[1])];
    let mut at = Endpoint::new(HOST, &format!("{vendor}:{product}"))?;
    if let Some(broker) = broker {
        at = at.with_broker(broker)?;
    }
    for key in ["serial", "port"] {
        if let Some(value) = gadget.option(key) {
            at = at.with_option(key, value)?;
        }
    }
    Ok(match gadget.is_plain() {
        true => at.plain(),
        false => at,
    })
}

fn is_there() -> bool {
    devices().is_ok_and(|devices| !devices.is_empty())
}

/// What there is to tell before a device is met, if none is there.
pub fn absent(endpoint: &Endpoint) -> Option<String> {
    let any = endpoint.scheme() == HOST && endpoint.authority().is_empty();
    // Where nothing can be asked, there is an error to come.
    let none = any && devices().is_ok_and(|devices| devices.is_empty());
    none.then(|| "no USB device of ours is plugged in: waiting for one".into())
}
