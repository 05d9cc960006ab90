//! A listener that runs out of descriptors goes on when there are some again. In a process of its own, as
//! the limit is the process's.
#![cfg(unix)]

mod support;

use std::net::TcpStream;

use rustix::process::{Resource, getrlimit, setrlimit};
use support::{listen, meet, talk};

#[test]
fn no_descriptors_for_a_while() {
    let (server, at) = listen("tcp://127.0.0.1:0/server");
    let (mut ours, mut theirs) = meet(&server, &at, 7);
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = Some(64);
    setrlimit(Resource::Nofile, limits).unwrap();
    // Every descriptor is somebody's; the last of these connections wait in the backlog.
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect(at.authority()) {
        held.push(stream);
    }
    assert!(held.len() > 10);
    talk(&mut ours, &mut theirs);
    // Idle all the while: it rests, and does not spin.
    let before = processor_time();
    talk(&mut ours, &mut theirs);
    std::thread::park_timeout(std::time::Duration::from_millis(500));
    let used = processor_time() - before;
    assert!(
        used < 0.25,
        "{used} s of the processor in half a second of rest"
    );
    drop(held);
    let (mut ours, mut theirs) = meet(&server, &at, 7);
    talk(&mut ours, &mut theirs);
}

/// Seconds that this process has used.
fn processor_time() -> f64 {
    // Fields 14 and 15 of `stat`, in hundredths.
    match std::fs::read_to_string("/proc/self/stat") {
        Err(_) => 0.0,
        Ok(stat) => {
            let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
            let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
            (ticks(11) + ticks(12)) / 100.0
        }
    }
}
