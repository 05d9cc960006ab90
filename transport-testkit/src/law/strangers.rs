//! B3: whoever speaks no hello costs little and disturbs nobody. Where both ends lie in one domain
//! there are no strangers, and a transport that says that it cannot be dialled bare has none that it
//! would let in: these tests are then not applicable.

use std::time::Duration;

use channel::{Channel, ConnectError, DialError, Options, ReadError};

use crate::suite::outcome::not_applicable;
use crate::suite::support::left;
use crate::suite::world::{Place, World, talk};

/// A bare connection to where the broker listens: no hello of ours.
#[track_caller]
pub(super) fn stranger(place: &Place) -> Channel {
    let bare = place.at.clone().plain();
    match place.client.connect_at(&bare, 7, Some(left())) {
        Ok(channel) => channel,
        Err(ConnectError::Dial {
            error: DialError::Unsupported(why),
            ..
        }) => not_applicable(format!("it cannot be dialled bare: {why}")),
        Err(error) => panic!(
            "a bare dial fails ({error}); a transport that has none says so by `DialError::Unsupported`"
        ),
    }
}

/// A place, with a channel that must go on all the while.
pub(super) fn stage(w: &World, options: &Options) -> (Place, Channel, Channel) {
    if w.is_local() {
        not_applicable("both ends lie in one domain: there are no strangers");
    }
    let place = w.place_with(options);
    let (ours, theirs) = place.meet(1);
    (place, ours, theirs)
}

/// Reads until it is told to go, in whatever way: an answer that says why is allowed.
#[track_caller]
pub(super) fn is_sent_away(bare: &mut Channel) {
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
    let (place, mut ours, mut theirs) = stage(w, &Options::new());
    for _ in 0..5 {
        let mut bare = stranger(&place);
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
    let (place, mut ours, mut theirs) = stage(w, &Options::new());
    for length in 0..channel::wire::hello::MAGIC.len() {
        let mut bare = stranger(&place);
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
    // Honest ones may have to wait for their turn on a busy machine, too.
    let options = Options::new().with_hello_deadline(Duration::from_secs(2));
    let (place, mut ours, mut theirs) = stage(w, &options);
    let mut silent = stranger(&place);
    place.serves(7);
    // At its deadline: it does not wait for ever.
    is_sent_away(&mut silent);
    talk(&mut ours, &mut theirs);
    place.serves(7);
}

pub(crate) fn b3_many_strangers_keep_nobody_out(w: &World) {
    let (place, mut ours, mut theirs) = stage(w, &Options::new().with_max_hellos(20));
    let mut strangers = Vec::new();
    for _ in 0..60 {
        strangers.push(stranger(&place));
    }
    place.serves(7);
    talk(&mut ours, &mut theirs);
    drop(strangers);
    place.serves(7);
}
