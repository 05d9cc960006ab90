//! A build, or a system, that is no device.

use channel::Domain;

pub fn add_to(_: &Domain) {}

pub fn has_controller() -> bool {
    false
}

/// There are none.
pub fn close_gadgets() {}
