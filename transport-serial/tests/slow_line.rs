//! A line at the pace of a serial line: what is urgent overtakes what is much.
#![cfg(all(feature = "line", target_os = "linux"))]

mod support;

use std::num::NonZeroU32;
use std::thread;

use support::{LIMIT, at, broker, eventually, pattern};
use transport_serial::line::{End, Line, LineConfig};

/// Bytes that may pass before a small message.
const MOST: u64 = 3_000;

// shows T5: counted in bytes that the line carries meanwhile, the best of several: a thread that is held up lets more of them
// pass. What is in the noise layer's window would be 17,000; what has been written to the other channel, 60,000.
#[test]
fn a_small_message_overtakes_bulk_data() {
    let line = Line::open(LineConfig {
        baud: NonZeroU32::new(115_200),
        damage: NonZeroU32::new(20_000),
        seed: transport_testkit::fault::seed("a_small_message_overtakes_bulk_data"),
        ..LineConfig::default()
    })
    .unwrap();
    let server = broker("server");
    server.listen(&at(&line, End::A, "baud=115200")).unwrap();
    let client = broker("client");
    let to = at(&line, End::B, "baud=115200");
    let meet = |port| {
        thread::scope(|scope| {
            let theirs = scope.spawn(|| client.connect_at(&to, port, Some(LIMIT)).unwrap());
            let ours = server.accept_timeout(port, LIMIT).unwrap();
            (ours, theirs.join().unwrap())
        })
    };
    let (mut small_in, mut small) = meet(1);
    let (mut bulk_in, mut bulk) = meet(2);
    let data = pattern(60_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            bulk.write_all(&data).unwrap();
            bulk.finish().unwrap();
        });
        let reading = scope.spawn(|| {
            let mut all = Vec::new();
            std::io::Read::read_to_end(&mut bulk_in, &mut all).unwrap();
            all
        });
        eventually("the line is full", || line.traffic(End::B).bytes > 10_000);
        let mut passed = Vec::new();
        // As long as there is more than the window to be overtaken.
        while line.traffic(End::B).bytes < 40_000 && passed.iter().all(|n| *n >= MOST) {
            let before = line.traffic(End::B).bytes;
            small.write_all(b"urgent").unwrap();
            small_in.read_exact_timeout(&mut [0; 6], LIMIT).unwrap();
            passed.push(line.traffic(End::B).bytes - before);
        }
        println!("bytes that passed before a small message: {passed:?}");
        assert!(passed.iter().any(|n| *n < MOST), "{passed:?}");
        assert!(reading.join().unwrap() == data);
    });
}
