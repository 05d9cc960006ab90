//! The host's process, in the virtual machine: measures everything, and prints what it found.

use super::bare;
use super::client::Client;
use super::events;
use super::gadget::{PRODUCT, VENDOR};
use super::hops;
use super::libusb::Cable;
use super::orders::{Gadget, now};
use super::rows::{SMALL, SPEEDS, Task, WRITE, Ways, Work, rows};
use super::work::{LARGE, MANY, USUAL};
use crate::measure::{Plan, Sample, Watch, run};
use crate::report::Options;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// The argument of the host's process.
pub const INSIDE: &str = "inside";

/// What the line with everything that was found begins with.
pub(super) const FOUND: &str = "found: ";

/// A device is closed, and its transfers gone, so long after its last channel.
const CLOSED: Duration = Duration::from_millis(500);
/// Many channels have got going.
const GOING: Duration = Duration::from_millis(100);
/// How long many channels are watched.
const WATCHED: Duration = Duration::from_millis(500);
/// A packet of any speed fits.
const PACKET: usize = 1024;

/// The two cables.
struct Lab {
    gadget: RefCell<Gadget>,
    cable: Cable,
    /// Of each of our gadgets.
    clients: [Client; 2],
    /// What each of many channels had, a list for each measurement of a row.
    shares: RefCell<BTreeMap<String, Vec<Vec<u64>>>>,
}

impl Lab {
    fn work(self: &Rc<Self>, key: &str, task: Task) -> Work {
        let (lab, key) = (Rc::clone(self), key.to_owned());
        match task {
            Task::Stream(gadget, ways) => Box::new(move |bytes| lab.stream(gadget, ways, bytes)),
            Task::BareStream(ways, size) => Box::new(move |bytes| lab.bare(ways, size, bytes)),
            Task::Trip => Box::new(move |times| lab.closed(LARGE, |client| client.ask(times))),
            Task::BareTrip(depth) => Box::new(move |times| lab.bare_trip(depth, times)),
            Task::HopsTrip => Box::new(move |times| lab.hops_trip(times)),
            Task::Switches => Box::new(hops::ping_pong),
            Task::Crowd(gadget, channels, ways) => {
                Box::new(move |bytes| lab.crowd(&key, gadget, channels, ways, bytes))
            }
        }
    }

    /// Does something with ours, and waits until its device is closed.
    fn closed(&self, gadget: usize, work: impl FnOnce(&Client) -> Sample) -> Sample {
        let sample = work(&self.clients[gadget]);
        thread::sleep(CLOSED);
        sample
    }

    fn stream(&self, gadget: usize, ways: Ways, bytes: u64) -> Sample {
        let [to_device, to_host] = ways.divide(bytes);
        self.closed(gadget, |client| client.stream(WRITE, to_device, to_host))
    }

    /// Does something over the bare loop's cable while the other end does what it is told: first to get warm, then
    /// so many times.
    fn together(&self, order: &str, amount: [u64; 2], mut work: impl FnMut([u64; 2])) -> Sample {
        let mut gadget = self.gadget.borrow_mut();
        gadget.order(order);
        work(amount.map(|amount| amount.min(bare::WARM)));
        gadget.expect("warm");
        let watch = Watch::start();
        work(amount);
        gadget.expect("done");
        Sample {
            share: 1.0,
            ..watch.stop()
        }
    }

    fn bare(&self, ways: Ways, size: u64, bytes: u64) -> Sample {
        let [to_device, to_host] = ways.divide(bytes).map(|bytes| bytes / size);
        let order = format!("stream {size} {to_host} {to_device}");
        let mut ends = self.cable.ends(size as usize);
        self.together(&order, [to_device, to_host], |[to_device, to_host]| {
            bare::stream(&mut ends, size as usize, to_device, to_host);
        })
    }

    fn bare_trip(&self, depth: usize, times: u64) -> Sample {
        let order = format!("answer {PACKET} {SMALL} {times}");
        let mut ends = self.cable.ends(PACKET);
        self.together(&order, [times; 2], |[times, _]| {
            bare::ask(&mut ends, depth, PACKET, SMALL, times);
        })
    }

    fn hops_trip(&self, times: u64) -> Sample {
        let order = format!("hops {PACKET} {SMALL} {times}");
        let cable = &self.cable;
        self.together(&order, [times; 2], |[times, _]| {
            hops::ask(|| cable.ends(PACKET), PACKET, SMALL, times);
        })
    }

    /// Watches channels that stream without end, for a while; says how long `bytes` bytes took.
    fn crowd(&self, key: &str, gadget: usize, channels: usize, ways: Ways, bytes: u64) -> Sample {
        let counts = |crowd: &super::client::Crowd| {
            if ways.to_host {
                return (now(), crowd.counts());
            }
            let mut counts = self.gadget.borrow_mut().ask("counts");
            let moment = counts.remove(0);
            let of_gadget = &counts[gadget * MANY..][..channels];
            (moment, of_gadget.to_vec())
        };
        self.closed(gadget, |client| {
            let crowd = client.crowd(channels, WRITE, ways.to_host);
            thread::sleep(GOING);
            let (from, before) = counts(&crowd);
            thread::sleep(WATCHED);
            let (to, after) = counts(&crowd);
            let shares: Vec<u64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
            let moved = shares.iter().sum::<u64>().max(1) as f64;
            let seconds = (to - from) as f64 / 1e9;
            if channels > 1 {
                let mut all = self.shares.borrow_mut();
                all.entry(key.to_owned()).or_default().push(shares);
            }
            Sample {
                elapsed: Duration::from_secs_f64(seconds * bytes as f64 / moved),
                share: 1.0,
            }
        })
    }
}

/// Measures what the options ask for, and prints it.
pub fn measure(options: &Options, speed: &str) {
    let speed = SPEEDS.into_iter().find(|known| known.name == speed);
    let speed = speed.expect("one of the speeds");
    let lab = Rc::new(Lab {
        gadget: RefCell::new(Gadget::start()),
        cable: Cable::open(VENDOR, PRODUCT),
        clients: [LARGE, USUAL].map(Client::of),
        shares: RefCell::default(),
    });
    let plan = plan(options);
    let mut rows = options.choose(rows(speed, &|key, task| lab.work(key, task)));
    run(&mut rows, plan);
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let figures: BTreeMap<&str, &Vec<f64>> = row
                .contestants
                .iter()
                .map(|c| (c.name, &c.figures))
                .collect();
            json!({ "key": row.key, "figures": figures })
        })
        .collect();
    let wants = |what: &str| {
        let only = &options.only;
        only.is_empty() || only.iter().any(|only| what.contains(only.as_str()))
    };
    let mut found = json!({ "rows": rows, "shares": *lab.shares.borrow() });
    let mut gadget = lab.gadget.borrow_mut();
    if wants("plug") {
        found["plug"] = events::plug(
            &mut gadget,
            &lab.clients[LARGE],
            options.rounds.map_or(20, |rounds| rounds.min(20)),
        );
    }
    if wants("idle") {
        found["idle"] = events::idle(&mut gadget, &lab.clients[LARGE]);
    }
    println!("\n{FOUND}{found}");
}

/// How to measure, by these options.
pub(super) fn plan(options: &Options) -> Plan {
    Plan {
        // Always the same amount of work: time is virtual, so that all rounds are much alike.
        each: Duration::ZERO,
        rounds: options.rounds.unwrap_or(5),
        limit: Duration::from_secs(options.limit.max(600)),
    }
}
