//! What the tests share: pairs of queues in memory and over sockets.
#![allow(dead_code, unused_imports)]

#[path = "../../../channel/tests/support/mod.rs"]
pub mod support;

#[cfg(unix)]
#[path = "../../../channel/tests/third_party/unix.rs"]
pub mod unix;

use std::io::Write;

use channel::{Channel, Domain, Options};
use message_queue::{MessageQueue, QueueBroker};
pub use support::*;

/// Two queues that are connected in memory, with buffers of `capacity` bytes.
pub fn queues_of(capacity: usize) -> (MessageQueue, MessageQueue) {
    let (a, b) = pair_of(capacity);
    (a.into(), b.into())
}

pub fn queues() -> (MessageQueue, MessageQueue) {
    queues_of(64 * 1024)
}

/// Two channels over a Unix socket, between two domains: everything takes the way through records.
#[cfg(unix)]
pub fn sockets() -> (Channel, Channel) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let directory = std::env::temp_dir().join(format!(
        "queue-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    std::fs::create_dir(&directory).unwrap();
    let (here, there) = (Domain::new(), Domain::new());
    here.add(unix::Unix::new(&directory));
    there.add(unix::Unix::new(&directory));
    let server = here.broker("server").unwrap();
    let at = "unix://socket/server".parse().unwrap();
    let _bound = server.listen(&at).unwrap();
    let client = there.broker("client").unwrap();
    let connecting = std::thread::spawn(move || client.connect_at(&at, 1, Some(LONG)).unwrap());
    let accepted = server.accept_timeout(1, LONG).unwrap();
    let connected = connecting.join().unwrap();
    drop(server);
    std::fs::remove_dir_all(&directory).unwrap();
    (accepted, connected)
}

type Pair = fn() -> (Channel, Channel);

/// Both kinds of carriers that a queue may meet: a ring, and records over a socket.
pub fn carriers() -> Vec<(&'static str, Pair)> {
    #[cfg(unix)]
    let sockets = [("socket", sockets as Pair)];
    #[cfg(not(unix))]
    let sockets = [];
    [("memory", pair as Pair)]
        .into_iter()
        .chain(sockets)
        .collect()
}

/// A message whose bytes are told by its number and length.
pub fn message(number: u64, length: usize) -> Vec<u8> {
    pattern_bytes(number.wrapping_mul(0x1_0001), length)
}

/// A message on the wire.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = (message.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(message);
    bytes
}
