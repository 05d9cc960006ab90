//! B7, C3: figures and states can be asked for at any moment, from anywhere, and are right.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use channel::{Handle, State};

use crate::suite::streams::{check, expect, expect_all, fill};
use crate::suite::support::{blocked, bytes, eventually, go};
use crate::suite::world::World;

/// Asks for everything that can be asked.
fn ask(handle: &Handle) {
    let info = handle.info();
    let _ = (handle.disconnected(), handle.totals(), info.state);
}

pub(crate) fn b7_a_snapshot_waits_for_nobody(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(256));
    let pairs = [place.meet(1), place.meet(1)];
    let handles: Vec<_> = pairs
        .iter()
        .flat_map(|(ours, theirs)| [ours.handle(), theirs.handle()])
        .collect();
    let [(mut ours, mut theirs), (mut full, mut flooded)] = pairs;
    fill(full.writer_mut(), 1, 0);
    fill(flooded.writer_mut(), 2, 0);
    let mut asleep = Vec::new();
    asleep.push(blocked(move || drop(ours.read(&mut [0; 8]))));
    asleep.push(blocked(move || drop(theirs.read(&mut [0; 8]))));
    asleep.push(blocked(move || while full.write(b"x").is_ok() {}));
    asleep.push(blocked(move || while flooded.write(b"x").is_ok() {}));
    let asking = {
        let (handles, place) = (handles.clone(), place.clone());
        go(move || {
            handles.iter().for_each(ask);
            (place.server.channels().len(), place.client.channels().len())
        })
    };
    let listed = asking.join("a snapshot, while calls are blocked at both ends");
    assert_eq!(listed, (2, 2), "channels listed");
    for handle in handles {
        handle.disconnect();
    }
    for call in asleep {
        call.join("a blocked call, after a disconnect");
    }
}

/// A waker that looks at the channel it is woken for, as a program's may.
struct Curious {
    handle: Handle,
    wakes: AtomicUsize,
}

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        ask(&self.handle);
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

fn curious(handle: Handle) -> (Arc<Curious>, Waker) {
    let curious = Arc::new(Curious {
        handle,
        wakes: AtomicUsize::new(0),
    });
    (curious.clone(), Waker::from(curious))
}

pub(crate) fn c3_a_waker_may_ask_about_its_channel(w: &World) {
    for way in ["a byte", "a finish", "a disconnect", "an abort", "its own"] {
        let (mut ours, mut theirs) = w.pair();
        let (asks, waker) = curious(ours.handle());
        let mut cx = Context::from_waker(&waker);
        assert!(ours.poll_read(&mut cx, &mut [0; 8]).is_pending());
        let waking = go(move || {
            match way {
                "a byte" => theirs.write_all(b"x").unwrap(),
                "a finish" => theirs.finish().unwrap(),
                "a disconnect" => theirs.disconnect(),
                "an abort" => theirs.handle().abort(),
                _ => {}
            }
            theirs
        });
        let handle = ours.handle();
        let own = go(move || {
            if way == "its own" {
                handle.disconnect();
            }
        });
        eventually(&format!("{way} wakes a read, whose waker asks"), || {
            asks.wakes.load(Ordering::SeqCst) > 0
        });
        waking.join("what woke the read");
        own.join("the disconnect that woke the read");
    }
}

pub(crate) fn c3_a_writers_waker_may_ask_about_its_channel(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    let mut filled = fill(theirs.writer_mut(), 1, 0);
    let (asks, waker) = curious(theirs.handle());
    let mut cx = Context::from_waker(&waker);
    while let std::task::Poll::Ready(n) = theirs.poll_write(&mut cx, &bytes(1, filled, 1)) {
        filled += n.unwrap();
    }
    let reading = go(move || {
        expect(ours.reader_mut(), 1, 0, filled);
        ours
    });
    eventually("room wakes a write, whose waker asks", || {
        asks.wakes.load(Ordering::SeqCst) > 0
    });
    reading.join("the reader that made room");
}

pub(crate) fn b7_totals_are_what_calls_told(w: &World) {
    let (mut ours, mut theirs) = w.pair_of(256);
    // Several writes are cut short, the last one takes nothing.
    let written = fill(theirs.writer_mut(), 1, 0);
    assert_eq!(
        theirs.totals().written,
        written as u64,
        "written, and what the writes told"
    );
    // What is lent is not read.
    let mut read = 0;
    while read < written.min(20_000) {
        let reader = ours.reader_mut();
        let lent = reader.fill_buf().unwrap().len();
        let told = reader.handle().totals().read;
        assert_eq!(told, read as u64, "read, while {lent} bytes are lent");
        let some = lent.div_ceil(3);
        check(1, read, &reader.buffer()[..some]);
        reader.consume(some);
        read += some;
        let told = reader.handle().totals().read;
        assert_eq!(told, read as u64, "read, and what was consumed");
    }
    expect(ours.reader_mut(), 1, read, written - read);
    // They stay when the channel is over.
    theirs.disconnect();
    let written = written as u64;
    assert_eq!(theirs.totals().written, written, "after a disconnect");
    expect_all(ours.reader_mut(), 0, 0);
    ours.disconnect();
    let handle = ours.handle();
    drop((ours, theirs));
    assert_eq!(handle.totals().read, written, "after a disconnect");
    assert_eq!(handle.info().totals.read, written, "after a disconnect");
}

pub(crate) fn b7_nothing_is_underway_when_all_was_read(w: &World) {
    let (mut ours, mut theirs) = w.pair();
    theirs.write_all(&bytes(1, 0, 5000)).unwrap();
    ours.write_all(&bytes(2, 0, 3000)).unwrap();
    let held = ours.totals();
    assert!(
        held.unread <= 5000 && held.unsent <= 3000,
        "more than was written: {held:?}"
    );
    expect(ours.reader_mut(), 1, 0, 5000);
    expect(theirs.reader_mut(), 2, 0, 3000);
    for (channel, totals) in [(&ours, (5000, 3000)), (&theirs, (3000, 5000))] {
        eventually("nothing is unread, nothing unsent", || {
            let now = channel.totals();
            (now.unread, now.unsent) == (0, 0)
        });
        let now = channel.totals();
        assert_eq!((now.read, now.written), totals, "bytes");
    }
}

pub(crate) fn b7_the_peer_is_of_the_same_scheme(w: &World) {
    let place = w.place();
    let (ours, theirs) = place.meet(1);
    for channel in [&ours, &theirs] {
        let peer = channel.info().peer;
        assert_eq!(
            peer.scheme(),
            place.at.scheme(),
            "the peer is {peer}, and they met at {}",
            place.at
        );
        assert_eq!(channel.info().state, State::Open);
    }
}
