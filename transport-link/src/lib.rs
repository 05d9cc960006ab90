#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bell;
#[cfg(unix)]
mod descriptor;
mod device;
mod dial;
mod ends;
mod engine;
mod halves;
mod line;
mod link;
mod listener;
mod load;
mod muxed;
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
#[cfg(unix)]
pub use link::Descriptors;
pub use link::Link;
pub use link_mux::Config;
pub use link_mux::noise::NoiseConfig;
pub use place::{Place, PlaceError, Settings};
pub use transport::{Hold, LinkTransport};
