//! A device that an address means: found, opened, claimed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rusb::Context;
use transport_link::{Device, Link};

use super::address::Address;
use super::bus::{Bus, failed};
use super::busy::{busy, denied};
use super::choose::{Miss, Pick, choose};
use super::descriptors::Interface;
use super::news::News;
use super::seen::Seen;
use super::transfers::Transfers;
use crate::link::BulkLink;
use crate::ours;
use crate::queue::{Ends, Queue};

/// How long a device that was just plugged in may take until it can be used: until it is configured, its names are
/// known, and the system has given the user the right to it. What is wrong with one is told after that.
const SETTLE: Duration = Duration::from_secs(2);

/// Meanwhile it is looked so often.
const SOON: Duration = Duration::from_millis(10);

/// How long a program that has the device may take to give it back: one that uses this crate keeps it for a quarter of
/// a second after its last channel.
const HANDED_ON: Duration = Duration::from_millis(500);

/// The device of one address, opened again and again.
pub(super) struct UsbDevice {
    address: Address,
    bus: Option<(Bus, News)>,
    /// Those that may be meant and are there: bus, and number on it.
    there: Vec<(u8, u8)>,
    /// Since when one of them is not ready.
    unready: Option<Instant>,
}

/// Why it cannot be opened.
enum Failed {
    /// It is not there.
    Absent,
    /// It may be ready before so much time is over; if it is not, this is the reason.
    Unready(io::Error, Duration),
    /// Waiting alone does not help.
    Told(io::Error),
}

impl UsbDevice {
    pub(super) fn new(address: Address) -> UsbDevice {
        UsbDevice {
            address,
            bus: None,
            there: Vec::new(),
            unready: None,
        }
    }

    /// Whether a device that is not ready is waited for, for so long.
    fn is_patient(&self, limit: Duration) -> bool {
        self.unready.is_none_or(|since| since.elapsed() < limit)
    }

    fn attempt(&mut self, bus: &Bus) -> Result<BulkLink, Failed> {
        let address = &self.address;
        let found = bus.look(|ids, path| address.may_be(ids, path));
        let (devices, seen): (Vec<_>, Vec<_>) = found.map_err(Failed::Told)?.into_iter().unzip();
        let there = seen.iter().map(|seen| (seen.bus, seen.number)).collect();
        if self.there != there {
            self.there = there;
            self.unready = None;
        }
        let pick = choose(&seen, address, self.is_patient(SETTLE)).map_err(|miss| match miss {
            Miss::Absent => Failed::Absent,
            Miss::Soon => Failed::Unready(absent(address), SETTLE),
            Miss::Told(error) => Failed::Told(error),
        })?;
        take(&devices[pick.device], &seen[pick.device], &pick, address)
    }
}

impl Device for UsbDevice {
    fn open(&mut self) -> io::Result<Box<dyn Link>> {
        let (bus, news) = match self.bus.take() {
            Some(started) => started,
            None => {
                let bus = Bus::new()?;
                let news = News::new(bus.events())?;
                (bus, news)
            }
        };
        bus.note();
        news.note();
        let opened = self.attempt(&bus);
        let result = match opened {
            Ok(link) => {
                self.unready = None;
                Ok(Box::new(link) as Box<dyn Link>)
            }
            Err(Failed::Absent) => {
                self.unready = None;
                let absent = absent(&self.address);
                if bus.is_stale() {
                    // The next attempt has another one.
                    return Err(absent);
                }
                Err(absent)
            }
            Err(Failed::Unready(error, limit)) if self.is_patient(limit) => {
                self.unready.get_or_insert_with(Instant::now);
                news.soon();
                Err(io::Error::new(io::ErrorKind::NotFound, error))
            }
            Err(Failed::Unready(error, _) | Failed::Told(error)) => Err(error),
        };
        // What was opened in vain has left an event, which is no news; a device that has come meanwhile is.
        if bus.note() && result.is_err() {
            news.soon();
        }
        self.bus = Some((bus, news));
        result
    }

    fn news(&self) -> Option<BorrowedFd<'_>> {
        self.bus.as_ref().map(|(_, news)| news.as_fd())
    }
}

/// Opens the device, and claims the interface.
fn take(
    device: &rusb::Device<Context>,
    seen: &Seen,
    pick: &Pick,
    address: &Address,
) -> Result<BulkLink, Failed> {
    let left = |error| match error {
        rusb::Error::NoDevice | rusb::Error::NotFound => Failed::Absent,
        other => Failed::Unready(failed(other, &format!("USB device {seen}")), SETTLE),
    };
    let handle = device.open().map_err(|error| match error {
        rusb::Error::Access if is_new(seen) => Failed::Unready(denied(seen), SETTLE),
        rusb::Error::Access => Failed::Told(denied(seen)),
        other => left(other),
    })?;
    if address.plain.is_some_and(|plain| plain.detach) {
        // Where it is not supported, there is nothing to be taken off.
        let _ = handle.set_auto_detach_kernel_driver(true);
    }
    handle
        .claim_interface(pick.interface)
        .map_err(|error| match error {
            rusb::Error::Busy => match busy(seen, pick, address.plain.is_some()) {
                (error, true) => Failed::Unready(error, HANDED_ON),
                (error, false) => Failed::Told(error),
            },
            other => left(other),
        })?;
    // What lies in the endpoints is an old session's, and the other end is told by this that a new one begins.
    handle
        .set_alternate_setting(pick.interface, 0)
        .map_err(left)?;
    let transfers = Transfers::new(handle, pick.receive, pick.send).map_err(Failed::Told)?;
    let queue = match &address.plain {
        None => ours::queue(),
        Some(plain) => Queue {
            ends: match plain.zero_packet {
                true => Ends::ZeroPacket,
                false => Ends::Whole,
            },
            ..Queue::default()
        },
    };
    BulkLink::new(transfers, queue).map_err(|error| Failed::Unready(error, SETTLE))
}

/// Whether the system has just made the device's file, or has just changed who may use it.
#[cfg(target_os = "linux")]
fn is_new(seen: &Seen) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(file) = super::busy::node(seen).metadata() else {
        return true;
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let age = now.map_or(0, |now| now.as_secs() as i64) - file.ctime();
    (0..=SETTLE.as_secs() as i64).contains(&age)
}

#[cfg(not(target_os = "linux"))]
fn is_new(_: &Seen) -> bool {
    false
}

fn absent(address: &Address) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("no {address} is plugged in"),
    )
}

/// Looks whether the device of the address is there.
///
/// # Errors
/// `NotFound`: it is not; says what is. `Unsupported`: there is no USB.
pub(super) fn look(address: &Address) -> io::Result<()> {
    let bus = Bus::new()?;
    let until = Instant::now() + SETTLE;
    loop {
        let (_, seen): (Vec<_>, Vec<_>) = bus.look(|_, _| true)?.into_iter().unzip();
        let patient = Instant::now() < until;
        match choose(&seen, address, patient) {
            // What is wrong with it is told when it is opened.
            Ok(_) | Err(Miss::Told(_)) => return Ok(()),
            Err(Miss::Soon) if patient => std::thread::sleep(SOON),
            Err(Miss::Absent | Miss::Soon) => {
                return Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!(
                        "{}; {}. (Without `absent=fail`, connect waits for it.)",
                        absent(address),
                        others(&seen, address)
                    ),
                ));
            }
        }
    }
}

/// What is there that might have been meant.
fn others(seen: &[Seen], address: &Address) -> String {
    let near = seen.iter().filter(|device| {
        let ours = device
            .interfaces
            .iter()
            .flatten()
            .flatten()
            .any(Interface::is_ours);
        ours || address.ids == Some(device.ids)
    });
    let near: Vec<String> = near.map(Seen::to_string).collect();
    match near[..] {
        [] => "nothing like it is there".to_owned(),
        _ => format!("there is {}", near.join(", ")),
    }
}
