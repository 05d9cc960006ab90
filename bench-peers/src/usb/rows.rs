//! What is measured, of whom.

use super::bare::IN_FLIGHT;
use super::work::{LARGE, MANY, USUAL};
use crate::measure::{Role, Row, Sample, Unit, Wanted};

/// A speed of the bus.
#[derive(Clone, Copy)]
pub struct Speed {
    /// As the laboratory has it.
    pub name: &'static str,
}

/// Those that are measured.
pub const SPEEDS: [Speed; 2] = [Speed { name: "high" }, Speed { name: "super" }];

/// Which way bytes go.
#[derive(Clone, Copy)]
pub struct Ways {
    pub to_device: bool,
    pub to_host: bool,
}

impl Ways {
    /// Of so many bytes in all, those to the device and those to the host.
    pub fn divide(self, bytes: u64) -> [u64; 2] {
        let ways = u64::from(self.to_device) + u64::from(self.to_host);
        [self.to_device, self.to_host].map(|is| u64::from(is) * bytes / ways)
    }
}

const TO_DEVICE: Ways = Ways {
    to_device: true,
    to_host: false,
};
const TO_HOST: Ways = Ways {
    to_device: false,
    to_host: true,
};
const BOTH: Ways = Ways {
    to_device: true,
    to_host: true,
};

/// What a contestant does.
#[derive(Clone, Copy)]
pub enum Task {
    /// Ours: a channel of that gadget.
    Stream(usize, Ways),
    /// The bare loop, with transfers of so many bytes.
    BareStream(Ways, u64),
    /// Ours: a question of 64 bytes and its answer.
    Trip,
    /// The bare loop, with so many transfers that wait for answers.
    BareTrip(usize),
    /// The bare loop, with as many threads as ours has.
    HopsTrip,
    /// Two threads of one process wake each other.
    Switches,
    /// Ours: so many channels of that gadget, to the host or to the device.
    Crowd(usize, usize, Ways),
}

/// How a contestant does it.
pub type Work = Box<dyn FnMut(u64) -> Sample>;

/// Bytes of a write.
pub const WRITE: u64 = 64 * 1024;
/// Bytes of a question.
pub const SMALL: usize = 64;

/// Bytes of one measurement, in all.
const AMOUNT: u64 = 256 * WRITE;
/// Round trips of one.
const TRIPS: u64 = 500;

/// The rows of one speed.
pub fn rows(speed: Speed, work: &dyn Fn(&str, Task) -> Work) -> Vec<Row> {
    let name = speed.name;
    let stream = |key: &str, title: &str, ways: Ways| {
        let key = format!("{name}-{key}");
        let title = format!("{name} speed: writes of 64 KiB, {title}");
        Row::new(&key, title, Unit::MegabytesPerSecond)
            .always(AMOUNT)
            .wanted(Wanted::TimesBestPeer(0.9))
            .with(
                Role::Ours,
                "channel 1 MiB",
                work(&key, Task::Stream(LARGE, ways)),
            )
            .with(
                Role::Reference,
                "channel 64 KiB",
                work(&key, Task::Stream(USUAL, ways)),
            )
            .with(
                Role::Peer,
                "bare 16 KiB",
                work(&key, Task::BareStream(ways, 16 * 1024)),
            )
            .with(
                Role::Peer,
                "bare 64 KiB",
                work(&key, Task::BareStream(ways, 64 * 1024)),
            )
    };
    let crowd = |size: &str, gadget: usize, way: &str, title: &str, ways: Ways| {
        let key = format!("{name}-crowd-{}-{way}", size.replace(' ', ""));
        let title = format!("{name} speed: 20 channels of {size}, {title}");
        Row::new(&key, title, Unit::MegabytesPerSecond)
            .always(WRITE)
            .wanted(Wanted::Times(0.85, "1 channel"))
            .with(
                Role::Ours,
                "20 channels",
                work(&key, Task::Crowd(gadget, MANY, ways)),
            )
            .with(
                Role::Reference,
                "1 channel",
                work(&key, Task::Crowd(gadget, 1, ways)),
            )
    };
    let key = format!("{name}-trip");
    let title = format!("{name} speed: round trip of 64 B");
    vec![
        stream("stream-out", "to the device", TO_DEVICE),
        stream("stream-in", "to the host", TO_HOST),
        stream("stream-both", "both ways, in all", BOTH),
        Row::new(&key, title, Unit::Nanos)
            .always(TRIPS)
            .wanted(Wanted::Times(1.6, "bare 16 in flight"))
            .with(Role::Ours, "channel 1 MiB", work(&key, Task::Trip))
            .with(
                Role::Peer,
                "bare 16 in flight",
                work(&key, Task::BareTrip(IN_FLIGHT)),
            )
            .with(
                Role::Reference,
                "bare 1 in flight",
                work(&key, Task::BareTrip(1)),
            )
            .with(
                Role::Reference,
                "bare with hops",
                work(&key, Task::HopsTrip),
            )
            .with(Role::Reference, "2 switches", work(&key, Task::Switches)),
        crowd("1 MiB", LARGE, "out", "to the device", TO_DEVICE),
        crowd("1 MiB", LARGE, "in", "to the host", TO_HOST),
        crowd("64 KiB", USUAL, "out", "to the device", TO_DEVICE),
        crowd("64 KiB", USUAL, "in", "to the host", TO_HOST),
    ]
}
