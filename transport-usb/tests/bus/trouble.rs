//! What can be wrong with a device, or with whoever wants it: clear errors, no panic, and nothing left behind.

use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use channel::Endpoint;
use usb_gadget::function::custom::TransferType;
use usb_gadget::function::serial::{Serial, SerialClass};
use usb_gadget::{Class, Config};

use crate::roles::{ECHO, serving};
use crate::support::cable::{Cable, wait_until_configured};
use crate::support::lab::on_the_bus;
use crate::support::process::{start, start_as, tell};
use crate::support::raw::{self, PID, VID};
use crate::support::{LIMIT, broker, dial, exchange, refused};

const CABLE: Cable = Cable(0);

/// The class of our interface.
const OURS: Class = Class::new(
    transport_usb::CLASS,
    transport_usb::SUBCLASS,
    transport_usb::PROTOCOL,
);

/// In a child: tells what becomes of a dial.
pub fn tries(at: &str) {
    let listed = transport_usb::devices();
    tell(&format!("listed {listed:?}"));
    match broker("tries").connect_at(&at.parse().unwrap(), ECHO, Some(LIMIT)) {
        Ok(_) => tell("connected"),
        Err(error) => tell(&format!(
            "failed {:?} {}",
            error.kind(),
            error.to_string().replace('\n', " / ")
        )),
    }
}

// shows T4: it is said which rule is to be added.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn no_permission() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        CABLE.wait_until_configured();
        let role = format!("tries {}", CABLE.host());
        let mut child = start_as(&role, |command| {
            command.uid(1000).gid(1000);
        });
        let listed = child.hear("listed");
        println!("listed without permission: {listed}");
        assert!(listed.contains(&CABLE.name()), "{listed}");
        let why = child.hear("failed");
        println!("no permission: {why}");
        assert!(why.starts_with("PermissionDenied"), "{why}");
        assert!(why.contains("udev") && why.contains("SUBSYSTEM"), "{why}");
        child.end();
        gadget.end();
    });
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn claimed_by_another_process() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let mut other = start(&format!("hold {}", CABLE.host()));
        other.hear("holds");
        let client = broker("client");
        let error = refused(&client, &CABLE.host().to_string());
        println!("claimed by another process: {error}");
        assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy, "{error:?}");
        let why = error.to_string();
        assert!(why.contains(&other.id().to_string()), "{why}");
        other.end();
        exchange(&mut dial(&client, &CABLE.host(), ECHO), 1, 1000);
        gadget.end();
    });
}

// shows T4: the kernel's own driver of serial adapters has it.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn claimed_by_a_driver_of_the_kernel() {
    on_the_bus(|| {
        let (_serial, handle) = Serial::new(SerialClass::Acm);
        let gadget = raw::described(Config::new("serial").with_function(handle));
        let gadget = gadget.bind(&CABLE.controller());
        let gadget = gadget.expect("lab/run --modules \"usb_f_acm cdc-acm\"");
        wait_until_configured(raw::SERIAL);
        let at = format!("usb+plain://{VID:04x}:{PID:04x}?interface=1");
        let error = refused(&broker("client"), &at);
        println!("claimed by a driver: {error}");
        assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy, "{error:?}");
        assert!(error.to_string().contains("cdc_acm"), "{error}");
        // Taken off the interface, if that is asked for.
        let at: Endpoint = format!("{at}&detach=yes").parse().unwrap();
        let channel = broker("client").connect_at(&at, 0, Some(LIMIT)).unwrap();
        drop(channel);
        drop(gadget);
    });
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn no_such_interface() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        CABLE.wait_until_configured();
        let client = broker("client");
        let error = refused(&client, "usb://1d6b:0104/anybody?interface=5");
        println!("no such interface: {error}");
        let why = error.to_string();
        assert!(why.contains('5') && why.contains("channel-link"), "{why}");
        let error = refused(&client, "usb+plain://1d6b:0104?in=0x8e");
        println!("no such endpoint: {error}");
        assert!(error.to_string().contains("8e"), "{error}");
        gadget.end();
    });
}

/// A gadget with such an interface, and what a dial of it is told that names its ids.
fn odd(class: Class, name: &str, endpoints: &[(bool, TransferType)]) -> String {
    let endpoints = endpoints.iter();
    let endpoints = endpoints.map(|(to_host, transfer)| raw::endpoint(*to_host, *transfer));
    let interface = raw::interface(class, name, endpoints.collect());
    let gadget = raw::gadget(CABLE, interface);
    let client = broker("client");
    let error = refused(&client, &format!("usb://{VID:04x}:{PID:04x}/anybody"));
    println!("{error}");
    // Looking at all devices is not disturbed by one that is strange.
    println!("{:?}", transport_usb::devices().unwrap());
    drop(gadget);
    error.to_string()
}

const BULK: [(bool, TransferType); 2] = [(true, TransferType::Bulk), (false, TransferType::Bulk)];

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn another_version_of_the_protocol() {
    on_the_bus(|| {
        let next = transport_usb::PROTOCOL + 1;
        let class = Class::new(OURS.class, OURS.sub_class, next);
        let why = odd(class, "channel-link from the future", &BULK);
        assert!(why.contains("version"), "{why}");
        assert!(why.contains(&next.to_string()), "{why}");
    });
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn not_one_of_ours() {
    on_the_bus(|| {
        let why = odd(Class::new(0xff, 0, 0), "a vendor's", &BULK);
        assert!(why.contains("interface"), "{why}");
    });
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn half_a_pair_of_endpoints() {
    on_the_bus(|| {
        let why = odd(OURS, "channel-link half", &BULK[..1]);
        assert!(why.contains("bulk"), "{why}");
    });
}

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn endpoints_of_another_kind() {
    on_the_bus(|| {
        let interrupts = [true, false].map(|to_host| (to_host, TransferType::Interrupt));
        let why = odd(OURS, "channel-link interrupts", &interrupts);
        assert!(why.contains("bulk"), "{why}");
    });
}

// shows T4: somebody else's, of a class that looks like ours.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_name_that_is_not_ours() {
    on_the_bus(|| {
        let gadget = raw::gadget(CABLE, raw::interface(OURS, "", raw::pair()));
        let all = transport_usb::devices().unwrap();
        assert!(all.is_empty(), "{all:?}");
        let error = refused(&broker("client"), "usb:///anybody?absent=fail");
        println!("a name that is not ours: {error}");
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error:?}");
        drop(gadget);
    });
}

// shows T4: in whatever state of being recognised the device is when the plug is pulled.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn unplugged_while_it_is_recognised() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let client = broker("client");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let dials = scope.spawn(|| {
                let mut connected = 0;
                while !over.load(Ordering::SeqCst) {
                    match client.connect_at(&CABLE.host(), ECHO, Some(LIMIT)) {
                        // Between two plugs, a few of them are as good as thousands.
                        Ok(_) => {
                            connected += 1;
                            thread::sleep(Duration::from_millis(20));
                        }
                        // It left in the middle of that, and may be told.
                        Err(error) => println!("told: {error}"),
                    }
                }
                connected
            });
            for round in 0..16 {
                // From before the host has noticed to after it is configured.
                CABLE.pull();
                thread::sleep(Duration::from_millis(round % 8 * 5));
                CABLE.plug();
                thread::sleep(Duration::from_millis(round * 100));
            }
            over.store(true, Ordering::SeqCst);
            println!("{} dials came through", dials.join().unwrap());
        });
        exchange(&mut dial(&client, &CABLE.host(), ECHO), 1, 50_000);
        gadget.end();
    });
}
