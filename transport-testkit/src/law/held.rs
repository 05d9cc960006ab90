//! B1, B3, B4, C7: what is over leaves nothing behind. These tests run alone: they count what the
//! process holds.

use super::strangers::{is_sent_away, stage, stranger};
use crate::leaks::Leaks;
use crate::suite::bystanders::is_bystander;
use crate::suite::growth::{CHEAP, Rounds, must_be_judged, must_be_judged_whole, must_not_grow};
use crate::suite::streams::{expect, expect_all, fill};
use crate::suite::support::{Polled, bytes, eventually, left, panic_with};
use crate::suite::world::{Place, World};

/// How often a scenario is run that has many ways.
const ROUNDS: usize = 24;

/// What tables and queues may have grown by, for good. Less than a channel for each round.
const SLACK: usize = 24 << 10;

/// Runs a scenario again and again; afterwards the process holds what it held after the first time.
fn leaves_nothing(w: &World, scenario: impl Fn(&Place, usize)) {
    must_be_judged(w);
    let place = w.place_with(&channel::Options::new().with_capacity(4096));
    // What is made once, and kept on purpose, is made here.
    channel::transport::background::run(async {});
    for way in 0..6 {
        scenario(&place, way);
    }
    let memory = w.subject.live_memory().map(|live| (live, SLACK));
    let before = Leaks::besides(is_bystander, memory);
    for round in 0..ROUNDS {
        scenario(&place, round);
    }
    if let Err(left) = before.check_within(left()) {
        panic!("{left} (after {ROUNDS} rounds)");
    }
    must_be_judged_whole(w);
}

pub(crate) fn c7_channels_leave_nothing_behind(w: &World) {
    leaves_nothing(w, |place, way| {
        let (mut ours, mut theirs) = place.meet(1);
        theirs.write_all(&bytes(1, 0, 1000)).unwrap();
        expect(ours.reader_mut(), 1, 0, 1000);
        match way % 6 {
            0 => drop((ours, theirs)),
            1 => {
                drop(theirs);
                expect_all(ours.reader_mut(), 0, 0);
            }
            2 => {
                ours.handle().abort();
                assert!(theirs.read(&mut [0; 8]).is_err());
            }
            3 => {
                theirs.write_all(b"unread").unwrap();
                drop(ours);
                drop(theirs);
            }
            4 => {
                let (reader, writer) = ours.split();
                drop(reader);
                panic_with(writer);
                assert!(theirs.read(&mut [0; 8]).is_err());
            }
            _ => {
                let filled = fill(theirs.writer_mut(), 2, 0);
                drop(theirs);
                expect_all(ours.reader_mut(), 2, filled);
            }
        }
    });
}

pub(crate) fn b3_those_who_give_up_leave_nothing_behind(w: &World) {
    leaves_nothing(w, |place, way| match way % 3 {
        0 => {
            let limit = std::time::Duration::from_millis(5);
            assert!(place.client.connect_at(&place.at, 7, Some(limit)).is_err());
        }
        1 => {
            let mut future = Polled::new(place.client.connect_at_async(&place.at, 7));
            eventually("it stands in the line", || {
                let _ = future.is_pending();
                place.server.waiting(7).connectors > 0
            });
            drop(future);
            eventually("its place is free", || {
                place.server.waiting(7).connectors == 0
            });
        }
        _ => {
            let limit = std::time::Duration::from_millis(5);
            assert!(place.server.accept_timeout(7, limit).is_err());
        }
    });
}

pub(crate) fn b4_closed_brokers_leave_nothing_behind(w: &World) {
    leaves_nothing(w, |_, way| {
        let server = w.server_named("other", &channel::Options::new());
        let bound = server.listen(&w.subject.endpoint("other")).unwrap();
        let client = w.client_named("another");
        let connecting = crate::suite::world::connect(&client, bound.endpoint(), 7);
        match way % 2 {
            0 => {
                let ours = server.accept_timeout(7, left()).unwrap();
                server.close();
                drop(ours);
            }
            _ => {
                eventually("it waits", || server.waiting(7).connectors == 1);
                server.close();
            }
        }
        drop(connecting.join("the connect"));
    });
}

pub(crate) fn c7_many_channels_leave_nothing_behind(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(4096));
    must_not_grow(w, &CHEAP, |round| {
        let (mut ours, mut theirs) = place.meet(1);
        match round % 3 {
            0 => drop((ours, theirs)),
            1 => {
                drop(theirs);
                expect_all(ours.reader_mut(), 0, 0);
            }
            _ => {
                ours.handle().abort();
                assert!(theirs.read(&mut [0; 8]).is_err());
            }
        }
    });
}

pub(crate) fn c7_traffic_leaves_nothing_behind(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(4096));
    let (mut ours, mut theirs) = place.meet(1);
    let (sent, mut got) = (vec![7; 4096], vec![0; 4096]);
    // Four large transfers, there and back.
    let rounds = Rounds {
        early: 16,
        late: 64,
    };
    let length = w.large() / 16;
    must_not_grow(w, &rounds, |round| {
        let (from, to) = match round % 2 {
            0 => (&mut ours, &mut theirs),
            _ => (&mut theirs, &mut ours),
        };
        let mut at = 0;
        while at < length {
            let most = sent.len().min(length - at);
            let n = from.write_timeout(&sent[..most], left()).unwrap();
            to.read_exact_timeout(&mut got[..n], left()).unwrap();
            at += n;
        }
    });
}

pub(crate) fn b1_refused_listens_leave_nothing_behind(w: &World) {
    let place = w.place();
    let second = w.server_named("second", &channel::Options::new());
    must_not_grow(w, &CHEAP, |_| {
        assert!(second.listen(&place.at).is_err(), "it is taken");
    });
    place.serves(7);
}

pub(crate) fn b3_refused_dials_leave_nothing_behind(w: &World) {
    let client = w.client_named("client");
    let at = w.subject.endpoint("nobody");
    must_not_grow(w, &CHEAP, |_| {
        let result = client.connect_at(&at, 7, Some(left()));
        assert!(result.is_err(), "nobody listens there");
    });
}

pub(crate) fn b3_strangers_leave_nothing_behind(w: &World) {
    let (place, _ours, _theirs) = stage(w, &channel::Options::new());
    must_not_grow(w, &CHEAP, |round| {
        let mut bare = stranger(&place);
        match round % 3 {
            0 => drop(bare),
            1 => bare.handle().abort(),
            _ => {
                let _ = bare.write_all(b"GET / HTTP/1.1\r\n\r\n");
                is_sent_away(&mut bare);
            }
        }
    });
    place.serves(7);
}
