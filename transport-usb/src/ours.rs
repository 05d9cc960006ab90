//! By what our interface is known on the bus, and how its link is used.

use std::time::Duration;

use transport_link::Settings;

use crate::queue::Queue;
use crate::sequence::TAIL;

/// The interface's class: specific to a vendor.
pub const CLASS: u8 = 0xff;
/// Its subclass: `C`, for channels.
pub const SUBCLASS: u8 = 0x43;
/// Its protocol: the version of what this crate does with the two endpoints. (The protocol of the channels above has a
/// version of its own.)
pub const PROTOCOL: u8 = 1;
/// What its string begins with; behind it, and a space, the gadget's name.
pub const INTERFACE: &str = "channel-link";

/// Bytes of a transfer, and how many are in flight each way. Measured (`scripts/bench usb`): transfers of 16 KiB, 16 of
/// them in flight, reach three quarters of the throughput; more in flight than four reach no more, and only make urgent
/// frames wait.
const TRANSFER: usize = 64 * 1024;
const TRANSFERS: usize = 4;

/// A gadget's kernel takes memory in one piece for each transfer, and may have none of that size left: more, and
/// smaller ones. (The other end need not know.)
#[cfg(all(feature = "gadget", target_os = "linux"))]
const SMALL: usize = 16 * 1024;

/// The queues of a link with many channels.
pub(crate) fn queue() -> Queue {
    Queue {
        transfers: TRANSFERS,
        bytes: TRANSFER,
        numbered: true,
        ..Queue::default()
    }
}

/// The same where large pieces of memory are scarce.
#[cfg(all(feature = "gadget", target_os = "linux"))]
pub(crate) fn small(queue: Queue) -> Queue {
    Queue {
        transfers: queue.transfers * queue.bytes.div_ceil(SMALL),
        bytes: queue.bytes.min(SMALL),
        ..queue
    }
}

/// How a cable is used; `None`: with the mux's own keep-alive, zero: with none.
pub(crate) fn settings(keep_alive: Option<Duration>) -> Settings {
    // One transfer a write, and in it one frame, or several small ones: a transfer is never a multiple of a packet, see
    // `BulkLink`. Smaller frames would cost more (measured: up to a fifth of the throughput), and make nothing wait less.
    let most = TRANSFER - 1 - TAIL;
    let mut settings = Settings {
        chunk: most,
        ..Settings::default()
    };
    settings.mux.max_frame = most as u32;
    if let Some(every) = keep_alive {
        settings.mux.keep_alive = (!every.is_zero()).then_some(every);
    }
    settings
}
