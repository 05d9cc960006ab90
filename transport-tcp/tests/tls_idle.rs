//! What idle `tls:` connections cost, in a program of its own, since it counts the live bytes of the process.
#![cfg(feature = "tls")]

mod support;
mod tls_support;

use channel::Channel;
use support::talk;
use tls_support::{client, listen, meet, mutual};

#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// For both ends, each with its channel, records, TLS and socket.
const MOST: usize = 20 * 1024;
const COUNT: usize = 200;

/// The tests count what the whole process holds.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

// A peer that never reads: its channel takes no more at some point, and this side holds little itself.
#[test]
fn a_peer_that_never_reads() {
    let _one = ONE.lock().unwrap();
    let credentials = mutual();
    let client = client(&credentials);
    for place in ["tls://127.0.0.1:0", "tls+plain://127.0.0.1:0?port=7"] {
        let (server, to) = listen(&credentials, place);
        let (mut ours, mut theirs) = meet(&server, &client, &to, 7);
        talk(&mut ours, &mut theirs);
        let data = vec![7; 1 << 20];
        let before = ALLOCATOR.current_usage();
        support::eventually("it takes no more", || {
            while ours.try_write(&data).is_ok() {}
            let wait = std::time::Duration::from_millis(50);
            ours.write_timeout(&data, wait).is_err()
        });
        let held = ALLOCATOR.current_usage().saturating_sub(before);
        assert!(held < 512 * 1024, "{place}: {held}");
    }
}

// An idle connection owns no buffers, even if much has passed through it.
#[test]
fn idle_connections_are_small() {
    let _one = ONE.lock().unwrap();
    let credentials = mutual();
    let (server, to) = listen(&credentials, "tls://127.0.0.1:0/server");
    let client = client(&credentials);
    let busy = |(mut ours, mut theirs): (Channel, Channel)| {
        talk(&mut ours, &mut theirs);
        let data = support::pattern(100_000);
        std::thread::scope(|scope| {
            scope.spawn(|| ours.write_all(&data).unwrap());
            let mut all = vec![0; data.len()];
            theirs.read_exact_timeout(&mut all, support::LIMIT).unwrap();
            assert!(all == data);
        });
        talk(&mut ours, &mut theirs);
        (ours, theirs)
    };
    // Whatever is made once.
    drop(busy(meet(&server, &client, &to, 7)));
    let before = ALLOCATOR.current_usage();
    let all: Vec<_> = (0..COUNT)
        .map(|_| busy(meet(&server, &client, &to, 7)))
        .collect();
    let each = ALLOCATOR.current_usage().saturating_sub(before) / COUNT;
    println!("{each} bytes for both ends of an idle connection");
    assert!(each < MOST, "{each}");
    drop(all);
}
