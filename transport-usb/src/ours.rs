//! By what our interface is known on the bus, and how its link is used.

use std::time::Duration;

use transport_link::Settings;

use crate::link::Queue;
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

/// Bytes of a transfer. A gadget's kernel takes memory in one piece for each one, so that small boards set the limit.
const TRANSFER: usize = 16 * 1024;

/// Transfers in flight each way.
const TRANSFERS: usize = 16;

/// The queues of a link with many channels.
pub(crate) fn queue() -> Queue {
    Queue {
        transfers: TRANSFERS,
        bytes: TRANSFER,
        numbered: true,
        ..Queue::default()
    }
}

/// How a cable is used; `None`: with the mux's own keep-alive, zero: with none.
pub(crate) fn settings(keep_alive: Option<Duration>) -> Settings {
    // One transfer a write, and in it one frame, or several small ones: a transfer is never a multiple of a packet,
    // see `BulkLink`.
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
