//! Other ends that are not what they say they are, and talk rubbish.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use usb_gadget::Class;

use crate::roles::{ECHO, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::start;
use crate::support::raw::{self, PID, VID};
use crate::support::{broker, dial, exchange, pattern};

const STRANGE: Cable = Cable(0);
const GOOD: Cable = Cable(1);

/// A device that looks like ours, and sends transfers of that length without a pause.
fn talks_rubbish(length: usize) {
    let class = Class::new(
        transport_usb::CLASS,
        transport_usb::SUBCLASS,
        transport_usb::PROTOCOL,
    );
    let interface = raw::interface(class, "channel-link rubbish", raw::pair());
    let mut gadget = raw::gadget(STRANGE, interface);
    let (mut to_host, from_host) = gadget.ends.take().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = 0;
            while !over.load(Ordering::SeqCst) {
                // It fails whenever the host begins anew.
                sent += to_host.write(&pattern(5, sent, length)).unwrap_or(1);
            }
        });
        let client = broker("client");
        let at = format!("usb://{VID:04x}:{PID:04x}/anybody");
        let limit = Some(Duration::from_secs(1));
        let error = client.connect_at(&at.parse().unwrap(), 1, limit);
        println!(
            "{length} bytes a transfer: {}",
            error.map(drop).unwrap_err()
        );
        // Another cable is not disturbed.
        exchange(&mut dial(&client, &GOOD.host(), ECHO), 1, 50_000);
        over.store(true, Ordering::SeqCst);
        drop((from_host, gadget));
    });
}

// shows T4, B3: no session, no panic, nothing left behind; and whoever dials has its time limit.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_device_that_talks_rubbish() {
    on_the_bus(|| {
        let mut good = start(&serving(&[GOOD.gadget()]));
        good.hear("serves");
        // Less than a packet; whole packets, so that no transfer ends; and all but one byte of that.
        for length in [33, 16 * 1024, 16 * 1024 - 1] {
            talks_rubbish(length);
        }
        good.end();
    });
}

// shows T4: whatever a host's program has sent, the next one is served.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn a_host_that_talks_rubbish() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[STRANGE.gadget()]));
        gadget.hear("serves");
        STRANGE.wait_until_configured();
        for round in 0..6 {
            let host = raw::host(0x1d6b, 0x0104);
            for i in 0..30 {
                let length = [1, 8, 33, 512, 16 * 1024, 4096, 16 * 1024 - 1][(round + i) % 7];
                // The gadget may have halted it.
                let _ = host.try_write(&pattern(1, i, length), Duration::from_millis(100));
                if i % 10 == 9 {
                    host.handle.set_alternate_setting(0, 0).unwrap();
                }
            }
            drop(host);
            exchange(
                &mut dial(&broker("client"), &STRANGE.host(), ECHO),
                7,
                50_000,
            );
        }
        gadget.end();
    });
}
