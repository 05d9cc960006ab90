//! Devices that come and go.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::bus::Bus;
use super::list::{DeviceInfo, UsbError, describe};
use super::seen::Seen;

/// Where libusb does not tell, it is looked so often, ...
const LOOK: Duration = Duration::from_millis(250);
/// ... and where it does, so often: what it hears of does not reach every container.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// A device that has come is looked at so often until it is set up, ...
const SOON: Duration = Duration::from_millis(10);
/// ... and so long at most; later, when there are other news.
const SETTLE: Duration = Duration::from_secs(2);

/// What has become of a device that runs our gadget.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It was plugged in, and can be dialled.
    Arrived(DeviceInfo),
    /// It was unplugged, or its gadget has ended.
    Left(DeviceInfo),
}

/// Tells of devices that run our gadget, as they come and go; first of those that are there.
///
/// What has happened between two calls is told by what came of it: a device that was unplugged and plugged in again has
/// left and arrived, once.
///
/// ```no_run
/// use transport_usb::{Event, Watch};
///
/// let mut watch = Watch::new()?;
/// while let Some(event) = watch.next(None)? {
///     match event {
///         Event::Arrived(device) => println!("{} is there", device.endpoint()),
///         Event::Left(device) => println!("{} has left", device.endpoint()),
///         _ => {}
///     }
/// }
/// # Ok::<(), transport_usb::UsbError>(())
/// ```
pub struct Watch {
    bus: Bus,
    known: Vec<DeviceInfo>,
    events: VecDeque<Event>,
    /// Devices that may become ours: since when they are there.
    unready: HashMap<(u8, u8), Instant>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to watch. No thread of this crate's is needed; libusb may have one.
    ///
    /// # Errors
    /// There is no USB.
    pub fn new() -> Result<Watch, UsbError> {
        Ok(Watch {
            bus: Bus::new()?,
            known: Vec::new(),
            events: VecDeque::new(),
            unready: HashMap::new(),
        })
    }

    /// Waits for what happens next, on the caller's thread; `None`: nothing did, for as long as `limit` (`None`: for
    /// ever).
    ///
    /// # Errors
    /// The devices cannot be listed. The next call tries again.
    pub fn next(&mut self, limit: Option<Duration>) -> Result<Option<Event>, UsbError> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let late = until.is_some_and(|until| until <= Instant::now());
            self.look()?;
            if self.events.is_empty() {
                if late {
                    return Ok(None);
                }
                self.sleep(until)?;
            }
        }
    }

    /// Compares what is there with what was.
    fn look(&mut self) -> io::Result<()> {
        self.bus.note();
        if self.bus.is_stale() {
            self.bus = Bus::new()?;
        }
        let seen: Vec<Seen> = self
            .bus
            .look(|_, _| true)?
            .into_iter()
            .map(|(_, seen)| seen)
            .collect();
        let now = Instant::now();
        let unready = seen
            .iter()
            .filter(|seen| !seen.is_settled())
            .map(|seen| (seen.bus, seen.number));
        self.unready = unready
            .map(|number| (number, *self.unready.get(&number).unwrap_or(&now)))
            .collect();
        let there: Vec<DeviceInfo> = describe(&seen)
            .into_iter()
            .filter(|d| d.gadget.is_some())
            .collect();
        self.events.extend(changes(&self.known, &there));
        self.known = there;
        Ok(())
    }

    fn sleep(&self, until: Option<Instant>) -> io::Result<()> {
        let now = Instant::now();
        let again = if self.unready.values().any(|since| now < *since + SETTLE) {
            SOON
        } else if self.bus.tells() {
            LOOK_ANYWAY
        } else {
            LOOK
        };
        let left = until.map_or(again, |until| {
            until.saturating_duration_since(now).min(again)
        });
        let left = Timespec::try_from(left).ok();
        let mut events = [PollFd::from_borrowed_fd(self.bus.events(), PollFlags::IN)];
        match poll(&mut events, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// What has happened, in between.
fn changes(before: &[DeviceInfo], now: &[DeviceInfo]) -> Vec<Event> {
    let is_in = |all: &[DeviceInfo], one: &DeviceInfo| all.iter().any(|other| is_same(other, one));
    let left = before
        .iter()
        .filter(|one| !is_in(now, one))
        .cloned()
        .map(Event::Left);
    let arrived = now
        .iter()
        .filter(|one| !is_in(before, one))
        .cloned()
        .map(Event::Arrived);
    left.chain(arrived).collect()
}

/// Plugged in once, and the same gadget of it.
fn is_same(a: &DeviceInfo, b: &DeviceInfo) -> bool {
    let interface = |device: &DeviceInfo| device.gadget.as_ref().map(|gadget| gadget.interface);
    a.number == b.number && interface(a) == interface(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::choose::tests::good;

    // shows T4
    #[test]
    fn what_has_changed_is_told() {
        let mut plugged = good("1-2", "a");
        let before = describe(&[plugged.clone(), good("1-3", "b")]);
        assert_eq!(changes(&before, &before), []);
        // Out, and in again.
        plugged.number += 10;
        let after = describe(&[plugged, good("1-3", "b"), good("2-1", "c")]);
        let told = changes(&before, &after);
        let of = |event: &Event| match event {
            Event::Arrived(device) => format!("+{}", device.path),
            Event::Left(device) => format!("-{}", device.path),
        };
        let told: Vec<String> = told.iter().map(of).collect();
        assert_eq!(told, ["-1-2", "+1-2", "+2-1"]);
        assert_eq!(changes(&after, &[]).len(), 3);
    }
}
