//! C6, M7: an orderly end, a reset, and a process that was killed are told apart, idle and in the middle of
//! a message. (`vanished` has the fourth way to go.) The other end speaks our protocol by hand.

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use channel::wire::record::encode_data;
use channel::{Channel, ReadError, Receipt, State, WriteError};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};
use support::{LIMIT, at, client, eventually, foreign, listen};
use transport_testkit::process::{given, start, tell, wait_for_word};

/// The beginning of a message of 100 bytes, and what is said of it.
const HALF: [u8; 7] = [0, 0, 0, 100, 1, 2, 3];
const CUT: Truncated = Truncated::Message {
    expected: 100,
    received: 3,
};

/// Once with our end as the acceptor, once as the connector.
fn both(test: impl Fn(Channel, TcpStream)) {
    let (server, at_) = listen("tcp://127.0.0.1:0/server");
    let mut stream = foreign::wait_at(&at_, 7);
    let going = thread::spawn(move || {
        foreign::go(&mut stream);
        stream
    });
    let channel = server.accept_timeout(7, LIMIT).unwrap();
    test(channel, going.join().unwrap());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = at(&format!("tcp://{}", listener.local_addr().unwrap()));
    let accepting = thread::spawn(move || foreign::accept(&listener));
    let channel = client().connect_at(&to, 7, Some(LIMIT)).unwrap();
    test(channel, accepting.join().unwrap());
}

fn expect_lost(mut channel: Channel) {
    for _ in 0..2 {
        let error = channel.read_timeout(&mut [0; 8], LIMIT).unwrap_err();
        assert!(matches!(error, ReadError::PeerLost(_)), "{error}");
    }
    assert_eq!(channel.info().state, State::PeerLost);
    let error = channel.write_timeout(b"x", LIMIT).unwrap_err();
    assert!(matches!(error, WriteError::PeerLost(_)), "{error}");
    assert_eq!(channel.close(), Receipt::Unknown);
}

/// A queue in which `HALF` has arrived.
fn half_arrived(queue: &MessageQueue) {
    eventually("half a message is there", || {
        assert!(queue.try_receive().is_err());
        queue.handle().totals().read == HALF.len() as u64
    });
}

fn expect_truncated(queue: &MessageQueue) {
    let error = queue.receive_timeout(LIMIT).unwrap_err();
    assert!(matches!(error, ReceiveError::Truncated(CUT)), "{error}");
}

fn expect_truncated_and_lost(queue: &MessageQueue) {
    expect_truncated(queue);
    let error = queue.receive_timeout(LIMIT).unwrap_err();
    assert!(matches!(error, ReceiveError::PeerLost(_)), "{error}");
}

// shows C6
#[test]
fn an_orderly_end() {
    both(|mut channel, mut stream| {
        channel.write_all(b"hello").unwrap();
        std::io::Read::read_exact(&mut stream, &mut [0; 9]).unwrap();
        foreign::send(&mut stream, b"last words");
        foreign::end(&mut stream, 10, 5);
        drop(stream);
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut channel, &mut all).unwrap();
        assert_eq!(all, b"last words");
        let error = channel.write_timeout(b"x", LIMIT).unwrap_err();
        assert!(matches!(error, WriteError::PeerClosed), "{error}");
        assert_eq!(channel.close(), Receipt::Complete);
    });
}

// shows C6, M7
#[test]
fn an_orderly_end_in_the_middle_of_a_message() {
    both(|channel, mut stream| {
        foreign::send(&mut stream, &HALF);
        foreign::end(&mut stream, HALF.len() as u64, 0);
        drop(stream);
        let queue = MessageQueue::new(channel);
        expect_truncated(&queue);
        let error = queue.receive_timeout(LIMIT).unwrap_err();
        assert!(matches!(error, ReceiveError::PeerClosed), "{error}");
    });
}

// shows C6: a reset, and the end of a stream that has not said its last word.
#[test]
fn a_lost_peer() {
    for end in [foreign::reset, drop] {
        both(|channel, stream| {
            end(stream);
            expect_lost(channel);
        });
        // A call that is blocked hears of it, too.
        both(|mut channel, stream| {
            let reading = thread::spawn(move || {
                let result = channel.read_timeout(&mut [0; 8], LIMIT);
                assert!(matches!(result, Err(ReadError::PeerLost(_))), "{result:?}");
                channel
            });
            end(stream);
            expect_lost(reading.join().unwrap());
        });
    }
}

// shows C6, M7
#[test]
fn a_lost_peer_in_the_middle_of_a_message() {
    for end in [foreign::reset, drop] {
        both(|channel, mut stream| {
            foreign::send(&mut stream, &HALF);
            let queue = MessageQueue::new(channel);
            half_arrived(&queue);
            end(stream);
            expect_truncated_and_lost(&queue);
        });
    }
}

// shows C6, M7: also where the peer had promised more in the same record.
#[test]
fn a_lost_peer_in_the_middle_of_a_record() {
    for end in [foreign::reset, drop] {
        both(|channel, mut stream| {
            stream.write_all(&encode_data(1000)).unwrap();
            stream.write_all(&HALF).unwrap();
            let queue = MessageQueue::new(channel);
            half_arrived(&queue);
            end(stream);
            expect_truncated_and_lost(&queue);
        });
    }
}

// shows C6: what has arrived is read first, whoever has heard of the loss before.
#[test]
#[cfg(target_os = "linux")]
fn what_arrived_before_a_reset() {
    for ask_first in [false, true] {
        both(|mut channel, mut stream| {
            foreign::send(&mut stream, b"last words");
            let length = 10 + channel::wire::record::HEADER_LEN as u32;
            eventually("it has arrived", || {
                support::kernel::unread_by_peer_of(&stream) == length
            });
            foreign::reset(stream);
            let handle = channel.handle();
            if ask_first {
                eventually("the handle knows", || {
                    handle.info().state == State::PeerLost
                });
            }
            let mut all = [0; 10];
            channel.read_exact_timeout(&mut all, LIMIT).unwrap();
            assert_eq!(&all, b"last words");
            expect_lost(channel);
        });
    }
}

/// The life of a process that connects, sends, says so, and is killed.
#[test]
fn a_doomed_process() {
    let Some(given) = given() else { return };
    let (to, sends) = given.split_once(' ').unwrap();
    let mut channel = client().connect_at(&at(to), 7, Some(LIMIT)).unwrap();
    channel.write_all(&HALF[..sends.parse().unwrap()]).unwrap();
    tell("sent");
    wait_for_word();
}

/// A channel to a process that sends this much of half a message, and is killed then by `kill`.
fn doomed(place: &str, sends: usize) -> (Channel, impl FnOnce()) {
    let (server, at) = listen(place);
    let mut process = start("a_doomed_process", &format!("{at} {sends}"));
    let channel = server.accept_timeout(7, LIMIT).unwrap();
    assert_eq!(process.hear(), "sent");
    (channel, move || process.kill())
}

// shows C6, M7: the kernel ends the stream of a killed process as if it were an orderly end.
#[test]
fn a_killed_process() {
    let (channel, kill) = doomed("tcp://127.0.0.1:0/server", 0);
    kill();
    expect_lost(channel);

    let (channel, kill) = doomed("tcp://127.0.0.1:0/server", HALF.len());
    let queue = MessageQueue::new(channel);
    half_arrived(&queue);
    kill();
    expect_truncated_and_lost(&queue);
}

// shows T6: and without records, that is what it is taken for. A message's length still tells.
#[test]
fn a_killed_process_at_a_plain_endpoint() {
    let (mut channel, kill) = doomed("tcp+plain://127.0.0.1:0?port=7", 0);
    kill();
    assert_eq!(channel.read_timeout(&mut [0; 8], LIMIT).unwrap(), 0);

    let (channel, kill) = doomed("tcp+plain://127.0.0.1:0?port=7", HALF.len());
    let queue = MessageQueue::new(channel);
    kill();
    expect_truncated(&queue);
    let error = queue.receive_timeout(LIMIT).unwrap_err();
    assert!(matches!(error, ReceiveError::PeerClosed), "{error}");
}
