//! A mounted FunctionFS: its files, and what is written to them before the gadget can be bound.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

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
    let (descriptors, strings) = contents(address)?;
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
        scarce: AtomicBool::new(false),
    })
}

/// What is written to endpoint 0: descriptors, then strings.
fn contents(address: &Address) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut descriptors, strings) = function(address).ffs_descriptors_and_strings()?;
    set_full_speed_packets(&mut descriptors);
    Ok((descriptors, strings))
}

/// usb-gadget 1.3 leaves the packet size of endpoints at full speed 0, and the kernel takes it as it is: no host could
/// choose the configuration then.
fn set_full_speed_packets(descriptors: &mut [u8]) {
    /// Magic number, length, flags, and how many descriptors follow for full, high and super speed, and for systems.
    const HEAD: usize = 7 * 4;
    const COUNT: usize = 3 * 4;
    const ENDPOINT: u8 = 5;
    /// The most that USB allows for bulk at full speed.
    const PACKET: u16 = 64;

    let Some((head, mut rest)) = descriptors.split_at_mut_checked(HEAD) else {
        return;
    };
    for _ in 0..head[COUNT] {
        let length = rest.first().copied().unwrap_or_default().into();
        match rest.split_at_mut_checked(length) {
            Some((descriptor, behind)) if length > 0 => {
                if length >= 6 && descriptor[1] == ENDPOINT && descriptor[4..6] == [0, 0] {
                    descriptor[4..6].copy_from_slice(&PACKET.to_le_bytes());
                }
                rest = behind;
            }
            _ => return,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The descriptors behind the head: length, kind, and the rest of each.
    fn descriptors(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut all = Vec::new();
        while let Some((descriptor, rest)) =
            bytes.split_at_checked(*bytes.first().unwrap_or(&1) as usize)
        {
            all.push(descriptor);
            bytes = rest;
        }
        all
    }

    #[test]
    fn the_function_has_two_bulk_endpoints_at_each_speed() {
        let address = Address::of(&"usb-gadget://camera".parse().unwrap()).unwrap();
        let (bytes, strings) = contents(&address).unwrap();
        assert_eq!(bytes[4..8], (bytes.len() as u32).to_le_bytes());
        let all = descriptors(&bytes[28..]);
        let interfaces: Vec<_> = all.iter().filter(|one| one[1] == 4).collect();
        assert_eq!(interfaces.len(), 3);
        assert!(
            interfaces.iter().all(|one| one[4..8] == [2, 0xff, 0x43, 1]),
            "{interfaces:x?}"
        );
        let endpoints = all.iter().filter(|one| one[1] == 5);
        let endpoints: Vec<_> = endpoints
            .map(|one| (one[2], one[3], u16::from_le_bytes([one[4], one[5]])))
            .collect();
        let expected = [64, 512, 1024].map(|packet| [(0x01, 2, packet), (0x82, 2, packet)]);
        assert_eq!(endpoints, expected.concat());
        let text = b"channel-link camera\0";
        assert!(strings.windows(text.len()).any(|window| window == text));
    }

    #[test]
    fn garbage_is_left_alone() {
        for length in 0..40 {
            for byte in [0, 1, 5, 0xff] {
                let mut bytes = vec![byte; length];
                set_full_speed_packets(&mut bytes);
                assert_eq!(bytes, vec![byte; length]);
            }
        }
    }
}
