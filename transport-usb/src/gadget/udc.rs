//! USB device controllers: the hardware that makes a device of this machine.

use std::io;

use usb_gadget::Udc;

use super::configfs::{Tree, unsupported};

/// The controllers of this machine, in the order of their names.
///
/// # Errors
/// `Unsupported`: there is none, and what to do.
pub(super) fn all() -> io::Result<Vec<Udc>> {
    let mut all = usb_gadget::udcs().unwrap_or_default();
    all.sort_by_key(|udc| udc.name().to_owned());
    match all.is_empty() {
        false => Ok(all),
        true => Err(unsupported(
            "this machine has no USB device controller (there is nothing in /sys/class/udc), so it cannot be a USB device; \
             the ports of a PC are a host's only. On a Raspberry Pi with a device port (Zero, Zero 2, 4, 5), add \
             `dtoverlay=dwc2,dr_mode=peripheral` to config.txt and restart; on other boards, load the driver of the \
             controller (dwc2, dwc3, musb_hdrc, chipidea, ...), and switch a port of both roles to device mode",
        )),
    }
}

/// The controller of that name, or the first that is free.
///
/// # Errors
/// `ResourceBusy`: somebody has it; says who, and how it is freed. `InvalidInput`: there is none of that name.
pub(super) fn choose<'a>(all: &'a [Udc], wanted: Option<&str>, tree: &Tree) -> io::Result<&'a Udc> {
    let names: Vec<String> = all.iter().map(name).collect();
    let taken = |name: &str| match tree.holder(name) {
        Some(gadget) => Some(format!(
            "the gadget `{gadget}`: {}",
            tree.how_to_free(&gadget)
        )),
        // A driver that is older than configfs, such as g_ether.
        None => driver(&all[names.iter().position(|known| known == name)?]).map(|driver| {
            format!("the kernel's driver `{driver}`: `sudo rmmod {driver}` frees it")
        }),
    };
    pick(&names, wanted, taken).map(|index| &all[index])
}

fn name(udc: &Udc) -> String {
    udc.name().to_string_lossy().into_owned()
}

fn driver(udc: &Udc) -> Option<String> {
    let driver = udc.function().ok()??;
    Some(driver.to_string_lossy().into_owned())
}

fn pick(
    names: &[String],
    wanted: Option<&str>,
    taken: impl Fn(&str) -> Option<String>,
) -> io::Result<usize> {
    let busy = |text: String| Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
    match wanted {
        Some(wanted) => match names.iter().position(|name| name == wanted) {
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "there is no USB device controller `{wanted}`; this machine has {}",
                    list(names)
                ),
            )),
            Some(index) => match taken(wanted) {
                None => Ok(index),
                Some(who) => busy(format!(
                    "the USB device controller `{wanted}` is taken by {who}"
                )),
            },
        },
        None => {
            let mut told = Vec::new();
            for (index, name) in names.iter().enumerate() {
                match taken(name) {
                    None => return Ok(index),
                    Some(who) => told.push(format!("`{name}` is taken by {who}")),
                }
            }
            busy(format!(
                "no USB device controller is free: {}",
                told.join("; ")
            ))
        }
    }
}

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick_of(wanted: Option<&str>, taken: &[&str]) -> Result<usize, (io::ErrorKind, String)> {
        let names = ["a.usb", "b.usb"].map(str::to_owned);
        let taken = |name: &str| {
            taken
                .contains(&name)
                .then(|| "the gadget `g1`: do this".to_owned())
        };
        pick(&names, wanted, taken).map_err(|error| (error.kind(), error.to_string()))
    }

    #[test]
    fn the_first_that_is_free_is_taken() {
        assert_eq!(pick_of(None, &[]), Ok(0));
        assert_eq!(pick_of(None, &["a.usb"]), Ok(1));
        let (kind, text) = pick_of(None, &["a.usb", "b.usb"]).unwrap_err();
        assert_eq!(kind, io::ErrorKind::ResourceBusy);
        assert!(
            text.contains("`a.usb` is taken by the gadget `g1`: do this"),
            "{text}"
        );
        assert!(text.contains("`b.usb` is taken"), "{text}");
    }

    #[test]
    fn one_that_is_named_is_taken_or_told() {
        assert_eq!(pick_of(Some("b.usb"), &["a.usb"]), Ok(1));
        let (kind, text) = pick_of(Some("b.usb"), &["b.usb"]).unwrap_err();
        assert_eq!(kind, io::ErrorKind::ResourceBusy);
        assert!(
            text.contains("`b.usb` is taken by the gadget `g1`"),
            "{text}"
        );
        let (kind, text) = pick_of(Some("c.usb"), &[]).unwrap_err();
        assert_eq!(kind, io::ErrorKind::InvalidInput);
        assert!(
            text.contains("`c.usb`") && text.contains("`a.usb`, `b.usb`"),
            "{text}"
        );
    }
}
