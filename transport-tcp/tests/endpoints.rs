//! One broker at several endpoints at once, and names that stand for addresses of both families.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::thread;

use channel::{Channel, Domain, Endpoint};
use support::{LIMIT, at, client, domain, eventually, listen, meet, talk};
use transport_tcp::Tcp;

fn has_ipv6() -> bool {
    let has = TcpListener::bind("[::1]:0").is_ok();
    if !has {
        support::say("skipped: this machine has no IPv6");
    }
    has
}

fn port(endpoint: &Endpoint) -> u16 {
    let (_, port) = endpoint.authority().rsplit_once(':').unwrap();
    port.parse().unwrap()
}

/// Connects, and waits until it has its place in the line.
fn connect(server: &channel::Broker, to: &Endpoint, before: usize) -> thread::JoinHandle<Channel> {
    let to = to.clone();
    let connecting = thread::spawn(move || client().connect_at(&to, 7, Some(LIMIT)).unwrap());
    eventually("it is in the line", || {
        server.waiting(7).connectors == before + 1
    });
    connecting
}

// shows T3, B2: port 0 tells which, at each; all who come stand in one line.
#[test]
fn one_broker_at_several_endpoints() {
    let server = domain().broker("server").unwrap();
    let mut places = vec![
        "tcp://127.0.0.1:0/server",
        "tcp://127.0.0.1:0",
        "tcp://localhost:0/server?keepalive=5",
    ];
    places.extend(has_ipv6().then_some("tcp://[::1]:0/server"));
    let bounds: Vec<_> = places
        .iter()
        .map(|place| server.listen(&at(place)).unwrap())
        .collect();
    assert!(bounds.iter().all(|bound| port(bound.endpoint()) != 0));

    // Backwards, so that the order of the endpoints does not count.
    let waiting: Vec<_> = bounds
        .iter()
        .rev()
        .enumerate()
        .map(|(before, bound)| connect(&server, bound.endpoint(), before))
        .collect();
    for connecting in waiting {
        let mut ours = server.accept_timeout(7, LIMIT).unwrap();
        talk(&mut ours, &mut connecting.join().unwrap());
    }

    // One of them ends; the others go on.
    bounds[0].close();
    let gone = client().connect_at(bounds[0].endpoint(), 7, Some(LIMIT));
    assert!(gone.is_err());
    for bound in &bounds[1..] {
        let (mut ours, mut theirs) = meet(&server, bound.endpoint(), 7);
        talk(&mut ours, &mut theirs);
    }
}

// shows T3, T6: plain services beside it, each for its own port of the broker.
#[test]
fn plain_endpoints_beside() {
    let server = domain().broker("server").unwrap();
    let bound = server.listen(&at("tcp://127.0.0.1:0/server")).unwrap();
    let plain = |number: u16| {
        let place = format!("tcp+plain://127.0.0.1:0?port={number}");
        server.listen(&at(&place)).unwrap().endpoint().clone()
    };
    let services = [(7, plain(7)), (8, plain(8)), (7, bound.endpoint().clone())];
    for (number, to) in services {
        let (mut ours, mut theirs) = meet(&server, &to, number);
        talk(&mut ours, &mut theirs);
        assert_eq!(ours.handle().port(), number);
    }
}

// shows T3: one number at both families.
#[test]
fn the_same_port_number_at_both_families() {
    if !has_ipv6() {
        return;
    }
    let server = domain().broker("server").unwrap();
    // Somebody else may have the number at the other family.
    let mut found = None;
    eventually("a number is free at both", || {
        let four = server.listen(&at("tcp://127.0.0.1:0/server")).unwrap();
        let place = format!("tcp://[::1]:{}/server", port(four.endpoint()));
        match server.listen(&at(&place)) {
            Ok(six) => found = Some((four, six)),
            Err(_) => four.close(),
        }
        found.is_some()
    });
    let (four, six) = found.unwrap();
    for bound in [four, six] {
        let (mut ours, mut theirs) = meet(&server, bound.endpoint(), 7);
        talk(&mut ours, &mut theirs);
    }
}

/// A domain in which the name `box` has these addresses.
fn with_box(addresses: impl IntoIterator<Item = SocketAddr>) -> Domain {
    let addresses: Vec<_> = addresses.into_iter().collect();
    let domain = Domain::new();
    domain.add(Tcp::with_lookup(move |host, _| {
        assert_eq!(host, "box");
        Ok(addresses.clone())
    }));
    domain
}

// shows T3: of a name with addresses of both families, the one that answers is found.
#[test]
fn a_name_with_addresses_of_both_families() {
    if !has_ipv6() {
        return;
    }
    for (alive, dead) in [("127.0.0.1:0", "[::1]:0"), ("[::1]:0", "127.0.0.1:0")] {
        let (server, bound) = listen(&format!("tcp://{alive}/server"));
        let gone = TcpListener::bind(dead).unwrap().local_addr().unwrap();
        let domain = with_box([gone, bound.authority().parse().unwrap()]);
        let client = domain.broker("client").unwrap();
        let connecting =
            thread::spawn(move || client.connect_at(&at("tcp://box:7000"), 7, Some(LIMIT)));
        let mut ours = server.accept_timeout(7, LIMIT).unwrap();
        talk(&mut ours, &mut connecting.join().unwrap().unwrap());
    }
}

// shows T3: a listener takes the first address of a name that is this machine's.
#[test]
fn listening_at_a_name_with_several_addresses() {
    // The first is of the range for documentation: nobody has it.
    let addresses = ["192.0.2.1:0", "127.0.0.1:0"].map(|text| text.parse().unwrap());
    let server = with_box(addresses).broker("server").unwrap();
    let bound = server.listen(&at("tcp://box:0/server")).unwrap();
    let port = port(bound.endpoint());
    assert_eq!(bound.endpoint().authority(), format!("box:{port}"));
    let to = at(&format!("tcp://127.0.0.1:{port}/server"));
    let (mut ours, mut theirs) = meet(&server, &to, 7);
    talk(&mut ours, &mut theirs);
}
