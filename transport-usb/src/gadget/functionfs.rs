//! A mounted FunctionFS: its files, and what is written to them before the gadget can be bound.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use usb_gadget::function::custom::{Custom, CustomBuilder, Endpoint, EndpointDirection, Interface};

use super::address::Address;
use super::ep0::Ep0;
use super::lock;
use super::session::Endpoints;

/// The function: one interface with two bulk endpoints, for full, high and super speed.
pub(super) fn function(address: &Address) -> CustomBuilder {
    let (_, receive) = EndpointDirection::host_to_device();
    let (_, send) = EndpointDirection::device_to_host();
    let interface = Interface::new(address.class(), address.interface())
        .with_endpoint(Endpoint::bulk(receive))
        .with_endpoint(Endpoint::bulk(send));
    let mut function = Custom::builder().with_interface(interface);
    // The files are opened here.
    function.ffs_no_init = true;
    function
}

/// The files of a FunctionFS that nobody else uses. From then on its gadget can be bound to a controller.
///
/// # Errors
/// `AddrInUse`: a living process uses it.
pub(super) fn open(address: &Address, path: &Path) -> io::Result<Endpoints> {
    let mut ep0 = file(&path.join("ep0"))?;
    lock::take(&ep0, &format!("the FunctionFS at {}", path.display()))?;
    let (descriptors, strings) = function(address).ffs_descriptors_and_strings()?;
    for bytes in [descriptors, strings] {
        if ep0.write(&bytes)? != bytes.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    // In the order of the descriptors.
    Ok(Endpoints {
        ep0: Ep0::new(ep0),
        receive: file(&path.join("ep1"))?,
        send: file(&path.join("ep2"))?,
    })
}

fn file(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

/// Why it could not be opened; never `NotFound`, which would say that there is something to wait for.
pub(super) fn not_open(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => error,
        kind => {
            let kind = match kind {
                io::ErrorKind::NotFound => io::ErrorKind::InvalidInput,
                kind => kind,
            };
            io::Error::new(kind, format!("the FunctionFS could not be opened: {error}"))
        }
    }
}
