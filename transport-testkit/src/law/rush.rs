//! B2, B4: hundreds that come and go, a crowd at the door, and neighbours of one that closes.

use crate::suite::support::{eventually, left};
use crate::suite::world::{World, connect, listen, talk};

pub(crate) fn b2_hundreds_come_and_go(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(256));
    for round in 0..2 * w.subject.many() {
        let (mut ours, mut theirs) = place.meet(1);
        match round % 2 {
            0 => talk(&mut ours, &mut theirs),
            _ => talk(&mut theirs, &mut ours),
        }
    }
}

pub(crate) fn b2_a_crowd_before_the_first_accept(w: &World) {
    let place = w.place_with(&channel::Options::new().with_capacity(256));
    let count = w.subject.many().min(64);
    let connecting: Vec<_> = (0..count).map(|_| place.connect(7)).collect();
    eventually("all of them stand in the line", || {
        place.server.waiting(7).connectors == count
    });
    let mut accepted: Vec<_> = (0..count)
        .map(|i| {
            let channel = place.server.accept_timeout(7, left());
            channel.unwrap_or_else(|error| panic!("accept {i} of {count}: {error}"))
        })
        .collect();
    let connected: Vec<_> = connecting
        .into_iter()
        .map(|going| going.join("one of a crowd").unwrap())
        .collect();
    for (i, channel) in accepted.iter_mut().enumerate() {
        channel.write_all(&[i as u8]).unwrap();
    }
    let mut seen: Vec<_> = connected
        .into_iter()
        .map(|mut channel| {
            let mut buf = [0; 1];
            channel.read_exact_timeout(&mut buf, left()).unwrap();
            buf[0]
        })
        .collect();
    seen.sort_unstable();
    let each: Vec<_> = (0..count as u8).collect();
    assert_eq!(seen, each, "each has a partner of its own");
}

pub(crate) fn b4_one_that_closes_ends_no_other(w: &World) {
    let options = channel::Options::new();
    let stays = w.server_named("stays", &options);
    let leaves = w.server_named("leaves", &options);
    let at = listen(&stays, &w.subject.endpoint("stays"));
    // Some transports have one place for a broker, and no more.
    let other = w.subject.endpoint("stays");
    let second = (other != at).then(|| stays.listen(&other).unwrap());
    listen(&leaves, &w.subject.endpoint("leaves"));
    let client = w.client_named("client");
    let serves = |when: &str| {
        let connecting = connect(&client, &at, 7);
        let ours = stays.accept_timeout(7, left());
        let mut ours = ours.unwrap_or_else(|error| panic!("{when}: {error}"));
        let mut theirs = connecting.join("the connect").unwrap();
        talk(&mut ours, &mut theirs);
    };
    serves("before");
    leaves.close();
    serves("after another broker was closed");
    if let Some(second) = second {
        second.close();
    }
    serves("after another place of the same broker was closed");
}
