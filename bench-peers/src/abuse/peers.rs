//! Peers that misbehave one at a time.

use super::{ECHO, FULL, Honest, Latencies, OURS};
use crate::crowd::{Usage, Watched};
use crate::sockets::broker;
use channel::wire::hello::{Hello, HelloDecoder, MAGIC, Message, Refusal, Role, Step, Version};
use channel::wire::record::encode_data;
use channel::{Broker, Endpoint};
use message_queue::{MessageQueue, ReceiveError};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn hello(broker: &str, port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let hello = Message::Hello(Hello::new(broker, port));
    hello.encode(&mut bytes).expect("short names");
    bytes
}

fn dial(at: &Endpoint) -> TcpStream {
    let stream = TcpStream::connect(at.authority()).expect("the server listens");
    let limit = Some(Duration::from_secs(60));
    stream.set_read_timeout(limit).expect("a socket");
    stream
}

/// What became of hellos that come at a byte a second.
pub struct Slow {
    /// When the first and the last of them was dropped.
    pub dropped: [Duration; 2],
    /// What an honest client waited meanwhile.
    pub honest: Latencies,
}

/// `count` strangers send a hello at a byte a second, until they are dropped.
pub fn slow_hellos(count: usize) -> Slow {
    let server = Watched::start(OURS);
    let at: Endpoint = server.at.parse().expect("an endpoint");
    let honest = Honest::start(OURS, &server.at);
    let begun = Instant::now();
    let mut strangers: Vec<_> = (0..count).map(|_| Some(dial(&at))).collect();
    for stream in strangers.iter().flatten() {
        stream.set_nonblocking(true).expect("a socket");
    }
    let bytes = hello(&"x".repeat(255), ECHO);
    let mut sent = 0;
    let mut dropped = Vec::new();
    while dropped.len() < count {
        let elapsed = begun.elapsed();
        assert!(
            elapsed < Duration::from_secs(120),
            "hellos are kept for ever"
        );
        let byte = (elapsed.as_secs() as usize >= sent).then(|| &bytes[sent..sent + 1]);
        sent += byte.map_or(0, <[u8]>::len);
        for slot in &mut strangers {
            let Some(stream) = slot else { continue };
            if let Some(byte) = byte {
                // It may have been dropped.
                let _ = stream.write_all(byte);
            }
            match stream.read(&mut [0; 64]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(n) if n > 0 => {}
                _ => {
                    dropped.push(begun.elapsed());
                    *slot = None;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Slow {
        dropped: [dropped[0], dropped[count - 1]],
        honest: honest.stop(),
    }
}

/// `count` times each: too long a hello, and one for a broker that does not exist. Each must be told why;
/// how long it took for one of either.
pub fn refusals(count: usize) -> [Duration; 2] {
    let server = Watched::start(OURS);
    let at: Endpoint = server.at.parse().expect("an endpoint");
    let long = [&MAGIC[..], &[Version::CURRENT.byte(), 1, 0xFF, 0xFF]].concat();
    let cases = [
        (long, Refusal::Limit),
        (hello("nobody", ECHO), Refusal::NoSuchBroker),
    ];
    cases.map(|(bytes, reason)| {
        let begun = Instant::now();
        for _ in 0..count {
            let mut stream = dial(&at);
            stream.write_all(&bytes).expect("the server reads");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("an orderly end");
            match HelloDecoder::new(Role::Connector).feed(&answer) {
                Ok(Step::Message {
                    message: Message::Refused(refused),
                    ..
                }) => assert_eq!(refused.reason, reason),
                other => panic!("{other:?}"),
            }
        }
        begun.elapsed() / count as u32
    })
}

/// Takes `stream` through the handshake at `server`; the channel is `accept`'s.
fn shake_hands(stream: &mut TcpStream, server: &Broker) -> channel::Channel {
    stream
        .write_all(&hello("server", ECHO))
        .expect("the server reads");
    let server = server.clone();
    let accepting = std::thread::spawn(move || server.accept(ECHO).expect("it is open"));
    let mut decoder = HelloDecoder::new(Role::Connector);
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a welcome");
        if let Ok(Step::Message { .. }) = decoder.feed(&byte) {
            break;
        }
    }
    let mut go = Vec::new();
    Message::Go.encode(&mut go).expect("no name is in it");
    stream.write_all(&go).expect("the server reads");
    accepting.join().expect("the accepting thread")
}

/// `count` peers reset their connection in the middle of a message; how many of these were told as
/// `Truncated`.
pub fn resets(count: usize) -> usize {
    let server = broker("server");
    let at = "tcp://127.0.0.1:0/server".parse().expect("an endpoint");
    let bound = server.listen(&at).expect("a port");
    let mut told = 0;
    for number in 0..count {
        let mut stream = dial(bound.endpoint());
        let queue = MessageQueue::new(shake_hands(&mut stream, &server));
        let part = [&1000u32.to_be_bytes()[..], &vec![7; 1 + number % 999]].concat();
        let record = [&encode_data(part.len())[..], &part].concat();
        stream.write_all(&record).expect("open");
        // All of it is to arrive: a reset may overtake it.
        while queue.handle().totals().read < part.len() as u64 {
            assert!(queue.try_receive().is_err(), "half a message");
            std::thread::yield_now();
        }
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).expect("a socket");
        drop(stream);
        told += usize::from(matches!(queue.receive(), Err(ReceiveError::Truncated(_))));
    }
    told
}

/// `count` peers never read what they are sent; what the server holds, before and then, and what an
/// honest client waited meanwhile.
pub fn stalled(count: usize) -> ([Usage; 2], Latencies) {
    let server = Watched::start(OURS);
    let at: Endpoint = server.at.parse().expect("an endpoint");
    let honest = Honest::start(OURS, &server.at);
    let client = broker("client");
    let connect = || {
        client
            .connect_at(&at, FULL, None)
            .expect("the server lives")
    };
    let first = connect();
    let before = server.usage();
    // The server accepts the next when this one is full.
    let held: Vec<_> = (0..count).map(|_| connect()).collect();
    std::thread::sleep(Duration::from_millis(500));
    let after = server.usage();
    let honest = honest.stop();
    drop((first, held));
    ([before, after], honest)
}

/// Connects, echoes and disconnects `count` times; what the server holds before and after.
pub fn cycles(count: usize) -> ([Usage; 2], Duration) {
    let server = Watched::start(OURS);
    let at: Endpoint = server.at.parse().expect("an endpoint");
    let client = broker("client");
    let once = |number: usize| {
        let channel = client.connect_at(&at, ECHO, None);
        let mut channel = channel.expect("the server lives");
        channel.write_all(&number.to_be_bytes()).expect("open");
        let mut answer = [0; 8];
        channel.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, number.to_be_bytes());
        match number % 3 {
            0 => drop(channel),
            1 => channel.disconnect(),
            _ => channel.handle().abort(),
        }
    };
    (0..300).for_each(once);
    std::thread::sleep(Duration::from_secs(1));
    let before = server.usage();
    let begun = Instant::now();
    (0..count).for_each(once);
    let took = begun.elapsed();
    ([before, server.settled(before)], took)
}
