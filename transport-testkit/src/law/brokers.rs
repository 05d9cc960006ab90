//! B1, B4 and B7: places, closing, and what a broker tells about its channels.

use channel::{AcceptError, ConnectError, State};

use crate::suite::streams::expect;
use crate::suite::support::{blocked, bytes, eventually, left};
use crate::suite::world::{World, connect, listen, talk};

pub(crate) fn b1_a_place_is_taken_once(w: &World) {
    let place = w.place();
    let second = w.server_named("second", &channel::Options::new());
    let taken = second.listen(&place.at);
    assert!(taken.is_err(), "two brokers listen at {}", place.at);
    place.serves(7);
}

pub(crate) fn b4_a_close_ends_waiting_accepts(w: &World) {
    let place = w.place();
    let server = place.server.clone();
    let accept = blocked(move || server.accept(7));
    place.server.close();
    let result = accept.join("an accept whose broker was closed");
    assert!(
        matches!(result, Err(AcceptError::Closed { .. })),
        "{result:?}"
    );
    let again = place.server.accept(7);
    assert!(
        matches!(again, Err(AcceptError::Closed { .. })),
        "{again:?}"
    );
}

pub(crate) fn b4_a_close_ends_waiting_connects(w: &World) {
    let place = w.place();
    let connecting = place.connect(7);
    eventually("the connector waits", || {
        place.server.waiting(7).connectors == 1
    });
    place.server.close();
    let error = connecting
        .join("a connect to a broker that was closed")
        .unwrap_err();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error:?}");
}

pub(crate) fn b4_a_close_ends_connects_of_its_own(w: &World) {
    let place = w.place();
    let connecting = place.connect(7);
    eventually("the connector waits", || {
        place.server.waiting(7).connectors == 1
    });
    place.client.close();
    let error = connecting
        .join("a connect from a broker that was closed")
        .unwrap_err();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error:?}");
    eventually("its place in the line is free", || {
        place.server.waiting(7).connectors == 0
    });
}

pub(crate) fn b4_channels_outlive_their_brokers(w: &World) {
    let place = w.place();
    let (mut ours, mut theirs) = place.meet(7);
    talk(&mut ours, &mut theirs);
    place.server.close();
    place.client.close();
    drop(place);
    talk(&mut ours, &mut theirs);
    talk(&mut theirs, &mut ours);
    drop(theirs);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
}

pub(crate) fn b4_nobody_is_reached_after_a_close(w: &World) {
    let place = w.place();
    place.serves(7);
    place.server.close();
    let error = place
        .connect(7)
        .join("a connect to a closed broker")
        .unwrap_err();
    let fits = matches!(
        error,
        ConnectError::NoSuchBroker { .. }
            | ConnectError::Closed { .. }
            | ConnectError::Dial { .. }
            | ConnectError::Lost { .. }
    );
    assert!(fits, "{error:?}");
}

pub(crate) fn b4_a_closed_place_can_be_taken_again(w: &World) {
    let place = w.place();
    let (mut ours, mut theirs) = place.meet(7);
    place.server.close();
    for _ in 0..5 {
        let server = w.server_named("server", &channel::Options::new());
        let at = listen(&server, &place.at);
        let connecting = connect(&place.client, &at, 7);
        let mut ours = server.accept_timeout(7, left()).unwrap();
        let mut theirs = connecting.join("the connect").unwrap();
        talk(&mut ours, &mut theirs);
        server.close();
    }
    // All the while the first one's channel lives.
    talk(&mut ours, &mut theirs);
}

pub(crate) fn b4_listening_can_be_ended_alone(w: &World) {
    let server = w.server_named("server", &channel::Options::new());
    let bound = server.listen(&w.subject.endpoint("server")).unwrap();
    let at = bound.endpoint().clone();
    let client = w.client_named("client");
    let connecting = connect(&client, &at, 7);
    let mut ours = server.accept_timeout(7, left()).unwrap();
    let mut theirs = connecting.join("the connect").unwrap();
    bound.close();
    let result = connect(&client, &at, 7).join("a connect to where nobody listens any more");
    assert!(result.is_err(), "somebody listens yet");
    talk(&mut ours, &mut theirs);
    // And begun again.
    let at = listen(&server, &at);
    let connecting = connect(&client, &at, 7);
    server.accept_timeout(7, left()).unwrap();
    connecting.join("the connect").unwrap();
}

pub(crate) fn b7_channels_are_listed(w: &World) {
    let place = w.place();
    assert!(place.server.channels().is_empty());
    let (mut ours, mut theirs) = place.meet(9);
    theirs.write_all(&bytes(1, 0, 1000)).unwrap();
    expect(ours.reader_mut(), 1, 0, 1000);
    ours.write_all(&bytes(2, 0, 10)).unwrap();
    expect(theirs.reader_mut(), 2, 0, 10);
    let [seen] = &place.server.channels()[..] else {
        panic!("one channel is open: {:?}", place.server.channels());
    };
    assert_eq!((&*seen.peer_name, seen.port), ("client", 9));
    assert_eq!(seen.state, State::Open);
    assert_eq!((seen.totals.read, seen.totals.written), (1000, 10), "bytes");
    let [seen] = &place.client.channels()[..] else {
        panic!("one channel is open: {:?}", place.client.channels());
    };
    assert_eq!((&*seen.peer_name, seen.port), ("server", 9));
    assert_eq!((seen.totals.read, seen.totals.written), (10, 1000), "bytes");
    drop((ours, theirs));
    assert!(place.server.channels().is_empty() && place.client.channels().is_empty());
}
