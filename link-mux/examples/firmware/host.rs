//! The other end of the line, so that the example runs by itself. A real one is a program that uses `channel`
//! over a transport; what it says on the line is this.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use channel_wire::hello::{EAGER, Hello, HelloDecoder, Message, Role, Step};
use link_mux::noise::NoiseConfig;
use link_mux::{ChannelId, Config, End, Event, Queues, Session};

use crate::echo::Echo;

/// Asks the device for `broker`, and sends it 0 to 255. Returns its answer to the hello, and what it sent after that.
pub fn converse(noise: Option<NoiseConfig>, broker: &str) -> (Message, Vec<u8>) {
    let mut device = Echo::new(noise.clone(), 1);
    let mut host = Session::new(Config::default(), noise, 2).expect("limits in their ranges");
    let mut channel = None;
    let mut received = Vec::new();
    let (mut now, mut line) = (Duration::ZERO, vec![0; 64 * 1024]);
    device.link_up(now);
    host.link_up(now);
    loop {
        while let Some(event) = host.mux().poll_event() {
            match event {
                Event::Up(_) => channel = Some(open(&mut host, broker)),
                Event::Closed(_) => return understood(received),
                Event::Down(why) => panic!("{why}"),
                _ => {}
            }
        }
        if let Some(id) = channel
            && let Some(queues) = host.mux().stream_mut(id)
        {
            let mut bytes = [0; 100];
            let n = queues.read(&mut bytes);
            received.extend_from_slice(&bytes[..n]);
            host.mux().touch(id);
        }
        let there = host.transmit(now, &mut line);
        device.receive(now, &line[..there]);
        let back = device.transmit(now, &mut line);
        host.receive(now, &line[..back]);
        if there + back == 0 {
            // Both sleep.
            let next = [host.deadline(), device.deadline()];
            now = next
                .into_iter()
                .flatten()
                .min()
                .expect("a keep-alive")
                .max(now);
        }
    }
}

/// Opens a channel and writes all there is to say: an eager connector does not wait for its welcome.
fn open(host: &mut Session<Queues>, broker: &str) -> ChannelId {
    let mut bytes = Vec::new();
    let mut hello = Hello::new(broker, 7);
    hello.flags = EAGER;
    Message::Hello(hello)
        .encode(&mut bytes)
        .expect("a name that fits");
    Message::Go.encode(&mut bytes).expect("it has no text");
    bytes.extend(0..=255);

    let mut queues = Queues::new(100, 1000);
    assert_eq!(queues.write(&bytes), bytes.len());
    queues.finish_writing(End::Orderly);
    host.mux()
        .open(queues)
        .map_err(|(e, _)| e)
        .expect("a channel")
}

/// The device's answer, and what came behind it.
fn understood(received: Vec<u8>) -> (Message, Vec<u8>) {
    let mut decoder = HelloDecoder::new(Role::Connector);
    match decoder.feed(&received).expect("an answer") {
        Step::Message { consumed, message } => (message, received[consumed..].to_vec()),
        other => panic!("{other:?}"),
    }
}
