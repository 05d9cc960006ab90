//! Channels over a USB cable, beside a bare loop written directly on libusb and FunctionFS: in a virtual machine that
//! has a bus, the device's end in a process of its own.
//!
//! The bare loop has 16 transfers in flight each way, which the two ends have agreed on to the byte, and nothing
//! else: no frames, no flow control, one user. Its gadget and ours hang at two controllers of one machine, and only
//! one of them has transfers under way at a time.

mod aio;
mod bare;
mod client;
mod events;
mod gadget;
mod hops;
mod inside;
mod libusb;
mod orders;
mod rows;
mod server;
mod table;
mod work;

pub use inside::{INSIDE, measure};
pub use orders::{GADGET, obey};
pub use rows::{SPEEDS, Speed};
pub use table::{Found, tables};
