//! This machine as a device.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use channel::Domain;
use transport_usb::UsbGadget;

/// Of all domains.
static GADGETS: OnceLock<UsbGadget> = OnceLock::new();

/// From now on the domain reaches, and is reached by, hosts.
pub fn add_to(domain: &Domain) {
    domain.add(GADGETS.get_or_init(UsbGadget::new).clone());
}

/// Takes away the gadgets of this process, which ends.
pub fn close_gadgets() {
    if let Some(gadgets) = GADGETS.get() {
        gadgets.close();
    }
}

/// Whether this machine can be a device, and is not one already.
pub fn has_controller() -> bool {
    let controllers = Path::new("/sys/class/udc").read_dir();
    // The file names who has it.
    let is_free = |controller: &Path| {
        fs::read(controller.join("function")).is_ok_and(|taken| taken.trim_ascii().is_empty())
    };
    controllers
        .into_iter()
        .flatten()
        .flatten()
        .any(|controller| is_free(&controller.path()))
}
