//! What gives a user the right to use a device: a rule for udev.

use crate::ours::{CLASS, SUBCLASS};

/// Where the rule is to be written: before 73, where `uaccess` is acted on.
const FILE: &str = "/etc/udev/rules.d/70-channel-usb.rules";

/// What makes a rule take effect for what is plugged in already.
const RELOAD: &str = "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=usb";

/// The lines of a udev rule for Linux that let users have a device: whoever is logged in at the machine, and the members of
/// the group `plugdev`. With comments that say where to write it and what to run then.
///
/// `ids`: vendor and product; `None`: whatever runs our gadget.
pub fn udev_rule(ids: Option<(u16, u16)>) -> String {
    let which = match ids {
        Some((vid, pid)) => {
            format!("ATTR{{idVendor}}==\"{vid:04x}\", ATTR{{idProduct}}==\"{pid:04x}\"")
        }
        // Class, subclass and protocol of all interfaces, as `:ff4301:080650:`.
        None => format!("ENV{{ID_USB_INTERFACES}}==\"*:{CLASS:02x}{SUBCLASS:02x}??:*\""),
    };
    format!(
        "# Write this to {FILE}, then run:\n\
         #   {RELOAD}\n\
         SUBSYSTEM==\"usb\", ENV{{DEVTYPE}}==\"usb_device\", {which}, \
         MODE=\"0660\", GROUP=\"plugdev\", TAG+=\"uaccess\"\n"
    )
}

/// What to do where there is no permission, in a sentence.
pub(super) fn advice((vid, pid): (u16, u16)) -> String {
    let rule = udev_rule(Some((vid, pid)));
    let line = rule.lines().find(|line| !line.starts_with('#'));
    format!(
        "as root, write this line to {FILE}, then run `{RELOAD}` (`echo-demo usb rule {vid:04x}:{pid:04x}` prints it): {}",
        line.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_names_the_device() {
        let rule = udev_rule(Some((0x1d6b, 0x0104)));
        assert!(rule.contains(
            "SUBSYSTEM==\"usb\", ENV{DEVTYPE}==\"usb_device\", ATTR{idVendor}==\"1d6b\", \
             ATTR{idProduct}==\"0104\", MODE=\"0660\", GROUP=\"plugdev\", TAG+=\"uaccess\"\n"
        ));
        assert!(rule.contains("/etc/udev/rules.d/70-") && rule.contains("udevadm trigger"));
        assert!(udev_rule(None).contains("ENV{ID_USB_INTERFACES}==\"*:ff43??:*\""));
    }

    #[test]
    fn the_advice_is_a_line_that_can_be_copied() {
        let advice = advice((0xabc, 1));
        assert!(advice.contains("ATTR{idVendor}==\"0abc\", ATTR{idProduct}==\"0001\""));
        assert!(advice.contains("echo-demo usb rule 0abc:0001"));
        assert_eq!(advice.lines().count(), 1);
    }
}
