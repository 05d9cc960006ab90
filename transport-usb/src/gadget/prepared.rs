//! A FunctionFS that somebody else has mounted: the gadget is theirs, the function ours.

use std::fs;
use std::io;
use std::path::Path;

use super::address::Address;
use super::configfs::{Tree, mounts_of};
use super::session::Endpoints;
use super::{functionfs, udc};

/// Its files; and the gadget is bound to a controller, if that was left to us.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn open(address: &Address, path: &Path) -> io::Result<Endpoints> {
    let ends = functionfs::open(address, path).map_err(|error| not_open(error, path))?;
    match bind(address, path) {
        Ok(()) => tracing::debug!(target: "transport_usb", ffs = ?path, "bound"),
        Err(error) => {
            tracing::info!(
                target: "transport_usb", ffs = ?path, %error,
                "whoever has prepared the gadget has to bind it to a controller"
            );
        }
    }
    Ok(ends)
}

fn bind(address: &Address, path: &Path) -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts_of(&mounts, "functionfs").rfind(|mount| mount.at == path);
    let tree = Tree::find()?;
    let gadget = mount.and_then(|mount| tree.with_functionfs(&mount.source));
    let Some(gadget) = gadget else {
        return Err(io::Error::other("its gadget is not in configfs"));
    };
    let file = gadget.join("UDC");
    if !fs::read_to_string(&file)?.trim().is_empty() {
        return Ok(());
    }
    let controllers = udc::all()?;
    let udc = udc::choose(&controllers, address.udc.as_deref(), &tree)?;
    fs::write(file, udc.name().as_encoded_bytes())
}

fn not_open(error: io::Error, path: &Path) -> io::Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "no FunctionFS is mounted at {path}: as root, `mount -t functionfs NAME {path}` mounts the one of a gadget's \
                 function `ffs.NAME`"
            ),
        ),
        io::ErrorKind::PermissionDenied => io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "the FunctionFS at {path} is not this user's: whoever mounts it says whose it is, with `-o uid=UID,gid=GID` \
                 (and gives a way to it, with `rmode=0550`)"
            ),
        ),
        _ => functionfs::not_open(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let address = "usb-gadget://camera?ffs=/dev/ffs-x".parse().unwrap();
        let address = Address::of(&address).unwrap();
        let Err(error) = open(&address, directory.path()) else {
            panic!("it was opened");
        };
        // Not `NotFound`: nobody is to wait for it silently.
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("mount -t functionfs"), "{text}");
    }
}
