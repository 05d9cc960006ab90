//! A peer process that is really killed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use channel::{Domain, Receipt};

use crate::support::thread_state::blocked;
use crate::support::{LONG, within};
use crate::unix::Unix;
use crate::world::Directory;

/// Where the child finds its parent.
const PLACE: &str = "CHANNEL_RECEIPT_PLACE";

/// The child's life: connects, reads 4 bytes, says so, and waits to be killed. Without a parent it is
/// no test.
#[test]
fn child() {
    let Ok(place) = std::env::var(PLACE) else {
        return;
    };
    let domain = Domain::new();
    domain.add(Unix::new(place));
    let broker = domain.broker("child").unwrap();
    let at = "unix://hall/server".parse().unwrap();
    let mut channel = broker.connect_at(&at, 1, Some(LONG)).unwrap();
    channel.read_exact(&mut [0; 4]).unwrap();
    channel.write_all(b"r").unwrap();
    // Never comes; and if the parent is lost, neither does anything else.
    let _ = channel.read_exact(&mut [0; 100]);
}

/// Killed, by its id, whatever happens to the test.
struct Killed(Child);

impl Killed {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// shows C6, C9: nobody knows how much a killed process had read; and that is known soon.
#[test]
fn unknown_when_the_peer_is_killed() {
    within("a killed peer", || {
        for (waiting, length) in [(false, 10), (true, 10), (false, 4), (true, 4)] {
            let directory = Directory::new();
            let server = directory.domain().broker("server").unwrap();
            server
                .listen(&"unix://hall/server".parse().unwrap())
                .unwrap();
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "killed::child"])
                .env(PLACE, &directory.0)
                .stdout(Stdio::null())
                .spawn();
            let mut child = Killed(child.unwrap());
            let mut channel = server.accept_timeout(1, LONG).unwrap();
            channel.write_all(&b"0123456789"[..length]).unwrap();
            channel.read_exact(&mut [0]).unwrap();
            let start;
            let receipt = if waiting {
                // It has not finished: also a child that has read all may not answer yet.
                let handle = channel.handle();
                let asking = blocked(move || handle.receipt());
                start = Instant::now();
                child.kill();
                asking.returns()
            } else {
                start = Instant::now();
                child.kill();
                channel.handle().close()
            };
            assert_eq!(receipt, Receipt::Unknown);
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{:?}",
                start.elapsed()
            );
            assert_eq!(channel.close(), Receipt::Unknown);
        }
    });
}
