//! Channels over a USB cable.
#![deny(unsafe_code)]

pub mod bulk;
#[cfg(all(feature = "gadget", target_os = "linux"))]
pub mod gadget;
#[cfg(all(unix, feature = "host"))]
mod host;
mod link;
#[cfg_attr(
    not(any(feature = "host", feature = "gadget")),
    allow(dead_code, reason = "for the two ends")
)]
mod ours;
mod sequence;

#[cfg(all(feature = "gadget", target_os = "linux"))]
pub use gadget::UsbGadget;
#[cfg(all(unix, feature = "host"))]
pub use host::{
    DeviceInfo, Event, Gadget, Speed, Usb, UsbError, Watch, devices, devices_of, udev_rule,
};
pub use link::{BulkLink, Ends, Queue};
pub use ours::{CLASS, INTERFACE, PROTOCOL, SUBCLASS};
pub use transport_link;
