//! Unplugged and plugged in again, many times.

use crate::roles::{ECHO, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::{Held, held, now, start};
use crate::support::table::Times;
use crate::support::{broker, dial, eventually, exchange, until_lost};

const CABLE: Cable = Cable(0);

/// KiB by which a process may have grown for good over forty rounds: tables that found their size, not a buffer a round.
const SLACK: usize = 256;

// shows T4: events, not crashes; and nothing grows.
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn fifty_times() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let client = broker("client");
        let mut here = Times::of("re-plug: the host is told of the unplug");
        let mut there = Times::of("re-plug: the gadget is told of the unplug");
        let mut again = Times::of("re-plug: from the plug to a new channel");
        let mut channel = dial(&client, &CABLE.host(), ECHO);
        let holds = |id| eventually_held(id);
        let mut before = None;
        for round in 0..50 {
            exchange(&mut channel, round, 20_000);
            if round == 10 {
                before = Some([std::process::id(), gadget.id()].map(holds));
            }
            let pulled = now();
            CABLE.pull();
            until_lost(&mut channel, 0, 0);
            here.add_since(pulled);
            there.add(pulled, gadget.numbers("echo-lost")[0]);
            let plugged = now();
            CABLE.plug();
            channel = dial(&client, &CABLE.host(), ECHO);
            again.add_since(plugged);
        }
        exchange(&mut channel, 50, 20_000);
        let before = before.unwrap();
        for (who, (id, before)) in ["host", "gadget"]
            .iter()
            .zip([std::process::id(), gadget.id()].into_iter().zip(before))
        {
            let mut after = before;
            eventually("threads and descriptors are as many as before", || {
                after = held(id);
                after.threads <= before.threads && after.descriptors <= before.descriptors
            });
            println!("{who}: before {before:?}, after {after:?}");
            assert!(
                after.memory <= before.memory + SLACK,
                "the {who} has grown from {before:?} to {after:?}"
            );
        }
        drop(channel);
        gadget.end();
    });
}

/// What a process holds once nothing of that changes any more for a moment.
fn eventually_held(id: u32) -> Held {
    let mut last = held(id);
    eventually("it holds the same for a while", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = held(id);
        std::mem::replace(&mut last, now) == now
    });
    last
}
