#![doc = include_str!("../README.md")]
//!
//! # What to rely on
//!
//! - **Edges.** A registration is made once and then told what changed; a wait costs no system call. Ready
//!   comes once after each news, so whoever waits must have tried, and found that it would block, since
//!   then. The first news is what holds when the registration is made.
//! - **Hints.** Ready means that a try is worthwhile, not that it will succeed.
//! - **Inbound news** are bytes, a connection to accept, the peer's end, a hang-up, an error: a hang-up
//!   alone is enough. **Outbound news** are room, a connection made, a hang-up, an error.
//! - **Events** (`eventfd`): each write is news, also when nobody has read the counter since the last one.
//!   The reactor reads nothing out of any descriptor.
//! - **Processes** (`pidfd`): readable from the process's death on.
//! - **One waiter a direction.** The last waker counts. The one that it replaced is woken, and finds its
//!   place taken or tries again; so whoever shares a registration wakes those who share it.
//! - **Threads.** Wakers are woken on the background thread of the process, without a lock. Should that
//!   thread sleep in something else already ([`sleep_in`](channel::transport::background::sleep_in)), the
//!   reactor has a thread of its own.
//!
//! Events are told under the `tracing` target `transport_reactor`: `ERROR` if the system's wait fails, or a
//! waker panics.
#![forbid(unsafe_code)]

mod alarm_clock;
mod reactor;
mod registration;
mod timer;
mod watched;

pub use reactor::start;
pub use registration::{Registration, Waited};
pub use timer::{after, within};
pub use watched::Watched;
