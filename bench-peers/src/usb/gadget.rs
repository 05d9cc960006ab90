//! The bare loop's gadget: an interface with two bulk endpoints, in this process.

use super::aio::Aio;
use rustix::event::{EventfdFlags, eventfd};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use usb_gadget::function::custom::{Custom, Endpoint, EndpointDirection, Interface};
use usb_gadget::{Class, Config, Gadget, Id, RegGadget, Strings, UsbVersion, udcs};

/// The ids of the bare loop's gadget, of those set aside for tests by pid.codes.
pub const VENDOR: u16 = 0x1209;
/// See [`VENDOR`].
pub const PRODUCT: u16 = 0x0001;

/// Where its endpoint files are.
const FILES: &str = "/dev/ffs-bench";

/// Set up and plugged in; until it is dropped.
pub struct BareGadget {
    // The files are closed before the gadget goes.
    receive: File,
    send: File,
    _control: File,
    _gadget: RegGadget,
}

impl BareGadget {
    /// Sets it up and plugs it in.
    pub fn plug(controller: &str) -> Self {
        let (_sender, to_host) = EndpointDirection::device_to_host();
        let (_receiver, from_host) = EndpointDirection::host_to_device();
        let interface = Interface::new(Class::vendor_specific(0, 0), "bare loop")
            .with_endpoint(Endpoint::bulk(from_host))
            .with_endpoint(Endpoint::bulk(to_host));
        let mut function = Custom::builder().with_interface(interface);
        function.ffs_no_init = true;
        function.ffs_dir = Some(FILES.into());
        let texts = function.ffs_descriptors_and_strings();
        let (descriptors, strings) = texts.expect("an interface that is right");
        let (_function, handle) = function.build();
        let mut gadget = Gadget::new(
            Class::INTERFACE_SPECIFIC,
            Id::new(VENDOR, PRODUCT),
            Strings::new("bench-peers", "bare loop", "bare"),
        )
        .with_config(Config::new("bare").with_function(handle));
        gadget.usb_version = UsbVersion::V20;
        let gadget = gadget
            .register()
            .expect("this is root, and FunctionFS is there");
        let file = |name: &str| {
            let path = Path::new(FILES).join(name);
            let file = File::options().read(true).write(true).open(&path);
            file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let mut control = file("ep0");
        control
            .write_all(&descriptors)
            .expect("descriptors that are right");
        control.write_all(&strings).expect("strings that are right");
        let (receive, send) = (file("ep1"), file("ep2"));
        let controllers = udcs().expect("sysfs");
        let mut named = controllers.iter().filter(|udc| udc.name() == controller);
        let udc = named.next().expect("a device controller of that name");
        gadget.bind(Some(udc)).expect("the controller is free");
        Self {
            receive,
            send,
            _control: control,
            _gadget: gadget,
        }
    }

    /// Its endpoints, for transfers of up to `size` bytes.
    pub fn ends(&self, size: usize) -> Aio {
        self.aio(size, false)
    }

    /// The same, with a descriptor that tells of transfers that are over.
    pub fn told_ends(&self, size: usize) -> Aio {
        self.aio(size, true)
    }

    fn aio(&self, size: usize, told: bool) -> Aio {
        let [receive, send] =
            [&self.receive, &self.send].map(|file| file.try_clone().expect("a descriptor"));
        let event = told.then(|| {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            eventfd(0, flags).expect("a descriptor")
        });
        Aio::new(receive, send, size, event)
    }
}
