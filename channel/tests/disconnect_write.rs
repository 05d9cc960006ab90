//! The narrowest race of a disconnect: with one write that is in the middle of its copying.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use channel::WriteError;
use support::{Rng, drain, pair_of, pattern_bytes, seed, within};

// shows C4: the narrow race alone: a long write against its own disconnect and the reader's end.
#[test]
fn a_write_races_its_own_disconnect() {
    const LENGTH: usize = 60_000;
    let seed = seed("a_write_races_its_own_disconnect");
    within("write against disconnect", move || {
        let bytes = pattern_bytes(0, LENGTH);
        let (mut cut, rounds) = (0, 3000);
        for round in 0..rounds {
            let mut rng = Rng::of(seed, round);
            let (ours, theirs) = pair_of(64 * 1024);
            let (mut reader, _their_writer) = theirs.split();
            let handle = ours.handle();
            let (_reader, mut writer) = ours.split();
            let (there, late) = (AtomicBool::new(false), rng.below(200));
            let (written, got) = thread::scope(|scope| {
                let there = &there;
                let got = scope.spawn(move || {
                    there.store(true, Ordering::Release);
                    (0..late).for_each(|_| std::hint::spin_loop());
                    handle.disconnect();
                    // Its last look may come before the write that goes on has published.
                    drain(&mut reader).unwrap()
                });
                let mut looks = 0;
                while !there.load(Ordering::Acquire) {
                    looks += 1;
                    // On one core it gets there only when this thread yields.
                    if looks % 1000 == 0 {
                        thread::yield_now();
                    }
                    std::hint::spin_loop();
                }
                let written = match writer.write(&bytes) {
                    Ok(n) => n,
                    Err(WriteError::Disconnected) => 0,
                    Err(other) => panic!("{other:?}"),
                };
                (written, got.join().unwrap())
            });
            cut += usize::from(written < LENGTH);
            assert!(
                got == bytes[..written],
                "round {round}: {written} written, {} read",
                got.len()
            );
        }
        println!("{cut} of {rounds} writes were cut");
    });
}
