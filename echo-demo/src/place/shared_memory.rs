//! Shared memory between the processes of one machine, and what there is of it where there is none:
//! the transport is for Linux.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use channel::Domain;
use serde::Serialize;

use crate::error::{Error, Result};

/// The scheme of its endpoints.
pub const SCHEME: &str = "shm";

/// A broker that listens on this machine.
#[derive(Debug, Serialize)]
pub struct Listening {
    pub endpoint: String,
    /// Null where it cannot be told.
    pub pid: Option<u32>,
    pub uid: u32,
}

/// A name for a place that no other process has: there is no port 0 that would mean any free one.
pub fn fresh_place() -> String {
    let pid = std::process::id();
    // Processes of two containers may have the same number.
    let number = RandomState::new().hash_one(pid) as u32;
    format!("echo-demo-{pid}-{number:08x}")
}

/// From now on the domain reaches, and is reached by, other processes of this machine.
#[cfg(target_os = "linux")]
pub fn add_to(domain: &Domain) {
    domain.add(transport_shm::Shm::new());
}

#[cfg(not(target_os = "linux"))]
pub fn add_to(_: &Domain) {}

/// The brokers of this user that listen, in a runtime directory or in the user's own.
#[cfg(target_os = "linux")]
pub fn list(directory: Option<&Path>) -> Result<Vec<Listening>> {
    let found = match directory {
        Some(directory) => transport_shm::list_in(directory),
        None => transport_shm::list(),
    };
    let listening = found.map_err(Error::List)?.into_iter().map(|one| {
        let at = channel::Endpoint::new(SCHEME, &one.name).and_then(|at| match directory {
            Some(directory) => at.with_option("dir", &directory.to_string_lossy()),
            None => Ok(at),
        });
        Ok(Listening {
            endpoint: at.map_err(Error::Endpoint)?.to_string(),
            pid: one.pid,
            uid: one.uid,
        })
    });
    listening.collect()
}

#[cfg(not(target_os = "linux"))]
pub fn list(_: Option<&Path>) -> Result<Vec<Listening>> {
    Err(Error::List(std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        "shared memory is for Linux alone; on any system, programs meet with --transport tcp",
    )))
}
