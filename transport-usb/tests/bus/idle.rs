//! What a cable costs on which nothing happens, and what small messages cost.

use std::fs;
use std::time::{Duration, Instant};

use crate::roles::{ECHO, serving};
use crate::support::cable::Cable;
use crate::support::lab::on_the_bus;
use crate::support::process::{now, start};
use crate::support::table::Times;
use crate::support::{LIMIT, broker, dial};

const CABLE: Cable = Cable(0);

/// Processor time of a process, to the hundredth of a second.
fn cpu(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(12) + ticks(13)))
}

// shows T4: nothing is polled. (Figures are printed; a driver that never sleeps would take all of the time.)
#[test]
#[ignore = "needs a USB bus: lab/test"]
fn an_idle_cable_costs_next_to_nothing() {
    on_the_bus(|| {
        let mut gadget = start(&serving(&[CABLE.gadget()]));
        gadget.hear("serves");
        let client = broker("client");
        let mut channel = dial(&client, &CABLE.host(), ECHO);
        let ids = [std::process::id(), gadget.id()];
        let mut trips = Times::of("there and back, 64 bytes");
        let before = ids.map(cpu);
        let start = Instant::now();
        for _ in 0..300 {
            let from = now();
            channel.write_all(&[7; 64]).unwrap();
            channel.read_exact_timeout(&mut [0; 64], LIMIT).unwrap();
            trips.add_since(from);
        }
        drop(trips);
        let costs = |what: &str, since: Instant, before: [Duration; 2]| {
            let took = since.elapsed();
            let share =
                |(id, before)| (cpu(id) - before).as_secs_f64() * 100.0 / took.as_secs_f64();
            let [host, gadget] = [(ids[0], before[0]), (ids[1], before[1])].map(share);
            println!(
                "lab: {what}: the host takes {host:.0} % of the processor, the gadget {gadget:.0} %"
            );
            host + gadget
        };
        costs("there and back", start, before);
        let (start, before) = (Instant::now(), ids.map(cpu));
        std::thread::sleep(Duration::from_secs(3));
        let share = costs("idle", start, before);
        assert!(share < 50.0, "it polls");
        drop(channel);
        gadget.end();
    });
}
