//! A program that speaks our protocol by hand, over the standard library's sockets. It can do what our own
//! ends never do: say half of something, and leave with a reset.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use channel::Endpoint;
use channel::wire::hello::{Hello, HelloDecoder, Message, Role, Step, Version, Welcome};
use channel::wire::record::{encode_data, encode_end, encode_receipt};

use super::LIMIT;

/// A connection to where a broker listens, with nothing said yet.
pub fn dial(at: &Endpoint) -> TcpStream {
    let stream = TcpStream::connect(at.authority()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn say(stream: &mut TcpStream, message: &Message) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).unwrap();
    stream.write_all(&bytes).unwrap();
}

/// The next message of the handshake, and not a byte more.
pub fn hear(stream: &mut TcpStream, decoder: &mut HelloDecoder) -> Message {
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        if let Step::Message { message, .. } = decoder.feed(&byte).unwrap() {
            return message;
        }
    }
}

/// Takes a place in the line of a port.
pub fn wait_at(at: &Endpoint, port: u16) -> TcpStream {
    let mut stream = dial(at);
    let hello = Hello::new(at.broker().unwrap_or(""), port);
    say(&mut stream, &Message::Hello(hello));
    stream
}

pub fn expect_welcome(stream: &mut TcpStream) {
    let answer = hear(stream, &mut HelloDecoder::new(Role::Connector));
    assert!(matches!(answer, Message::Welcome(_)), "{answer:?}");
}

/// After [`wait_at`], once somebody accepts: the channel is open.
pub fn go(stream: &mut TcpStream) {
    expect_welcome(stream);
    say(stream, &Message::Go);
}

/// Takes in one of our connectors, and reads its hello.
pub fn greet(listener: &TcpListener) -> (TcpStream, HelloDecoder) {
    let mut stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut decoder = HelloDecoder::new(Role::Acceptor);
    let hello = hear(&mut stream, &mut decoder);
    assert!(matches!(hello, Message::Hello(_)), "{hello:?}");
    (stream, decoder)
}

/// Accepts one of our connectors: the channel is open.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, mut decoder) = greet(listener);
    let welcome = Welcome {
        version: Version::CURRENT,
        capacity: 0,
    };
    say(&mut stream, &Message::Welcome(welcome));
    assert_eq!(hear(&mut stream, &mut decoder), Message::Go);
    stream
}

/// Bytes of the channel, in one record.
pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let mut record = encode_data(bytes.len()).to_vec();
    record.extend(bytes);
    stream.write_all(&record).unwrap();
}

/// The orderly end of a stream of `total` bytes, by a side that has read `read`.
pub fn end(stream: &mut TcpStream, total: u64, read: u64) {
    stream.write_all(&encode_receipt(read)).unwrap();
    stream.write_all(&encode_end(total)).unwrap();
}

/// Leaves with a reset.
pub fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
    drop(stream);
}
