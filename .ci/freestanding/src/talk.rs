//! What the crates are used for here.

use channel_wire::hello::{HelloDecoder, Message, Role};
use link_mux::noise::NoiseConfig;
use ringbuf_core::Inline;

use crate::host;

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

/// 0 to 255 to a device's echo service, over a link that carries many channels; and somebody who is not there.
pub fn with_a_device() {
    for noise in [None, Some(NoiseConfig::for_baud(115_200))] {
        let (answer, echoed) = host::converse(noise.clone(), "echo");
        assert!(matches!(answer, Message::Welcome(_)), "{answer:?}");
        assert!(echoed.iter().copied().eq(0..=255), "{echoed:?}");

        let (answer, _) = host::converse(noise, "somebody else");
        assert!(matches!(answer, Message::Refused(_)), "{answer:?}");
    }
    let stranger = HelloDecoder::new(Role::Acceptor).feed(b"GET / HTTP/1.1");
    assert!(stranger.is_err_and(|e| e.refusal().is_none()));
}
