//! What nobody uses costs nothing: the processor time of drivers whose link is idle, or whose device is absent.
#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use support::plug::{Cable, Socket};
use support::{LIMIT, at, domain, eventually, meet};
use transport_link::Settings;

/// How long it is looked.
const WATCHED: Duration = Duration::from_secs(10);

/// The drivers' threads of this process.
fn drivers() -> BTreeSet<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .map(|task| task.unwrap().path().to_str().unwrap().to_owned())
        .filter(|task| {
            std::fs::read_to_string(format!("{task}/comm")).is_ok_and(|name| name == "link\n")
        })
        .collect()
}

/// The processor time that threads have had.
fn time(threads: &BTreeSet<String>) -> Duration {
    let nanos = |thread: &String| {
        let stat = std::fs::read_to_string(format!("{thread}/schedstat")).unwrap();
        stat.split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    Duration::from_nanos(threads.iter().map(nanos).sum())
}

// shows T4: waiting costs no processor time to speak of: an idle link with open channels, and an absent device that is
// listened at and dialled.
#[test]
fn idle_links_and_absent_devices_cost_nothing() {
    let (near, far) = (Socket::default(), Socket::default());
    let _cable = Cable::between(&near, &far);
    let server = domain(Settings::default(), near).broker("server").unwrap();
    let client = domain(Settings::default(), far).broker("client").unwrap();
    server.listen(&at("link://cable")).unwrap();
    let mut open: Vec<_> = (0..10).map(|_| meet(&server, &client, 7)).collect();
    for (ours, theirs) in &mut open {
        ours.write_all(b"once").unwrap();
        theirs.read_exact(&mut [0; 2]).unwrap();
    }
    let idle = drivers();
    assert_eq!(idle.len(), 2, "one thread for each end of the link");

    let absent = Socket::default();
    let waiting = domain(Settings::default(), absent.clone())
        .broker("waiting")
        .unwrap();
    waiting.listen(&at("link://cable")).unwrap();
    let dialling = waiting.clone();
    let dialling =
        thread::spawn(move || dialling.connect_at(&at("link://cable"), 7, Some(2 * WATCHED)));
    eventually("it tries", || absent.opened() > 1);
    let lonely: BTreeSet<_> = drivers().difference(&idle).cloned().collect();
    assert_eq!(lonely.len(), 1, "one thread for the device");

    let before = (time(&idle), time(&lonely), Instant::now());
    thread::sleep(WATCHED);
    let (of_idle, of_lonely) = (time(&idle) - before.0, time(&lonely) - before.1);
    let watched = before.2.elapsed();
    println!(
        "processor time in {watched:.1?}: {of_idle:.2?} for both ends of an idle link with 10 channels, \
         {of_lonely:.2?} for an absent device"
    );
    // Wanted are 10 ms at most; machines differ, but no busy loop is as cheap as this.
    assert!(of_idle < watched / 20 && of_lonely < watched / 20);

    // And nobody stays behind.
    waiting.close();
    assert!(dialling.join().unwrap().is_err());
    drop((server, client, waiting, open));
    let start = Instant::now();
    eventually("the drivers end", || drivers().is_empty());
    assert!(start.elapsed() < LIMIT);
}
