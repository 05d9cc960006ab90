//! Who has what this process may not have.

use std::io;
#[cfg(target_os = "linux")]
use std::path::{Path, PathBuf};

use super::choose::Pick;
use super::rule::advice;
use super::seen::Seen;

/// There is no permission to open the device.
pub(super) fn denied(seen: &Seen) -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("no permission for USB device {seen}: {}", advice(seen.ids)),
    )
}

/// Somebody else has the interface; and whether that is a program, which may just be about to give it back.
pub(super) fn busy(seen: &Seen, pick: &Pick, plain: bool) -> (io::Error, bool) {
    let interface = pick.interface;
    let (who, is_program) = holder(seen, interface, plain);
    let text = format!("interface {interface} of USB device {seen} is in use by {who}");
    (
        io::Error::new(io::ErrorKind::ResourceBusy, text),
        is_program,
    )
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Seen, _: u8, _: bool) -> (String, bool) {
    let who = "another program or a driver of the system: end that, or use another device";
    (who.to_owned(), true)
}

/// Who it is, and what to do about it.
#[cfg(target_os = "linux")]
fn holder(seen: &Seen, interface: u8, plain: bool) -> (String, bool) {
    match driver(seen, interface) {
        // `usbfs` is what programs use devices through.
        Some((interface, name)) if name != "usbfs" => {
            let option = match plain {
                true => ", or by the option `detach=yes`",
                false => "",
            };
            let text = format!(
                "the kernel's driver `{name}`: take it off with `echo {interface} | sudo tee \
                 /sys/bus/usb/drivers/{name}/unbind`{option}"
            );
            (text, false)
        }
        _ => (process(seen), true),
    }
}

/// The interface's name on the bus, and that of the driver that has it.
#[cfg(target_os = "linux")]
fn driver(seen: &Seen, interface: u8) -> Option<(String, String)> {
    let folders = Path::new("/sys/bus/usb/devices")
        .join(&seen.path)
        .read_dir()
        .ok()?;
    let (begin, end) = (format!("{}:", seen.path), format!(".{interface}"));
    folders.flatten().find_map(|folder| {
        let name = folder.file_name().into_string().ok()?;
        if !name.starts_with(&begin) || !name.ends_with(&end) {
            return None;
        }
        let driver = folder.path().join("driver").read_link().ok()?;
        Some((name, driver.file_name()?.to_str()?.to_owned()))
    })
}

/// The process that has the device open, as far as this user may know.
#[cfg(target_os = "linux")]
fn process(seen: &Seen) -> String {
    let device = node(seen);
    match find(&device, std::process::id()) {
        Some(Holder::Other(id, name)) => {
            format!("process {id} ({name}): end that, or use another device")
        }
        Some(Holder::Myself) => {
            "this process itself: by another endpoint that means the same device, most likely; use the same one for all"
                .to_owned()
        }
        None => format!("another process; `fuser {}` (as root) tells which", device.display()),
    }
}

#[cfg(target_os = "linux")]
enum Holder {
    Other(u32, String),
    Myself,
}

#[cfg(target_os = "linux")]
fn find(device: &Path, own: u32) -> Option<Holder> {
    let mut myself = None;
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(id) = name.to_str().and_then(|id| id.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(fds) = process.path().join("fd").read_dir() else {
            continue;
        };
        let links = fds.flatten().filter_map(|fd| fd.path().read_link().ok());
        match links.filter(|target| target == device).count() {
            0 => {}
            // This attempt has it open, too.
            n if id == own => myself = (n > 1).then_some(Holder::Myself),
            _ => {
                let name = std::fs::read_to_string(process.path().join("comm"));
                return Some(Holder::Other(
                    id,
                    name.unwrap_or_default().trim_end().to_owned(),
                ));
            }
        }
    }
    myself
}

/// The device's file.
#[cfg(target_os = "linux")]
pub(super) fn node(seen: &Seen) -> PathBuf {
    format!("/dev/bus/usb/{:03}/{:03}", seen.bus, seen.number).into()
}
