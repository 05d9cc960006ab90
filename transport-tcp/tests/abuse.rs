//! Strangers and bad peers: what they do costs them their own connection and nobody else anything.
//! `scripts/abuse` does the same at full size, and prints figures.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use channel::wire::hello::{
    HEAD_LEN, Hello, HelloDecoder, MAGIC, Message, Refusal, Refused, Role, Step, Version,
};
use channel::{Broker, Channel, ConnectError, Endpoint, Options, WriteError};
use message_queue::codec::Truncated;
use message_queue::{MessageQueue, ReceiveError};
use support::foreign::{dial, go, reset, send, wait_at};
use support::{LIMIT, at, client, domain, eventually, listen, meet, pattern, place, talk};
use transport_testkit::Leaks;

/// All count what the process holds, or what comes at what time: one at a time.
#[test]
fn abuse() {
    garbage_while_an_honest_client_works();
    a_slow_hello_is_dropped_at_the_deadline();
    an_oversized_hello();
    a_broker_that_does_not_exist();
    resets_in_the_middle_of_messages();
    half_closed();
    a_peer_that_never_reads();
}

fn hello(broker: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let hello = Message::Hello(Hello::new(broker, 7));
    hello.encode(&mut bytes).unwrap();
    bytes
}

/// Reads until the far side ends the connection, in whatever way.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it is kept"),
        _ => bytes,
    }
}

fn refusal(bytes: &[u8]) -> Refused {
    match HelloDecoder::new(Role::Connector).feed(bytes).unwrap() {
        Step::Message {
            message: Message::Refused(refused),
            ..
        } => refused,
        other => panic!("{other:?} of {bytes:?}"),
    }
}

/// A stranger's first bytes, of many kinds.
fn garbage(number: usize) -> Vec<u8> {
    let head = |version: u8, kind: u8, length: u16| {
        let length = length.to_be_bytes();
        [&MAGIC[..], &[version, kind], &length].concat()
    };
    let current = Version::CURRENT.byte();
    match number % 8 {
        0 => pattern(64 + number),
        1 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        3 => head(0xF0, 1, 4),
        4 => head(current, 4, 0),
        5 => head(current, 99, 12),
        6 => [head(current, 1, 12), vec![0xFF; 12]].concat(),
        _ => hello("server")[..HEAD_LEN + 3].to_vec(),
    }
}

/// Has the thread start that closes connections in the background: it is made once, and no leak.
fn one_that_closes_in_the_background() {
    let (server, place) = listen("tcp+plain://127.0.0.1:0?port=7");
    let stream = dial(&place);
    let mut channel = server.accept_timeout(7, LIMIT).unwrap();
    channel.write_all(b"last words").unwrap();
    drop(channel);
    // It has left, and waits for the end of the other side.
    assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    drop(stream);
}

// shows T3: garbage hellos, while an honest client works and others come.
fn garbage_while_an_honest_client_works() {
    let (server, place) = listen("tcp://127.0.0.1:0/server");
    let (mut ours, mut theirs) = meet(&server, &place, 7);
    talk(&mut ours, &mut theirs);
    one_that_closes_in_the_background();
    let before = Leaks::snapshot();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        let working = scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                talk(&mut ours, &mut theirs);
            }
        });
        for number in 0..200 {
            let mut stream = dial(&place);
            // It may have been thrown out before the last byte.
            let _ = stream.write_all(&garbage(number));
            match number % 3 {
                0 => drop(stream),
                1 => reset(stream),
                _ => {
                    // One that is not finished is waited for, until it ends its stream.
                    let _ = stream.shutdown(Shutdown::Write);
                    rest(stream);
                }
            }
            if number % 50 == 0 {
                let (mut ours, mut theirs) = meet(&server, &place, 7);
                talk(&mut ours, &mut theirs);
            }
        }
        over.store(true, Ordering::Relaxed);
        working.join().unwrap();
    });
    assert_eq!(server.waiting(7).connectors, 0);
    before.check_within(LIMIT).unwrap();
}

// shows T3: a hello that comes byte by byte, and never to its end.
fn a_slow_hello_is_dropped_at_the_deadline() {
    // Honest ones may have to wait for their turn on a busy machine, too.
    let deadline = Duration::from_secs(1);
    let options = Options::new().with_hello_deadline(deadline);
    let server = domain().broker_with("server", options).unwrap();
    let bound = server.listen(&at("tcp://127.0.0.1:0/server")).unwrap();
    let bytes = hello(&"x".repeat(255));
    let strangers: Vec<_> = (0..4)
        .map(|_| {
            let begun = Instant::now();
            let (mut stream, bytes) = (dial(bound.endpoint()), bytes.clone());
            thread::spawn(move || {
                stream.set_read_timeout(Some(deadline / 40)).unwrap();
                for byte in bytes.chunks(1).chain(std::iter::repeat(&[][..])) {
                    let _ = stream.write_all(byte);
                    match stream.read(&mut [0; 256]) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Ok(n) if n > 0 => {}
                        _ => return begun.elapsed(),
                    }
                    assert!(begun.elapsed() < LIMIT, "it is kept");
                }
                unreachable!("bytes for ever");
            })
        })
        .collect();
    let (mut ours, mut theirs) = meet(&server, bound.endpoint(), 7);
    for stranger in strangers {
        talk(&mut ours, &mut theirs);
        let lasted = stranger.join().unwrap();
        assert!(lasted >= deadline, "dropped after {lasted:?} already");
    }
    talk(&mut ours, &mut theirs);
}

// shows T3: too long a hello is refused by its head; nobody waits for the rest.
fn an_oversized_hello() {
    let (server, place) = listen("tcp://127.0.0.1:0/server");
    let mut stream = dial(&place);
    let version = Version::CURRENT.byte();
    let head = [&MAGIC[..], &[version, 1, 0xFF, 0xFF]].concat();
    stream.write_all(&head).unwrap();
    assert_eq!(refusal(&rest(stream)).reason, Refusal::Limit);
    let (mut ours, mut theirs) = meet(&server, &place, 7);
    talk(&mut ours, &mut theirs);
}

// shows B3, T3: whoever asks for another broker hears so, by the bytes and by the error.
fn a_broker_that_does_not_exist() {
    let (_server, place) = listen("tcp://127.0.0.1:0/server");
    let mut stream = dial(&place);
    stream.write_all(&hello("nobody")).unwrap();
    assert_eq!(refusal(&rest(stream)).reason, Refusal::NoSuchBroker);
    let other = place.with_broker("nobody").unwrap();
    let error = client().connect_at(&other, 7, Some(LIMIT)).unwrap_err();
    let no_such = matches!(error, ConnectError::NoSuchBroker { .. });
    assert!(no_such, "{error:?}");
}

/// A channel whose far end is written by hand.
fn by_hand(server: &Broker, place: &Endpoint) -> (Channel, TcpStream) {
    let mut stream = wait_at(place, 7);
    let going = thread::spawn(move || {
        go(&mut stream);
        stream
    });
    let channel = server.accept_timeout(7, LIMIT).unwrap();
    (channel, going.join().unwrap())
}

// shows M7, C6: nothing of a message that a reset cut short is taken for one.
fn resets_in_the_middle_of_messages() {
    let (server, place) = listen("tcp://127.0.0.1:0/server");
    let (mut ours, mut theirs) = meet(&server, &place, 7);
    for received in [1, 40, 99] {
        let (channel, mut stream) = by_hand(&server, &place);
        let queue = MessageQueue::new(channel);
        let message = [&100u32.to_be_bytes()[..], &[7; 100]].concat();
        send(&mut stream, &message[..4 + received]);
        // The bytes must have arrived: a reset may throw away what is on its way.
        eventually("all that was sent is there", || {
            assert!(queue.try_receive().is_err());
            queue.handle().totals().read == 4 + received as u64
        });
        reset(stream);
        let error = queue.receive_timeout(LIMIT).unwrap_err();
        let ReceiveError::Truncated(Truncated::Message {
            expected,
            received: had,
        }) = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((expected, had), (100, received));
        talk(&mut ours, &mut theirs);
    }
}

// shows C5, T6: a stranger that ends its stream still gets all that it asked for.
fn half_closed() {
    let (server, place) = listen("tcp+plain://127.0.0.1:0?port=7");
    let mut stream = dial(&place);
    stream.write_all(b"everything").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut channel = server.accept_timeout(7, LIMIT).unwrap();
    let mut question = Vec::new();
    Read::read_to_end(&mut channel, &mut question).unwrap();
    assert_eq!(question, b"everything");
    let answer = pattern(1 << 20);
    let answering = thread::spawn(move || {
        channel.write_all_timeout(&pattern(1 << 20), LIMIT).unwrap();
    });
    assert_eq!(rest(stream), answer);
    answering.join().unwrap();
}

// shows C1, T3: who never reads stalls its own channel alone, and holds no more than the kernel's buffers
// and ours.
fn a_peer_that_never_reads() {
    const MOST: usize = 4 << 20;
    let server = domain().broker("server").unwrap();
    let bound = server.listen(&place("server")).unwrap();
    let (mut ours, mut theirs) = meet(&server, bound.endpoint(), 7);
    let (mut stalled, stream) = by_hand(&server, bound.endpoint());
    let chunk = vec![7; 64 << 10];
    let mut taken = 0;
    loop {
        match stalled.write_timeout(&chunk, Duration::from_millis(200)) {
            Ok(n) => taken += n,
            Err(WriteError::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(taken < MOST, "{taken} bytes, and nobody reads");
    }
    // While one thread is blocked there, others go on.
    let handle = stalled.handle();
    let blocked = thread::spawn(move || stalled.write_all_timeout(&chunk, LIMIT));
    for _ in 0..100 {
        talk(&mut ours, &mut theirs);
    }
    let (mut ours, mut theirs) = meet(&server, bound.endpoint(), 7);
    talk(&mut ours, &mut theirs);
    handle.abort();
    assert!(blocked.join().unwrap().is_err());
    drop(stream);
}
