//! Buffers: each side asks for the one that it receives into, and a listener says how large one may be.

mod support;

use std::time::Duration;

use channel::{Broker, Channel, Domain, Endpoint, Options, WriteError};
use support::place;
use transport_shm::Shm;

/// For whatever is sure to happen, on a machine however busy.
const LIMIT: Duration = Duration::from_secs(60);

fn brokers(server: Options, client: Options) -> (Broker, Broker) {
    let [here, there] = [Domain::new(), Domain::new()];
    for domain in [&here, &there] {
        domain.add(Shm::new());
    }
    (
        here.broker_with("server", server).unwrap(),
        there.broker_with("client", client).unwrap(),
    )
}

fn meet(server: &Broker, client: &Broker, at: &Endpoint, port: u16) -> [Channel; 2] {
    let (client, at) = (client.clone(), at.clone());
    let connecting = std::thread::spawn(move || client.connect_at(&at, port, Some(LIMIT)).unwrap());
    let ours = server.accept_timeout(port, LIMIT).unwrap();
    [ours, connecting.join().unwrap()]
}

/// How much is taken before anybody reads.
fn room(channel: &mut Channel) -> usize {
    let mut taken = 0;
    loop {
        match channel.try_write(&[1; 3000]) {
            Ok(n) => taken += n,
            Err(WriteError::WouldBlock) => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

// shows C2
#[test]
fn each_side_has_the_buffer_that_it_asked_for() {
    let server = Options::new().with_capacity(500).with_port_capacity(7, 1);
    let client = Options::new().with_port_capacity(7, 1 << 17);
    let (server, client) = brokers(server, client);
    let at = place("server");
    let _bound = server.listen(&at).unwrap();
    for (port, ours, theirs) in [(7, 1, 1 << 17), (8, 512, 1 << 16)] {
        let [mut here, mut there] = meet(&server, &client, &at, port);
        assert_eq!((room(&mut there), room(&mut here)), (ours, theirs));
    }
}

// shows T2: the memory is the listener's.
#[test]
fn a_listener_makes_no_larger_buffer_than_it_says() {
    let (server, small) = brokers(Options::new(), Options::new().with_capacity(4096));
    let at = place("server").with_option("max-capacity", "4096").unwrap();
    let bound = server.listen(&at).unwrap();
    let [mut here, _there] = meet(&server, &small, &at, 7);
    assert_eq!(room(&mut here), 4096);
    let options = Options::new().with_capacity(4097);
    let refused = small.connect_at_with(&at, 7, &options, Some(LIMIT));
    let text = refused.unwrap_err().to_string();
    for part in ["refused", "8192 bytes", "at most 4096", "max-capacity"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(text.matches(at.authority()).count(), 1, "{text}");
    drop(bound);
}
