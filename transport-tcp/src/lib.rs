#![doc = include_str!("../README.md")]
//!
//! # Endpoints
//!
//! `tcp://host:port/broker` reaches the broker of that name, or whichever listens there if no name is
//! given. `tcp+plain://host:port` is one service's bare byte stream, for programs that know nothing of
//! brokers; to listen it needs the broker's port: `tcp+plain://:7000?port=7`.
//!
//! The host is an IPv4 address, an IPv6 address in brackets, or a name. All addresses of a name are
//! tried in turn, the first sixteen at most; if none can be reached, [`Failures`] names each with its
//! reason. A listener listens at the first address of a name that this machine has; without a host,
//! at all addresses of the machine. Port 0 lets the system choose, and
//! [`Bound::endpoint`](channel::Bound::endpoint) tells the choice.
//!
//! # Options
//!
//! They stand in the endpoint: `tcp://box:7000/echo?keepalive=10&nodelay=0`. An option that does not
//! exist, or a value that makes no sense, is an error that says what to write.
//!
//! | option | value | default | why |
//! |---|---|---|---|
//! | `nodelay` | 0 or 1 | 1 | a message leaves at once, and does not wait for the answer to the one before |
//! | `keepalive` | seconds of silence until the peer is asked whether it lives; 0: never | 30 | a host that vanished without a word is found |
//! | `keepalive-interval` | seconds between two such questions | 10 | |
//! | `keepalive-count` | questions without an answer until the peer is lost | 3 | with the above, a minute in all |
//! | `user-timeout` | milliseconds that sent bytes may stay unacknowledged (Linux); 0: as the system has it, some 15 minutes | 0 | finds a vanished host while bytes are on their way; but the kernel takes a peer that *reads nothing* for so long for lost as well, so it is off unless asked for |
//! | `connect-timeout` | milliseconds for each address | 10000 | the system's own limit, two minutes, is too long when other addresses wait |
//! | `send-buffer` | bytes of the kernel's buffer | the system's | the system adapts its own to the connection; a fixed one bounds memory |
//! | `receive-buffer` | bytes of the kernel's buffer | the system's | the same |
//! | `backlog` | connections that wait to be taken in by the listener | 4096 | a burst of connects is not lost; Linux caps it at `net.core.somaxconn` |
//! | `per-peer` | connections that a listener lets one address have; 0: any number | 0 | machines behind one router share an address, so this is for those who know their peers |
//!
//! The last two matter to listeners, `connect-timeout` to connects, and are ignored by the others: the
//! endpoint that a listener tells can be connected to as it is.
//!
#![cfg_attr(feature = "tls", doc = include_str!("tls/guide.md"))]
//!
//! # What runs in the background
//!
//! The process's one background thread, that of [`channel`], waits for the events of sockets in whose behalf
//! nobody blocks. It also takes over connections that were dropped or disconnected before their peer had
//! ended its stream: a socket that is closed with unread bytes sends a reset, and that destroys bytes which
//! were written before. It reads and discards until the peer's end, for [`Options::linger`] at most.
//!
//! [`Options::linger`]: channel::Options::linger
#![forbid(unsafe_code)]

mod address;
mod buffer;
mod closer;
mod dial;
mod error;
mod listener;
mod seats;
mod settings;
mod sink;
mod sleep;
mod socket;
mod source;
mod state;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use error::{Failure, Failures};
#[cfg(feature = "tls")]
pub use tls::{Credentials, CredentialsError, Files, Pem, Tls, TlsError};
pub use transport::Tcp;
