//! What the crates are used for here.

use alloc::vec::Vec;

use channel_wire::hello::{Hello, HelloDecoder, Message, Role, Step, Version, Welcome};
use ringbuf_core::Inline;

static RING: Inline<64> = Inline::new();

/// 0 to 255 through a ring in a `static`, and through one on the heap.
pub fn through_a_ring() {
    let (mut to, mut from) = RING.split().expect("the first split");
    let (mut onto_heap, mut from_heap) = ringbuf_core::ring(16).expect("a power of two");
    for sent in 0..=255 {
        assert_eq!(to.write(&[sent]), Ok(1));
        let mut bytes = [0; 4];
        assert_eq!(from.read(&mut bytes), Ok(1));
        assert_eq!(onto_heap.write(&bytes[..1]), Ok(1));
        assert_eq!(from_heap.read(&mut bytes), Ok(1));
        assert_eq!(bytes[0], sent);
    }
    to.finish();
    assert_eq!(from.at_end(), Ok(true));
}

/// A connector meets an acceptor; the acceptor refuses a stranger.
pub fn a_handshake() {
    let (mut connector, mut acceptor) = (
        HelloDecoder::new(Role::Connector),
        HelloDecoder::new(Role::Acceptor),
    );
    let hello = Message::Hello(Hello::new("echo", 7));
    let welcome = Message::Welcome(Welcome {
        version: Version::CURRENT,
        capacity: 0,
    });
    pass(&hello, &mut acceptor);
    pass(&welcome, &mut connector);
    pass(&Message::Go, &mut acceptor);
    assert!(connector.is_finished() && acceptor.is_finished());

    let stranger = HelloDecoder::new(Role::Acceptor).feed(b"GET / HTTP/1.1");
    assert!(stranger.is_err_and(|e| e.refusal().is_none()));
}

fn pass(message: &Message, to: &mut HelloDecoder) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).expect("names that fit");
    let read = to.feed(&bytes).expect("what was written");
    let Step::Message {
        consumed,
        message: read,
    } = read
    else {
        panic!("{read:?}");
    };
    assert_eq!((consumed, &read), (bytes.len(), message));
}
