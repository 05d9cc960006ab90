// The example is of both ends.
#![cfg_attr(
    all(feature = "host", feature = "gadget", target_os = "linux"),
    doc = include_str!("../README.md"),
    doc = include_str!("guide.md")
)]
#![cfg_attr(
    not(all(feature = "host", feature = "gadget", target_os = "linux")),
    doc = "Channels over a USB cable, as far as this build has ends of one."
)]
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
mod queue;
mod sequence;

#[cfg(all(feature = "gadget", target_os = "linux"))]
pub use gadget::UsbGadget;
#[cfg(all(unix, feature = "host"))]
pub use host::{
    DeviceInfo, Event, Gadget, Speed, Usb, UsbError, Watch, devices, devices_of, udev_rule,
};
pub use link::BulkLink;
pub use ours::{CLASS, INTERFACE, PROTOCOL, SUBCLASS};
pub use queue::{Ends, Queue};
pub use transport_link;
