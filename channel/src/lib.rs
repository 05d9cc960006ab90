#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod acceptor;
mod broker;
mod channel;
mod connect;
mod domain;
mod endpoint;
mod error;
#[cfg(feature = "futures-io")]
mod futures;
mod handshake;
mod lingering;
mod listening;
pub mod mem;
mod options;
pub mod pipe;
mod poller;
mod reader;
mod receipt;
mod reception;
mod records;
mod resolve;
mod shared;
mod table;
mod task;
pub mod transport;
pub mod wait;
mod wakers;
mod writer;

pub use acceptor::Acceptor;
pub use broker::{Bound, Broker};
pub use channel::Channel;
pub use domain::Domain;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{
    AcceptError, BrokerError, CapacityError, ConnectError, DialError, ListenError, ReadError,
    ReadExactError, WriteAllError, WriteError,
};
pub use lingering::{StillLingering, linger};
pub use options::{
    DEFAULT_CAPACITY, DEFAULT_COALESCING, DEFAULT_HELLO_DEADLINE, DEFAULT_LINGER,
    DEFAULT_MAX_HELLOS, DEFAULT_MAX_WAITING, Options,
};
pub use poller::{Key, Poller};
pub use reader::Reader;
pub use resolve::{Names, ResolveError, Resolver};
pub use shared::{ChannelInfo, Handle, State};
pub use table::Waiting;
pub use task::{JoinHandle, Task, TaskPanicked};
pub use transport::Receipt;
pub use wait::Spin;
pub use wakers::WakerList;
pub use writer::Writer;

/// What our own ends say to each other on a bare byte connection: the crate `channel-wire`, which
/// needs no operating system and so serves the other end on a device as well.
#[doc(inline)]
pub use channel_wire as wire;

/// The examples of the workspace's README compile and run as well.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
