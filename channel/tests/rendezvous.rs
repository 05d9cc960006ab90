//! Accept and connect: both orders, lines, ports, limits of time.

mod support;

use std::thread;
use std::time::Duration;

use channel::{AcceptError, Broker, Channel, Domain, Options};
use support::thread_state::blocked;
use support::{Task, within};

fn brokers() -> (Broker, Broker) {
    let domain = Domain::new();
    let small = Options::new().with_capacity(64);
    (
        domain.broker_with("server", small.clone()).unwrap(),
        domain.broker_with("client", small).unwrap(),
    )
}

/// Tells the other end who this is, and asks who that is.
fn exchange(channel: &mut Channel, id: u64) -> Option<u64> {
    let _ = channel.write_all(&id.to_be_bytes());
    let mut other = [0; 8];
    channel.read_exact(&mut other).ok()?;
    Some(u64::from_be_bytes(other))
}

// shows B2: whichever comes first waits for the other.
#[test]
fn both_orders() {
    let (server, client) = brokers();
    let (waiting, connector) = (server.clone(), client.clone());
    let accept = blocked(move || waiting.accept(1).unwrap());
    let mut connected = connector.connect("server", 1).unwrap();
    let mut accepted = accept.returns();
    connected.write_all(b"a").unwrap();
    accepted.read_exact(&mut [0]).unwrap();

    let connect = blocked(move || connector.connect("server", 1).unwrap());
    let mut accepted = server.accept(1).unwrap();
    let mut connected = connect.returns();
    accepted.write_all(b"b").unwrap();
    connected.read_exact(&mut [0]).unwrap();
}

// shows B2: a broker may connect to itself.
#[test]
fn a_broker_meets_itself() {
    let (server, _) = brokers();
    let (mut a, mut b) = support::meet(&server, &server, 9);
    a.write_all(b"me").unwrap();
    b.read_exact(&mut [0; 2]).unwrap();
    assert_eq!(server.channels().len(), 2);
}

// shows B2: first come, first served, in both lines.
#[test]
fn first_come_first_served() {
    let (server, client) = brokers();
    // Acceptors wait: connectors come.
    let mut accepts: Vec<_> = (0..5).map(|_| Task::new(server.accept_async(1))).collect();
    assert!(accepts.iter_mut().all(|task| task.poll().is_pending()));
    for id in 0..5 {
        let mut connected = client.try_connect("server", 1).unwrap();
        connected.write_all(&[id]).unwrap();
        let mut accepted = accepts[id as usize].expect_ready("accept").unwrap();
        let mut got = [9];
        accepted.read_exact(&mut got).unwrap();
        assert_eq!(got, [id]);
    }
    // Connectors wait, one gives up: acceptors come.
    let mut connects: Vec<_> = (0..5)
        .map(|_| Task::new(client.connect_async("server", 1)))
        .collect();
    assert!(connects.iter_mut().all(|task| task.poll().is_pending()));
    drop(connects.remove(2));
    for (nth, connect) in connects.iter_mut().enumerate() {
        let mut accepted = server.try_accept(1).unwrap();
        accepted.write_all(&[nth as u8]).unwrap();
        let mut connected = connect.expect_ready("connect").unwrap();
        let mut got = [9];
        connected.read_exact(&mut got).unwrap();
        assert_eq!(got, [nth as u8]);
    }
    assert!(matches!(
        server.try_accept(1),
        Err(AcceptError::WouldBlock { port: 1, .. })
    ));
}

// shows B2: many ports, peers and threads at once, without interference.
#[test]
fn many_ports_without_interference() {
    within("many ports", || {
        let (server, client) = brokers();
        thread::scope(|scope| {
            for port in 0..8u16 {
                let (server, client) = (&server, &client);
                scope.spawn(move || {
                    for turn in 0..100 {
                        let mut channel = server.accept(port).unwrap();
                        let id = u64::from(port) << 32 | turn;
                        assert_eq!(exchange(&mut channel, id), Some(id));
                    }
                });
                scope.spawn(move || {
                    for turn in 0..100 {
                        let mut channel = client.connect("server", port).unwrap();
                        let id = u64::from(port) << 32 | turn;
                        assert_eq!(exchange(&mut channel, id), Some(id));
                    }
                });
            }
        });
    });
}

// shows B3: whoever gave up is met by nobody later.
#[test]
fn who_gave_up_leaves_nothing_behind() {
    within("gave up", || {
        let (server, client) = brokers();
        let short = Duration::from_millis(1);
        for _ in 0..3 {
            client.connect_timeout("server", 1, short).unwrap_err();
            client.try_connect("server", 1).unwrap_err();
            let mut connecting = Task::new(client.connect_async("server", 1));
            assert!(connecting.poll().is_pending());
            drop(connecting);
            server.try_accept(1).unwrap_err();
            server.accept_timeout(1, short).unwrap_err();
            let mut accepting = Task::new(server.accept_async(1));
            assert!(accepting.poll().is_pending());
            drop(accepting);
            let mut acceptor = server.acceptor(1);
            acceptor.try_accept().unwrap_err();
            drop(acceptor);
        }
        assert!(client.try_connect("server", 1).is_err());
        let mut connecting = Task::new(client.connect_async("server", 1));
        assert!(connecting.poll().is_pending());
        server.try_accept(1).unwrap();
        assert!(connecting.poll().is_ready());
    });
}

// shows B3: an acceptor keeps its place between calls, and gives it up when dropped.
#[test]
fn an_acceptor_keeps_its_place() {
    let (server, client) = brokers();
    let mut first = server.acceptor(1);
    first.try_accept().unwrap_err();
    let mut second = server.acceptor(1);
    second.try_accept().unwrap_err();
    // Matched with the first, though nobody asks it just now.
    let mut connected = client.try_connect("server", 1).unwrap();
    connected.write_all(b"hello").unwrap();
    second.try_accept().unwrap_err();
    // It gives up: the one who connected goes to the next.
    drop(first);
    let mut accepted = second.try_accept().unwrap();
    let mut buf = [0; 5];
    accepted.read_exact(&mut buf).unwrap();
    assert_eq!(
        (&buf, second.port(), second.broker().name()),
        (b"hello", 1, "server")
    );
    // And for ever, until the broker is closed.
    let mut third = Task::new(client.connect_async("server", 1));
    assert!(third.poll().is_pending());
    assert!(second.next().is_some());
    let closing = blocked(move || second.next().is_none());
    server.close();
    assert!(closing.returns());
}

// shows B3: a lost peer is not handed out: neither to who accepts nor to who connects.
#[test]
fn a_lost_peer_is_not_handed_out() {
    let (server, client) = brokers();
    let mut accepting = Task::new(server.accept_async(1));
    assert!(accepting.poll().is_pending());
    let lost = client.try_connect("server", 1).unwrap();
    lost.handle().abort();
    assert!(accepting.poll().is_pending(), "a lost one was handed out");
    let mut well = client.try_connect("server", 1).unwrap();
    let mut accepted = accepting.expect_ready("accept").unwrap();
    well.write_all(b"well").unwrap();
    accepted.read_exact(&mut [0; 4]).unwrap();

    let mut connecting = Task::new(client.connect_async("server", 1));
    assert!(connecting.poll().is_pending());
    server.try_accept(1).unwrap().handle().abort();
    assert!(connecting.poll().is_pending(), "a lost one was handed out");
    let _accepted = server.try_accept(1).unwrap();
    connecting.expect_ready("connect").unwrap();
}
