//! Ways for two processes of this machine to talk, behind one interface.
//!
//! The other process is this program again, started for each measurement with hidden arguments. It
//! listens and says where; the process with the clock connects. The measures are those of
//! [`sockets`](crate::sockets), one part in each process.

mod between;
mod cores;
mod descriptors;
mod iceoryx;
mod making;
mod memory;
#[cfg(feature = "nng")]
mod nanomsg;
mod other;
mod ours;
mod rested;
mod shared_mem_queue;
mod shmem_ipc;
mod unix;
#[cfg(feature = "zmq")]
mod zeromq;

pub use between::{Side, between, connecting, within};
pub use cores::Cores;
pub use iceoryx::{Copied, Evented, Iceoryx, Polling};
pub use making::{Making, Place};
pub use memory::{Cost, Idle, hold, memory};
#[cfg(feature = "nng")]
pub use nanomsg::Nng;
pub use ours::{Eager, InProcess, Shm};
pub use rested::Rested;
pub use shared_mem_queue::SharedMemQueue;
pub use shmem_ipc::ShmemIpc;
pub use unix::Unix;
#[cfg(feature = "zmq")]
pub use zeromq::ZeroMq;

use crate::sockets::End;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a contestant is measured at.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// The cores of the process with the clock and of the other; `None`: where the system puts them.
    pub cores: Option<[usize; 2]>,
    /// Bytes that fit each way, where that can be chosen.
    pub capacity: usize,
    /// Bytes of a message.
    pub size: usize,
    /// Units of work that a message counts as.
    pub each: u64,
}

/// A way for two processes to talk.
pub trait Apart: 'static {
    /// What waits for the other process.
    type Listening;
    /// Either end.
    type End: End;

    /// Listens at a fresh place, and says where.
    fn listen(task: Task) -> (Self::Listening, String);

    /// Waits for the other process.
    fn accept(listening: Self::Listening, task: Task) -> Self::End;

    /// Connects to where the other process listens.
    fn connect(at: &str, task: Task) -> Self::End;
}

/// A name that nobody else on this machine uses.
fn fresh() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("bench-peers-{}-{number}", std::process::id())
}
