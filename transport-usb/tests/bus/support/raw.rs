//! Both ends of a cable with no code of ours: a FunctionFS program, as strange as is wanted, and a libusb program.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use rusb::{Context, DeviceHandle, UsbContext};
use usb_gadget::function::custom::{
    Custom, CustomBuilder, Endpoint, EndpointDirection, Interface, TransferType,
};
use usb_gadget::{Class, Config, Gadget, Id, RegGadget, Strings};

use super::cable::{Cable, wait_until_configured};
use super::{LIMIT, eventually};

/// Another vendor's.
pub const VID: u16 = 0x1209;
pub const PID: u16 = 0x0001;
pub const SERIAL: &str = "raw";

/// A FunctionFS program. Its files block.
pub struct RawGadget {
    /// Towards the host, and from it. Before the gadget: it is closed first.
    pub ends: Option<(File, File)>,
    _ep0: File,
    _gadget: RegGadget,
}

/// An interface with these endpoints.
pub fn interface(class: Class, name: &str, endpoints: Vec<Endpoint>) -> Interface {
    let mut interface = Interface::new(class, name);
    interface.endpoints = endpoints;
    interface
}

/// To the host, or from it.
pub fn endpoint(to_host: bool, transfer: TransferType) -> Endpoint {
    let direction = match to_host {
        true => EndpointDirection::device_to_host().1,
        false => EndpointDirection::host_to_device().1,
    };
    let mut endpoint = Endpoint::custom(direction, transfer);
    endpoint.interval = 4;
    endpoint
}

/// What most devices have that are of no class.
pub fn pair() -> Vec<Endpoint> {
    [true, false]
        .map(|to_host| endpoint(to_host, TransferType::Bulk))
        .into()
}

/// A gadget with this interface, which a host has configured.
pub fn gadget(cable: Cable, interface: Interface) -> RawGadget {
    let opens = interface.endpoints.len() == 2;
    let mut builder: CustomBuilder = Custom::builder().with_interface(interface);
    builder.ffs_no_init = true;
    let data = builder.ffs_descriptors_and_strings().unwrap();
    let (mut custom, handle) = builder.build();
    let gadget = described(Config::new("raw").with_function(handle));
    let gadget = gadget.register().unwrap();
    let directory = custom.ffs_dir().unwrap();
    let open = |name| {
        let path = directory.join(name);
        File::options().read(true).write(true).open(path).unwrap()
    };
    let mut ep0 = open("ep0");
    for bytes in [data.0, data.1] {
        assert_eq!(ep0.write(&bytes).unwrap(), bytes.len());
    }
    let raw = RawGadget {
        ends: opens.then(|| (open("ep1"), open("ep2"))),
        _ep0: ep0,
        _gadget: gadget,
    };
    raw._gadget.bind(Some(&cable.controller())).unwrap();
    wait_until_configured(SERIAL);
    raw
}

pub fn described(config: Config) -> Gadget {
    let strings = Strings::new("somebody", "something", SERIAL);
    let class = Class::new(0, 0, 0);
    Gadget::new(class, Id::new(VID, PID), strings).with_config(config)
}

/// A libusb program that has claimed the first interface of a device, and found its two endpoints.
pub struct RawHost {
    pub handle: DeviceHandle<Context>,
    input: u8,
    output: u8,
}

/// Waits for the device.
pub fn host(vid: u16, pid: u16) -> RawHost {
    let context = Context::new().unwrap();
    let mut opened = None;
    eventually("the device can be opened", || {
        opened = context.open_device_with_vid_pid(vid, pid);
        let configured =
            |handle: &DeviceHandle<_>| handle.device().active_config_descriptor().is_ok();
        opened.as_ref().is_some_and(configured)
    });
    let handle = opened.unwrap();
    let config = handle.device().active_config_descriptor().unwrap();
    let interface = config.interfaces().next().unwrap();
    let setting = interface.descriptors().next().unwrap();
    let address = |to_host: bool| {
        let mut all = setting.endpoint_descriptors().map(|end| end.address());
        all.find(|address| (address & 0x80 != 0) == to_host)
            .unwrap()
    };
    // Whoever had it keeps it for a moment.
    eventually("the interface is free", || {
        handle.claim_interface(interface.number()).is_ok()
    });
    handle.set_alternate_setting(interface.number(), 0).unwrap();
    RawHost {
        input: address(true),
        output: address(false),
        handle,
    }
}

impl RawHost {
    /// One transfer from the device.
    pub fn read(&self, len: usize, limit: Duration) -> rusb::Result<Vec<u8>> {
        let mut buf = vec![0; len];
        let n = self.handle.read_bulk(self.input, &mut buf, limit)?;
        buf.truncate(n);
        Ok(buf)
    }

    /// One transfer to the device.
    pub fn write(&self, bytes: &[u8]) {
        assert_eq!(self.try_write(bytes, LIMIT), Ok(bytes.len()));
    }

    pub fn try_write(&self, bytes: &[u8], limit: Duration) -> rusb::Result<usize> {
        self.handle.write_bulk(self.output, bytes, limit)
    }
}
