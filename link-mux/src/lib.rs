#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod entry;
mod event;
mod frame;
mod greeting;
mod mux;
pub mod noise;
mod queues;
mod schedule;
mod session;
mod stream;
mod table;

pub use config::{Config, ConfigError};
pub use event::{DownReason, Event, OpenError, PeerInfo, Refusal};
pub use mux::{ChannelId, MIN_TRANSMIT, Mux};
pub use noise::Noise;
pub use queues::Queues;
pub use session::Session;
pub use stream::{End, Pull, Reading, Stream};
