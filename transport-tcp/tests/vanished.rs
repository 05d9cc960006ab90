//! C6, T3: a host that vanishes without a word. Two network namespaces, and a cable that is pulled.
#![cfg(target_os = "linux")]

mod support;

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use channel::{AcceptError, Broker, Channel, ConnectError, Endpoint, ReadError, Receipt};
use channel::{State, WriteError};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};
use support::cable::{Cable, FAR, with_cable};
use support::kernel::connections;
use support::{LIMIT, at, client, eventually, listen, meet, pattern, say, talk};
use transport_tcp::{Failure, Failures};

/// Three seconds of silence, and the peer is lost.
const QUICK: &str = "?keepalive=1&keepalive-interval=1&keepalive-count=2";

/// What has come of a message of 100 bytes below.
const HALF: Truncated = Truncated::Message {
    expected: 100,
    received: 3,
};

/// The connections below are lost after so many seconds at most, but for the slowness of a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn listen_far(cable: &Cable, options: &str) -> (Broker, Endpoint) {
    let (server, at) = cable.on_far(|| listen(&format!("tcp://{FAR}:0/server{options}")));
    assert!(at.authority().starts_with(FAR), "{at}");
    (server, at)
}

/// Whether no connection of this machine has bytes under way.
fn all_acknowledged() -> bool {
    connections().iter().all(|one| one.unacknowledged == 0)
}

fn expect_lost(mut channel: Channel) {
    let error = channel.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
    assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    assert_eq!(channel.info().state, State::PeerLost);
    let error = channel.write_timeout(b"x", LIMIT).unwrap_err();
    assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
    assert_eq!(channel.close(), Receipt::Unknown);
}

/// Everything that can be under way when `vanish` makes the far machine silent.
fn all_is_lost(test: &str, cable: &Cable, vanish: impl Fn(&Cable)) {
    let (server, at) = listen_far(cable, QUICK);
    let no_keepalive = at.clone().with_option("keepalive", "0").unwrap();
    let impatient = no_keepalive.with_option("user-timeout", "1500").unwrap();

    let (mut far_idle, mut idle) = meet(&server, &at, 7);
    talk(&mut far_idle, &mut idle);

    let (mut far_half, half) = meet(&server, &at, 7);
    let half = MessageQueue::new(half);
    far_half
        .write_all(&[0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 100, 1, 2, 3])
        .unwrap();
    assert_eq!(half.receive_timeout(LIMIT).unwrap(), [1, 2, 3]);
    eventually("half a message is there", || {
        assert!(half.try_receive().is_err());
        half.handle().totals().read == 14
    });

    let (mut far_awaited, mut awaited) = meet(&server, &at, 7);
    talk(&mut far_awaited, &mut awaited);
    let (mut far_closing, mut closing) = meet(&server, &impatient, 7);
    talk(&mut far_closing, &mut closing);

    let waiting = thread::spawn({
        let at = at.clone();
        move || client().connect_at(&at, 9, Some(LIMIT)).unwrap_err()
    });
    eventually("a connector waits", || server.waiting(9).connectors == 1);
    // Keep-alive is for those that have nothing under way.
    eventually("all is acknowledged", || {
        all_acknowledged() && cable.on_far(all_acknowledged)
    });

    let (mut far_flow, flow) = meet(&server, &impatient, 7);
    let (flow_handle, far_handle) = (flow.handle(), far_flow.handle());
    let draining = thread::spawn(move || {
        let mut buf = vec![0; 1 << 16];
        loop {
            if let Err(error) = far_flow.read_timeout(&mut buf, LIMIT) {
                return error;
            }
        }
    });
    let (flow_reader, mut flow_writer) = flow.split();
    let writing = thread::spawn(move || {
        loop {
            if let Err(error) = flow_writer.write_timeout(&[7; 4096], LIMIT) {
                return error;
            }
        }
    });
    eventually("bytes flow", || far_handle.totals().read > 1 << 20);

    vanish(cable);
    let since = Instant::now();
    let awaiting = thread::spawn(move || awaited.handle().receipt());
    let closing = thread::spawn(move || closing.close());

    let error = writing.join().unwrap();
    assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
    assert_eq!(flow_handle.info().state, State::PeerLost);
    drop(flow_reader);
    assert_eq!(closing.join().unwrap(), Receipt::Unknown);
    assert_eq!(awaiting.join().unwrap(), Receipt::Unknown);
    let error = half.receive_timeout(LIMIT).unwrap_err();
    assert!(matches!(error, ReceiveError::Truncated(HALF)), "{error}");
    let error = half.receive_timeout(LIMIT).unwrap_err();
    assert!(matches!(error, ReceiveError::PeerLost(_)), "{error}");
    let error = waiting.join().unwrap();
    assert!(matches!(error, ConnectError::Lost { .. }), "{error}");
    assert!(error.to_string().contains(at.authority()), "{error}");
    expect_lost(idle);

    // The far machine's view: it is this one that has vanished.
    expect_lost(far_idle);
    let error = draining.join().unwrap();
    assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    // shows B3: nobody is handed the connector that is gone.
    eventually("no connector waits", || server.waiting(9).connectors == 0);
    let error = server.accept_timeout(9, Duration::ZERO).unwrap_err();
    assert!(matches!(error, AcceptError::TimedOut { .. }), "{error}");

    let took = since.elapsed();
    assert!(took < SOON, "known after {took:?} only");
    drop((far_half, far_awaited, far_closing));
    say(&format!(
        "RAN: {test}: everything was lost after {took:.1?}"
    ));
}

// shows C6, C9, T3, M7
#[test]
fn a_cable_is_pulled() {
    let test = "a_cable_is_pulled";
    with_cable(test, |cable| all_is_lost(test, cable, Cable::pull));
}

// shows C6, C9, T3, M7: the near machine's network is well, so that it hears nothing but silence.
#[test]
fn a_machine_falls_silent() {
    let test = "a_machine_falls_silent";
    with_cable(test, |cable| all_is_lost(test, cable, Cable::silence_far));
}

// shows B3: one that is gone, and that nothing has found yet, holds up those behind it for a moment only.
#[test]
fn a_line_behind_a_vanished_connector() {
    let test = "a_line_behind_a_vanished_connector";
    with_cable(test, |cable| {
        let (server, at) = listen_far(cable, "?keepalive=0");
        let near = client();
        let waiting = thread::spawn({
            let (near, at) = (near.clone(), at.clone());
            move || near.connect_at(&at, 7, None).unwrap_err()
        });
        eventually("a connector waits", || server.waiting(7).connectors == 1);
        cable.silence_far();
        // An acceptor, and a connector of its own machine.
        let (mut ours, mut theirs) = cable.on_far(|| meet(&server, &at, 7));
        talk(&mut ours, &mut theirs);
        near.close();
        let error = waiting.join().unwrap();
        assert!(matches!(error, ConnectError::Closed { .. }), "{error}");
        say(&format!("RAN: {test}"));
    });
}

fn failure(text: &str) -> (ErrorKind, Failure, String) {
    let error = client().connect_at(&at(text), 7, Some(LIMIT)).unwrap_err();
    let failures = Failures::of(&error).unwrap_or_else(|| panic!("{error}"));
    let [failure] = failures.all() else {
        panic!("{error}")
    };
    (error.kind(), failure.clone(), error.to_string())
}

// shows T3: what a connect says about hosts that are not there, with the address that was tried.
#[test]
fn connects_to_hosts_that_are_gone() {
    let test = "connects_to_hosts_that_are_gone";
    with_cable(test, |cable| {
        let (server, at) = listen_far(cable, "");
        let (mut ours, mut theirs) = meet(&server, &at, 7);
        talk(&mut ours, &mut theirs);
        let at = at.with_option("connect-timeout", "300").unwrap();
        let place = at.authority();

        // No way there, as this machine knows.
        let (kind, failure_, text) = failure("tcp://10.99.0.1:7000");
        assert!(matches!(failure_, Failure::Unreachable { .. }), "{text}");
        assert_eq!(kind, ErrorKind::HostUnreachable);
        assert!(text.contains("10.99.0.1:7000 is unreachable"), "{text}");

        // There is nobody to pass it on to, which the system finds after some seconds.
        let gone = "10.77.0.99:7000";
        let (_, failure_, text) = failure(&format!("tcp://{gone}"));
        assert!(matches!(failure_, Failure::Unreachable { .. }), "{text}");
        assert!(text.contains(&format!("{gone} is unreachable")), "{text}");

        // Nobody answers.
        cable.silence_far();
        let (kind, failure_, text) = failure(&at.to_string());
        assert!(matches!(failure_, Failure::TimedOut { .. }), "{text}");
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(text.contains(&format!("{place} did not answer")), "{text}");
        cable.pull();
        let (_, failure_, text) = failure(&at.to_string());
        // A machine that is busy may take so long that the system has come to the same end first.
        let known = matches!(
            failure_,
            Failure::TimedOut { .. } | Failure::Unreachable { .. }
        );
        assert!(known, "{text}");
        assert!(text.contains(place), "{text}");
        say(&format!("RAN: {test}"));
    });
}

// shows C1, C9: a host that comes back before it is given up has lost nothing.
#[test]
fn a_cable_is_plugged_in_again() {
    let test = "a_cable_is_plugged_in_again";
    with_cable(test, |cable| {
        let (server, at) = listen_far(
            cable,
            "?keepalive=1&keepalive-interval=1&keepalive-count=60",
        );
        let at = at.with_option("user-timeout", "60000").unwrap();
        let (far, near) = meet(&server, &at, 7);
        let (mut far_reader, mut far_writer) = far.split();
        let (mut near_reader, mut near_writer) = near.split();
        let data = pattern(4 << 20);
        cable.pull();
        let (there, back) = (data.clone(), data.clone());
        let writing = thread::spawn(move || {
            near_writer.write_all_timeout(&there, LIMIT).unwrap();
            near_writer
        });
        let writing_far = thread::spawn(move || {
            far_writer.write_all_timeout(&back, LIMIT).unwrap();
            far_writer
        });
        eventually("the cable has cost something", || {
            connections().iter().any(|one| one.sent_again > 0)
        });
        assert!(matches!(
            near_reader.try_read(&mut [0]),
            Err(ReadError::WouldBlock)
        ));
        cable.plug();
        let expected = data.clone();
        let reading = thread::spawn(move || {
            let mut all = vec![0; expected.len()];
            far_reader.read_exact_timeout(&mut all, LIMIT).unwrap();
            assert!(all == expected);
            far_reader
        });
        let mut all = vec![0; data.len()];
        near_reader.read_exact_timeout(&mut all, LIMIT).unwrap();
        assert!(all == data);
        let far_reader = reading.join().unwrap();
        let near = Channel::unsplit(near_reader, writing.join().unwrap()).unwrap();
        let far = Channel::unsplit(far_reader, writing_far.join().unwrap()).unwrap();
        drop(far);
        assert_eq!(near.close_timeout(LIMIT), Receipt::Complete);
        say(&format!("RAN: {test}"));
    });
}
