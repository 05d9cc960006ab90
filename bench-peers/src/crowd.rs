//! Ten thousand connections between two processes: what a server pays for each while nothing happens,
//! and whether each gets its share when all talk at once.
//!
//! The server is a process of its own for each contestant, so that one does not use what another has
//! left in the allocator.

mod bare;
mod framed;
mod ours;
mod watched;

pub use watched::{Usage, Watched, serve};

use std::time::Duration;

/// Bytes of a question, of which the answer is the same.
pub const SIZE: usize = 64;

/// The clients' side of all connections.
pub trait Crowd {
    /// Every connection asks `times` times and waits for each answer, all of them at once; how long
    /// after the common start each had its last answer.
    fn echo(&mut self, times: u32) -> Vec<Duration>;
}

/// A server; it says through its argument where it listens.
pub type Serve = fn(&dyn Fn(&str));

/// A contestant.
pub struct Kind {
    /// Its name, as in `--serve`.
    pub name: &'static str,
    /// Serves until the process ends.
    pub serve: Serve,
    /// Connects that many at once. Every one must succeed.
    pub connect: fn(&str, usize) -> Box<dyn Crowd>,
}

/// All contestants.
pub const KINDS: [Kind; 4] = [
    Kind {
        name: "bare",
        serve: bare::serve,
        connect: bare::connect,
    },
    Kind {
        name: "tokio framed",
        serve: framed::serve,
        connect: bare::connect,
    },
    Kind {
        name: "channel",
        serve: ours::serve_channels,
        connect: ours::connect_channels,
    },
    Kind {
        name: "queue",
        serve: ours::serve_queues,
        connect: ours::connect_queues,
    },
];

/// Lets the process have as many descriptors as the system allows; how many.
pub fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the answer.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    assert_eq!(done, 0, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: it is only read.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(done, 0, "setrlimit");
    limit.rlim_cur
}
