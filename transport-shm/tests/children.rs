//! What a channel is made of, in descriptors, and that none of it goes to a program that is started.

mod support;

use std::process::Command;
use std::time::Duration;

use channel::{Channel, Domain, Poller};
use support::place;
use transport_shm::Shm;

/// For whatever is sure to happen, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

/// What the descriptors of a program that this one starts lead to.
fn of_a_child() -> Vec<String> {
    let script = "for fd in /proc/self/fd/*; do readlink $fd; done";
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    let mut found: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        // Numbers that are the child's own.
        .filter(|line| !line.starts_with("pipe:") && !line.starts_with("/proc/"))
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

// shows T2: five for each end, one for each process, and two of a listener. All in one test: the process's
// descriptors are counted.
#[test]
fn channels_have_few_descriptors_and_no_other_program_gets_them() {
    let outside = of_a_child();
    let [here, there] = [Domain::new(), Domain::new()];
    for domain in [&here, &there] {
        domain.add(Shm::new());
    }
    let server = here.broker("server").unwrap();
    let client = there.broker("client").unwrap();
    let meet = |at: &channel::Endpoint| {
        let (client, at) = (client.clone(), at.clone());
        let connecting =
            std::thread::spawn(move || client.connect_at(&at, 7, Some(LIMIT)).unwrap());
        let ours = server.accept_timeout(7, LIMIT).unwrap();
        [ours, connecting.join().unwrap()]
    };
    // The reactor's, and the one for this very process, which it talks with.
    let at = place("server");
    let first = server.listen(&at).unwrap();
    let kept = meet(&at);

    let before = descriptors();
    let second = place("server");
    let _second = server.listen(&second).unwrap();
    assert_eq!(descriptors() - before, 2);
    let mut channels: Vec<Channel> = (0..10).flat_map(|_| meet(&second)).collect();
    assert_eq!(descriptors() - before, 2 + 20 * 5);
    // Whoever waits for wakers needs no more.
    let poller = Poller::new();
    for channel in &mut channels {
        channel.register(&poller, 1);
    }
    assert_eq!(descriptors() - before, 2 + 20 * 5);
    assert_eq!(of_a_child(), outside);
    drop((first, kept, channels));
}
