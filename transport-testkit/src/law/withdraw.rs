//! B3: unknown brokers, time limits, and those who give up.

use std::time::{Duration, Instant};

use channel::{AcceptError, ConnectError, State};

use crate::suite::outcome::not_applicable;
use crate::suite::support::{Polled, eventually, left};
use crate::suite::world::{World, connect, talk};

pub(crate) fn b3_nobody_listens_there(w: &World) {
    let client = w.client_named("client");
    let at = w.subject.endpoint("nobody");
    let error = connect(&client, &at, 7)
        .join("a connect to where nobody listens")
        .unwrap_err();
    let fits = matches!(
        error,
        ConnectError::NoSuchBroker { .. } | ConnectError::Dial { .. }
    );
    assert!(fits, "{error:?}");
}

pub(crate) fn b3_an_unknown_broker_fails_at_once(w: &World) {
    let place = w.place();
    // The same place, and another name than that of the broker that listens there.
    let unknown = match place.at.broker() {
        Some(_) => place.at.clone().with_broker("nobody").unwrap(),
        None if w.is_local() => w.subject.endpoint("nobody"),
        None => not_applicable("its endpoints name no broker: there is none to be unknown"),
    };
    let error = connect(&place.client, &unknown, 7)
        .join("a connect to an unknown broker")
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::NoSuchBroker { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("nobody"),
        "it does not say whom it did not find: {error}"
    );
    place.serves(7);
}

pub(crate) fn b3_a_connect_that_times_out_withdraws(w: &World) {
    let place = w.place();
    for limit in [5, 50].map(Duration::from_millis) {
        let start = Instant::now();
        let error = place
            .client
            .connect_at(&place.at, 7, Some(limit))
            .unwrap_err();
        let took = start.elapsed();
        assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
        assert!(
            took >= limit,
            "a limit of {limit:?} was over after {took:?}"
        );
    }
    eventually("its place in the line is free", || {
        place.server.waiting(7).connectors == 0
    });
    let next = w.client_named("next");
    let connecting = connect(&next, &place.at, 7);
    let ours = place.server.accept_timeout(7, left()).unwrap();
    assert_eq!(
        ours.handle().peer_name(),
        "next",
        "one that gave up was matched"
    );
    connecting.join("the connect").unwrap();
}

pub(crate) fn b3_an_accept_that_times_out_withdraws(w: &World) {
    let place = w.place();
    for limit in [1, 20, 50].map(Duration::from_millis) {
        let start = Instant::now();
        let error = place.server.accept_timeout(7, limit).unwrap_err();
        let took = start.elapsed();
        assert!(matches!(error, AcceptError::TimedOut { .. }), "{error:?}");
        assert!(
            took >= limit,
            "a limit of {limit:?} was over after {took:?}"
        );
    }
    assert_eq!(place.server.waiting(7).acceptors, 0);
    // Nobody is matched with the accepts that are over.
    let connecting = place.connect(7);
    eventually("the connector waits", || {
        place.server.waiting(7).connectors == 1
    });
    assert!(
        !connecting.is_over(),
        "it was matched with one that gave up"
    );
    let mut ours = place.server.accept_timeout(7, left()).unwrap();
    let mut theirs = connecting.join("the connect").unwrap();
    talk(&mut theirs, &mut ours);
}

pub(crate) fn b3_a_dropped_connect_withdraws(w: &World) {
    let place = w.place();
    for _ in 0..5 {
        let mut future = Polled::new(place.client.connect_at_async(&place.at, 7));
        eventually("it stands in the line", || {
            assert!(future.is_pending(), "nobody accepts");
            place.server.waiting(7).connectors == 1
        });
        drop(future);
        eventually("its place in the line is free", || {
            place.server.waiting(7).connectors == 0
        });
        // And at the very beginning.
        let mut future = Polled::new(place.client.connect_at_async(&place.at, 7));
        assert!(future.is_pending(), "nobody accepts");
    }
    let next = w.client_named("next");
    let connecting = connect(&next, &place.at, 7);
    let ours = place.server.accept_timeout(7, left()).unwrap();
    assert_eq!(
        ours.handle().peer_name(),
        "next",
        "one that gave up was matched"
    );
    connecting.join("the connect").unwrap();
}

pub(crate) fn b3_a_connector_outlives_an_acceptor_that_leaves(w: &World) {
    let place = w.place();
    let mut acceptor = place.server.acceptor(7);
    assert!(acceptor.try_accept().is_err(), "nobody connects yet");
    let connecting = place.connect(7);
    eventually("they are matched", || {
        let waiting = place.server.waiting(7);
        waiting.matched + waiting.connectors > 0
    });
    drop(acceptor);
    // It keeps its place for the next accept, whether it believes itself connected or not.
    let mut ours = place.server.accept_timeout(7, left()).unwrap();
    let mut theirs = connecting.join("the connect").unwrap();
    talk(&mut theirs, &mut ours);
    talk(&mut ours, &mut theirs);
}

pub(crate) fn b3_a_lost_peer_is_not_handed_out(w: &World) {
    let place = w.place();
    let (rounds, mut late) = (5, 0);
    for _ in 0..rounds {
        let mut acceptor = place.server.acceptor(7);
        assert!(acceptor.try_accept().is_err(), "nobody connects yet");
        let lost = place.connect(7).join("the connect").unwrap();
        lost.handle().abort();
        let next = w.client_named("next");
        let connecting = connect(&next, &place.at, 7);
        let mut ours = loop {
            let ours = acceptor.accept_timeout(left()).unwrap();
            // The news of a loss may be on its way; once it is known, nobody is handed it.
            if ours.handle().peer_name() == "next" {
                break ours;
            }
            let state = ours.info().state;
            // It may have come between the two.
            late += usize::from(state == State::PeerLost);
            assert!(
                !w.is_local() && late < rounds,
                "channels were handed out whose peers are lost ({state:?})"
            );
        };
        let mut theirs = connecting.join("the connect").unwrap();
        talk(&mut theirs, &mut ours);
    }
}

pub(crate) fn b3_one_who_came_and_left_well_is_heard(w: &World) {
    let place = w.place();
    let mut acceptor = place.server.acceptor(7);
    assert!(acceptor.try_accept().is_err(), "nobody connects yet");
    let mut theirs = place.connect(7).join("the connect").unwrap();
    theirs.write_all(b"hello").unwrap();
    drop(theirs);
    // Connected, said its word and left in an orderly way, all before it was accepted.
    let mut ours = acceptor.accept_timeout(left()).unwrap();
    let mut heard = Vec::new();
    std::io::Read::read_to_end(&mut ours, &mut heard).unwrap();
    assert_eq!(heard, b"hello");
}
