#![doc = include_str!("../README.md")]
//!
//! # Endpoints and names
//!
//! `shm://NAME` is where the broker NAME listens; `shm://PLACE/NAME` if the place is to have a name of its own.
//! A name belongs to one process at a time, of all that share a runtime directory: a second one that listens
//! there is refused while the first lives ([`NameTaken`](channel::ListenError::NameTaken)), and gets the name at
//! once when that has ended, however it ended. [`Broker::connect`](channel::Broker::connect) finds a name
//! without an endpoint: adding [`Shm`] to a domain is enough.
//!
//! The runtime directory is `$CHANNEL_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/channel-shm`, else
//! `/tmp/channel-shm-UID`. It is made with mode 0700 when somebody first listens. What a killed process leaves
//! there (its socket's file) is removed by whoever comes across it: those who talked with it, who dials it,
//! listens under its name, or asks for the [`list()`]. Listening waits for others who do the same in that
//! directory, for five seconds at most.
//!
//! | option | value | default | why |
//! |---|---|---|---|
//! | `dir` | a runtime directory | see above | a system's own, or a test's |
//! | `allow` | other users' numbers, as in `1000,1001`; needs `dir` | none | whom this process trusts with its channel: only its own user, unless told |
//! | `max-capacity` | bytes | 1 GiB | the largest buffer that a dialler may have the listener make for it |
//!
//! # What a channel is made of
//!
//! A file of memory without a name, sealed against a change of its size, with two rings in it; each side maps
//! it and closes it. Four events (`eventfd`), one for each half of either side, on which a half sleeps; and the
//! socket over which all of this was passed on. That makes **five descriptors for each end** of a channel, and
//! one for each process that this one talks with: with the usual limit of 1024 open files, some 200 channels a
//! process; with `ulimit -n 65536`, some 13,000. A listener has two. Running out is an error of that one
//! connect; a listener tells its dialler, and goes on. They are given back, and the memory, when the last of a
//! channel's halves and [handles](channel::Handle) is dropped: whoever keeps handles of channels that are over
//! keeps these as well.
//!
//! # Death
//!
//! Whoever waits, waits for the death of the other side as well: its socket hangs up, and the process itself is
//! watched (`pidfd`), as a child that it forked may keep the socket. The survivor reads exactly what was
//! committed, then gets `PeerLost`. A process that is stopped (`SIGSTOP`) is not dead: its peer waits. Nothing
//! has to linger when a process exits: what it wrote lies in memory that its peer has, too. One that was told of a
//! killed peer and exits at once calls [`channel::linger`] first, so that the dead one's socket file is removed; that
//! takes a second at most.
//!
//! After a `fork` without `exec`, parent and child must not both use a channel; nothing notices if they do.
//!
//! # Whom to trust with what
//!
//! Only processes of the same user can connect, unless `allow` says others. What such a process can do to this
//! one by writing into the shared memory, at any time: have its own channel fail
//! ([`Broken`](channel::ReadError::Broken)), bring wrong bytes, or end; wake this side in vain, or let it sleep.
//! It cannot have an access leave the memory, nor make that fail. The events are shared objects, too: a process
//! that makes one of ours block (by clearing `O_NONBLOCK` and filling its counter) can hold up the thread that
//! wakes it. Bounds of the system's own (open files, memory) are its user's.
#![deny(unsafe_code)]
// Elsewhere there is nothing in it.
#![cfg(target_os = "linux")]

mod ahead;
mod bell;
mod claim;
mod connect;
mod connection;
mod control;
mod dial;
mod directory;
mod error;
mod list;
mod listener;
mod name;
mod packets;
mod peer;
mod place;
mod receipt;
mod resolver;
#[allow(unsafe_code)]
mod segment;
mod settings;
mod setup;
mod side;
mod sink;
mod source;
mod transport;
mod vigil;

pub use error::DirectoryError;
pub use list::{Running, list, list_in};
pub use peer::NotAllowed;
pub use resolver::ThisMachine;
pub use transport::Shm;
#[cfg(test)]
mod tests;
