//! Two devices at once.

use std::thread;

use crate::roles::{ECHO, NAME, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::start;
use crate::support::{LIMIT, broker, dial, exchange, refused, until_lost};

const A: Cable = Cable(0);
const B: Cable = Cable(1);

// shows T4
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn two_devices_each_by_its_serial_number() {
    on_the_bus(|| {
        let mut gadgets = [A, B].map(|cable| start(&serving(&[cable.gadget()])));
        gadgets.iter_mut().for_each(|gadget| {
            gadget.hear("serves");
        });
        let client = broker("client");
        for cable in [A, B] {
            let mut name = vec![0; cable.name().len()];
            let mut channel = dial(&client, &cable.host(), NAME);
            channel.read_exact_timeout(&mut name, LIMIT).unwrap();
            assert_eq!(name, cable.name().as_bytes());
        }
        // Both at the same time; and what becomes of one is nothing to the other.
        let channels = [A, B].map(|cable| dial(&client, &cable.host(), ECHO));
        let [mut a, mut b] = channels;
        thread::scope(|scope| {
            scope.spawn(|| exchange(&mut a, 1, 300_000));
            exchange(&mut b, 2, 300_000);
        });
        A.pull();
        until_lost(&mut a, 0, 0);
        exchange(&mut b, 3, 10_000);
        A.plug();
        let mut a = dial(&client, &A.host(), ECHO);
        exchange(&mut a, 4, 10_000);
        drop((a, b));
        gadgets.into_iter().for_each(|gadget| gadget.end());
    });
}

// shows T4: who does not say which, is told what there is.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn two_devices_where_one_is_meant() {
    on_the_bus(|| {
        // One process may be two devices.
        let mut gadgets = start(&serving(&[A.gadget(), B.gadget()]));
        gadgets.hear("serves");
        [A, B]
            .iter()
            .for_each(|cable| cable.wait_until_configured());
        let client = broker("client");
        for at in ["usb:///anybody", "usb://1d6b:0104/anybody"] {
            let why = refused(&client, at).to_string();
            println!("{at}: {why}");
            assert!(why.contains("lab-0") && why.contains("lab-1"), "{why}");
            assert!(why.contains("serial="), "{why}");
        }
        let all = transport_usb::devices().unwrap();
        assert_eq!(all.len(), 2, "{all:?}");
        for device in all {
            println!("{device:?}");
            let at = device.endpoint();
            let name = match at.to_string().contains("lab-0") {
                true => A.name(),
                false => B.name(),
            };
            let at = at.with_broker(&name).unwrap();
            exchange(&mut dial(&client, &at, ECHO), 1, 1000);
        }
        gadgets.end();
    });
}
