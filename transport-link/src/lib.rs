#![doc = include_str!("../README.md")]
//!
//! # A transport of your own
//!
//! [`LinkTransport::new`] takes the schemes and a function that says what an endpoint stands for: a [`Place`], which
//! is a device's name, its [`Settings`], and the [`Device`] that opens a [`Link`]. A link over file descriptors is
//! [`Descriptor`], on which the driver sleeps itself; one that has a single descriptor for all its news (an epoll, an
//! eventfd) says so by [`Descriptors::News`]; one that can only be read and written with blocking calls is
//! [`Halves`], at the price of two threads. One with buffers of its own can [lend](Link::lends) them. Both ends need
//! the same [`Settings::noise`]; all else may differ.
//!
//! # A device's driver
//!
//! All who dial a device, and the one broker that may listen at it, share one thread. It opens the device when it is
//! needed, moves bytes, and closes it a quarter of a second after its last user is gone, unless somebody
//! [holds](LinkTransport::hold) it. An absent device is tried again every [`RETRY`], or when it has
//! [news](Device::news); whoever dials it waits, as long as its own time limit allows. An error that does not pass by itself (no permission, busy) is told at once. When a link
//! breaks, all its channels end in `PeerLost`; the next session serves the same listener.
//!
//! A driver that found nothing to do looks on for some microseconds before it sleeps, if that was worth it the last
//! times; an idle link costs some wake-ups of its keep-alive, see [`Config::keep_alive`].
//!
//! What was written before a disconnect is not destroyed: a channel whose peer never reads keeps its driver, and so the
//! device, until the session ends, even when the time to [linger](channel::Options::linger) is over. With a keep-alive, that is
//! at the latest when the peer's program is gone.
//!
//! # Plain mode
//!
//! At `SCHEME+plain:` the link's bytes are one bare stream, for any program at the other end, and one connection's at a
//! time: others wait. When it is over, the link is closed, and opened again for the next.
//!
//! # Limits
//!
//! How many channels, how large frames, how much buffer in all: [`Config`]. Whoever is beyond is told which limit it
//! was. Accepted channels that nobody has taken yet are bounded by
//! [`Options::max_hellos`](channel::Options::max_hellos).
#![forbid(unsafe_code)]

mod bell;
#[cfg(unix)]
mod descriptor;
mod device;
mod dial;
mod ends;
mod engine;
mod error;
mod halves;
mod lend;
mod line;
mod link;
mod listener;
mod load;
mod muxed;
pub mod options;
mod place;
mod plain;
mod registry;
mod shared;
mod state;
mod stream;
mod transport;

#[cfg(unix)]
pub use descriptor::Descriptor;
pub use device::{Device, Once};
pub use engine::RETRY;
pub use halves::Halves;
pub use lend::Lend;
#[cfg(unix)]
pub use link::Descriptors;
pub use link::Link;
pub use link_mux::Config;
pub use link_mux::MIN_TRANSMIT;
pub use link_mux::noise::NoiseConfig;
pub use place::{Place, PlaceError, Settings};
pub use transport::{Hold, LinkTransport};
