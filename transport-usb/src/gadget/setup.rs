//! A gadget of our own: set up in configfs, and taken away again, also after an owner that was killed.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use usb_gadget::{Class, Config, Strings};

use super::address::Address;
use super::configfs::{Tree, unsupported};
use super::gadgets::{Gadgets, Slot};
use super::session::Endpoints;
use super::{functionfs, lock, udc};

/// A process that was killed takes some ten milliseconds to let go of its gadget, on a busy machine more.
const DYING: Duration = Duration::from_secs(5);
/// Nobody tells when it has: it is looked so often.
const PAUSE: Duration = Duration::from_millis(10);

/// A gadget that is bound to a controller until this is dropped. The files of its FunctionFS should be closed before.
pub(super) struct Registered {
    slot: Arc<Slot>,
    /// The gadget's directory, locked: the owner lives.
    _owned: File,
}

impl Registered {
    /// Sets the gadget up, as one of those, and binds it. What owners left that were killed is taken away before.
    ///
    /// # Errors
    /// `Unsupported`, `PermissionDenied`, `ResourceBusy` (the controller is another gadget's), `AddrInUse` (a living
    /// process has this gadget): what is wrong, and what to do.
    pub(super) fn new(address: &Address, gadgets: &Gadgets) -> io::Result<(Endpoints, Registered)> {
        let mut all = gadgets.all();
        let Some(all) = &mut *all else {
            return Err(io::Error::other(
                "the gadgets of this program were closed for its end",
            ));
        };
        let controllers = udc::all()?;
        let tree = Tree::find()?;
        let _turn = tree.turn()?;
        let name = Tree::ours(&address.name);
        tidy(&tree, &name)?;
        let udc = udc::choose(&controllers, address.udc.as_deref(), &tree)?;

        let (mut function, handle) = functionfs::function(address).build();
        let strings = Strings::new(&address.manufacturer, &address.product, address.serial());
        let mut gadget = usb_gadget::Gadget::new(Class::INTERFACE_SPECIFIC, address.id, strings)
            .with_config(Config::new(address.interface()).with_function(handle));
        gadget.name = Some(name.clone());
        let gadget = gadget.register().map_err(not_registered)?;
        let owned = tree.gadget(&name)?;
        lock::take(&owned, &format!("the gadget `{name}`"))?;
        let registered = Registered {
            slot: Slot::new(gadget, all),
            _owned: owned,
        };
        let ends = functionfs::open(address, &function.ffs_dir()?).map_err(functionfs::not_open)?;
        if let Some(gadget) = &*registered.slot.gadget()
            && let Err(error) = gadget.bind(Some(udc))
        {
            // Somebody may have been faster.
            udc::choose(&controllers, udc.name().to_str(), &tree)?;
            return Err(not_bound(udc, &error));
        }
        tracing::debug!(target: "transport_usb", gadget = name, udc = ?udc.name(), "bound");
        Ok((ends, registered))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.slot.take_away();
    }
}

/// Takes away the gadgets of owners that are dead, that of this name among them.
fn tidy(tree: &Tree, wanted: &str) -> io::Result<()> {
    for name in tree.all_ours() {
        let Ok(directory) = tree.gadget(&name) else {
            continue;
        };
        let removed = lock::take(&directory, &format!("the gadget `{name}`")).and_then(|()| {
            unbound(tree, &name)?;
            let gadget = usb_gadget::registered()?
                .into_iter()
                .find(|gadget| gadget.name() == &*name);
            match gadget {
                Some(gadget) => gadget.remove(),
                None => Ok(()),
            }
        });
        match removed {
            Ok(()) => {
                tracing::debug!(target: "transport_usb", gadget = name, "its owner was killed: taken away");
            }
            Err(error) if name == wanted => return Err(not_registered(error)),
            // It lives, or is for somebody else to take away.
            Err(error) => tracing::debug!(target: "transport_usb", gadget = name, %error, "left"),
        }
    }
    Ok(())
}

/// Waits until the kernel has taken the gadget of an owner that is dead off its controller.
///
/// # Errors
/// `ResourceBusy`: it has not, and will not. Whoever tried it then would never come back.
fn unbound(tree: &Tree, name: &str) -> io::Result<()> {
    let end = Instant::now() + DYING;
    while let Some(udc) = tree.udc(name).filter(|udc| !udc.is_empty()) {
        if Instant::now() > end {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!(
                    "the owner of the gadget `{name}` was killed, but the kernel has not ended its transfers, and keeps the \
                     controller `{udc}`: a fault of some kernels, which a restart of the machine ends"
                ),
            ));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn not_registered(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::ResourceBusy => error,
        io::ErrorKind::PermissionDenied => io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "a USB gadget is set up by root only ({error}): run this as root; or have root prepare one with a FunctionFS, \
                 and give where that is mounted, as in `?ffs=/dev/ffs-camera`"
            ),
        ),
        // What a directory of configfs is made of is a kernel module, which is missing.
        io::ErrorKind::NotFound => unsupported(
            "the kernel has no FunctionFS: as root, `modprobe usb_f_fs` loads it; a kernel of one's own needs \
             CONFIG_USB_CONFIGFS_F_FS",
        ),
        _ => io::Error::other(format!("the USB gadget could not be set up: {error}")),
    }
}

fn not_bound(udc: &usb_gadget::Udc, error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "the USB gadget could not be bound to the controller `{}`: {error}",
        udc.name().to_string_lossy()
    ))
}
