//! Channels over a USB cable.

pub mod bulk;
mod link;
#[allow(dead_code, reason = "the two ends use it")]
mod ours;

pub use link::{BulkLink, Ends, Queue};
pub use ours::{CLASS, INTERFACE, PROTOCOL, SUBCLASS};
pub use transport_link;
