//! What a driver knows of its clients.

use crate::latency::Times;

/// One client of the load: sends its pattern and compares what comes back, never blocking.
pub trait Client {
    /// Moves what can be moved in both directions.
    fn step(&mut self, shared: &mut Shared) -> Step;

    /// Bytes that came back and were right.
    fn verified(&self) -> u64;
}

/// How far a client got.
pub enum Step {
    /// Neither direction can go on; the poller tells when.
    Waiting,
    /// There is more to do, but others wait too.
    More,
    /// Everything came back, and the server ended its stream.
    Done,
    Failed(String),
}

/// What the clients of one driver share. Of messages.
pub struct Shared {
    /// Where a message is made.
    pub message: Vec<u8>,
    /// Messages that came back and were right.
    pub verified: u64,
    /// How long some of them took, there and back.
    pub times: Times,
}

impl Shared {
    pub fn new() -> Shared {
        Shared {
            message: Vec::new(),
            verified: 0,
            times: Times::new(),
        }
    }
}
