//! B2: accept and connect are a symmetrical rendezvous, first come, first served.

use std::time::{Duration, Instant};

use crate::suite::outcome::not_applicable;
use crate::suite::support::{eventually, go, left};
use crate::suite::world::{World, connect, listen, talk};

pub(crate) fn b2_the_connector_comes_first(w: &World) {
    let place = w.place();
    for round in 0..5 {
        let connecting = place.connect(7);
        eventually("the connector waits", || {
            place.server.waiting(7).connectors == 1
        });
        assert!(!connecting.is_over(), "it connected to nobody");
        let mut ours = place.server.accept_timeout(7, left()).unwrap();
        let mut theirs = connecting.join("the connect").unwrap();
        talk(&mut ours, &mut theirs);
        talk(&mut theirs, &mut ours);
        drop((round, ours));
    }
}

pub(crate) fn b2_the_acceptor_comes_first(w: &World) {
    let place = w.place();
    for _ in 0..5 {
        let server = place.server.clone();
        let accepting = go(move || server.accept_timeout(7, left()));
        eventually("the acceptor waits", || {
            place.server.waiting(7).acceptors == 1
        });
        let mut theirs = place.client.connect_at(&place.at, 7, Some(left())).unwrap();
        // It may be the one that speaks first, before the acceptor has returned.
        theirs.write_all(b"hello").unwrap();
        let mut ours = accepting.join("the accept").unwrap();
        let mut buf = [0; 5];
        ours.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"hello");
        talk(&mut ours, &mut theirs);
    }
}

pub(crate) fn b2_the_two_know_each_other(w: &World) {
    let place = w.place();
    let (ours, theirs) = place.meet(513);
    assert_eq!(ours.handle().peer_name(), "client");
    assert_eq!(theirs.handle().peer_name(), "server");
    assert_eq!((ours.handle().port(), theirs.handle().port()), (513, 513));
}

/// A connector that does not answer its welcome within this time lets others pass.
const PROMPT_ANSWER: Duration = Duration::from_millis(250);

pub(crate) fn b2_connectors_are_served_in_order(w: &World) {
    // A machine that is busy elsewhere proves nothing: then once more.
    while !eight_are_served_in_order(w) {
        assert!(!left().is_zero(), "connectors never answered promptly");
    }
}

/// False if one may have been passed, since it did not answer promptly.
fn eight_are_served_in_order(w: &World) -> bool {
    let place = w.place();
    let mut connecting = Vec::new();
    for i in 0..8 {
        let client = w.client_named(&format!("client{i}"));
        connecting.push(connect(&client, &place.at, 7));
        eventually("it stands in the line", || {
            place.server.waiting(7).connectors == i + 1
        });
    }
    let mut accepted = Vec::new();
    for i in 0..connecting.len() {
        let start = Instant::now();
        let ours = place.server.accept_timeout(7, left()).unwrap();
        let prompt = start.elapsed() < PROMPT_ANSWER;
        if ours.handle().peer_name() != format!("client{i}") && !prompt {
            return false;
        }
        assert_eq!(ours.handle().peer_name(), format!("client{i}"), "the order");
        accepted.push(ours);
    }
    for connecting in connecting {
        connecting.join("the connect").unwrap();
    }
    true
}

pub(crate) fn b2_acceptors_are_served_in_order(w: &World) {
    let place = w.place();
    let mut acceptors: Vec<_> = (0..6).map(|_| place.server.acceptor(7)).collect();
    for acceptor in &mut acceptors {
        assert!(acceptor.try_accept().is_err(), "nobody connects yet");
    }
    for (i, acceptor) in acceptors.iter_mut().enumerate() {
        let mut theirs = place.connect(7).join("the connect").unwrap();
        let mut ours = acceptor
            .accept_timeout(left())
            .unwrap_or_else(|error| panic!("acceptor {i}: {error}"));
        talk(&mut theirs, &mut ours);
    }
}

pub(crate) fn b2_ports_do_not_interfere(w: &World) {
    let place = w.place();
    let waiting = place.connect(1);
    eventually("it waits at port 1", || {
        place.server.waiting(1).connectors == 1
    });
    // Somebody waits at one port; others are served all the same.
    for port in [2, 65535, 0] {
        place.serves(port);
    }
    assert!(!waiting.is_over());
    place.server.accept_timeout(1, left()).unwrap();
    waiting.join("the connect to port 1").unwrap();
}

pub(crate) fn b2_many_meet_at_once(w: &World) {
    let place = w.place();
    let (threads, rounds) = (4, 12);
    let going: Vec<_> = (0..threads)
        .flat_map(|i| {
            let (server, client, at) =
                (place.server.clone(), place.client.clone(), place.at.clone());
            // Each connector says who it is and is told the same: no two share a partner.
            let accepting = go(move || {
                for _ in 0..rounds {
                    let mut ours = server.accept_timeout(7, left()).unwrap();
                    let mut said = [0; 2];
                    ours.read_exact(&mut said).unwrap();
                    ours.write_all(&said).unwrap();
                }
            });
            let connecting = go(move || {
                for round in 0..rounds {
                    let mut theirs = client.connect_at(&at, 7, Some(left())).unwrap();
                    theirs.write_all(&[i, round]).unwrap();
                    let mut heard = [0; 2];
                    theirs.read_exact(&mut heard).unwrap();
                    assert_eq!(heard, [i, round], "another one's answer");
                }
            });
            [accepting, connecting]
        })
        .collect();
    for thread in going {
        thread.join("one of many who meet");
    }
}

pub(crate) fn b2_one_broker_listens_at_several_places(w: &World) {
    let place = w.place();
    if w.is_local() {
        not_applicable("inside a domain a broker is found by its name: one place is all there is");
    }
    let second = listen(&place.server, &w.subject.endpoint("server"));
    let connecting = connect(&place.client, &second, 7);
    let mut ours = place.server.accept_timeout(7, left()).unwrap();
    let mut theirs = connecting.join("the connect").unwrap();
    talk(&mut theirs, &mut ours);
    place.serves(7);
}

pub(crate) fn b2_local_and_remote_stand_in_one_line(w: &World) {
    let place = w.place();
    let inside = w.server_named("inside", &channel::Options::new());
    let local = go(move || inside.connect_timeout("server", 7, left()));
    eventually("the local one waits", || {
        place.server.waiting(7).connectors == 1
    });
    let remote = place.connect(7);
    eventually("both wait", || place.server.waiting(7).connectors == 2);
    for expected in ["inside", "client"] {
        let ours = place.server.accept_timeout(7, left()).unwrap();
        assert_eq!(ours.handle().peer_name(), expected, "the order");
    }
    local.join("the local connect").unwrap();
    remote.join("the remote connect").unwrap();
}
