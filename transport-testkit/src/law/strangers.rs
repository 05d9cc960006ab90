//! B3: whoever speaks no hello costs little and disturbs nobody. Where both ends lie in one domain
//! there are no strangers, and a transport that cannot be dialled bare has none that it would let
//! in: these tests then have nothing to show.

use std::time::Duration;

use channel::{Channel, Options, ReadError};

use crate::suite::support::left;
use crate::suite::world::{Place, World, talk};

/// A bare connection to where the broker listens: no hello of ours.
fn stranger(place: &Place) -> Option<Channel> {
    let bare = place.at.clone().plain();
    place.client.connect_at(&bare, 7, Some(left())).ok()
}

/// A place, with a channel that must go on all the while.
fn stage(w: &World, options: &Options) -> Option<(Place, Channel, Channel)> {
    if w.is_local() {
        return None;
    }
    let place = w.place_with(options);
    let (ours, theirs) = place.meet(1);
    Some((place, ours, theirs))
}

/// Reads until it is told to go, in whatever way: an answer that says why is allowed.
#[track_caller]
fn is_sent_away(bare: &mut Channel) {
    loop {
        match bare.read_timeout(&mut [0; 64], left()) {
            Ok(1..) => {}
            Err(ReadError::TimedOut) => panic!("the stranger is still there"),
            Ok(0) | Err(_) => return,
        }
    }
}

/// Says something that is no hello; the listener ends it and goes on.
fn says(w: &World, what: &[u8]) {
    let Some((place, mut ours, mut theirs)) = stage(w, &Options::new()) else {
        return;
    };
    for _ in 0..5 {
        let Some(mut bare) = stranger(&place) else {
            return;
        };
        let _ = bare.write_all(what);
        place.serves(7);
        is_sent_away(&mut bare);
        talk(&mut ours, &mut theirs);
    }
    assert_eq!(place.server.waiting(7).connectors, 0);
}

pub(crate) fn b3_garbage_disturbs_nobody(w: &World) {
    says(w, b"GET / HTTP/1.1\r\nHost: example\r\n\r\n");
    says(w, &[0; 64]);
    says(w, &[0xFF; 10_000]);
}

pub(crate) fn b3_an_oversized_hello_disturbs_nobody(w: &World) {
    let mut hello = channel::wire::hello::MAGIC.to_vec();
    hello.extend([0x10, 1, 0xFF, 0xFF]);
    says(w, &hello);
}

pub(crate) fn b3_a_cut_hello_disturbs_nobody(w: &World) {
    let Some((place, mut ours, mut theirs)) = stage(w, &Options::new()) else {
        return;
    };
    for length in 0..channel::wire::hello::MAGIC.len() {
        let Some(mut bare) = stranger(&place) else {
            return;
        };
        let _ = bare.write_all(&channel::wire::hello::MAGIC[..length]);
        match length % 3 {
            0 => drop(bare),
            1 => bare.handle().abort(),
            _ => bare.finish().unwrap_or(()),
        }
        place.serves(7);
        talk(&mut ours, &mut theirs);
    }
}

pub(crate) fn b3_silent_strangers_are_sent_away(w: &World) {
    let options = Options::new().with_hello_deadline(Duration::from_millis(100));
    let Some((place, mut ours, mut theirs)) = stage(w, &options) else {
        return;
    };
    let Some(mut silent) = stranger(&place) else {
        return;
    };
    place.serves(7);
    // At its deadline: it does not wait for ever.
    is_sent_away(&mut silent);
    talk(&mut ours, &mut theirs);
    place.serves(7);
}

pub(crate) fn b3_many_strangers_keep_nobody_out(w: &World) {
    let Some((place, mut ours, mut theirs)) = stage(w, &Options::new().with_max_hellos(20)) else {
        return;
    };
    let mut strangers = Vec::new();
    for _ in 0..60 {
        match stranger(&place) {
            Some(bare) => strangers.push(bare),
            None => return,
        }
    }
    place.serves(7);
    talk(&mut ours, &mut theirs);
    drop(strangers);
    place.serves(7);
}
