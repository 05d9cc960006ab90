//! Bad input within a session: it ends the session, with a reason, and nothing else.

use std::time::Duration;

use link_mux::{Config, End, Event, OpenError, Refusal};

use crate::raw::{CREDIT, DATA, FIN, HELLO, Hello, OPEN, PING, REFUSE, Raw, STOP};
use crate::support::{NOW, Pair, Shared, queues, read_all};

fn up() -> Raw {
    Raw::up(Config {
        max_frame: 1024,
        max_channels: 10,
        ..Config::default()
    })
}

/// A session with a channel of the peer's, number 1, of 100 bytes each way.
fn with_channel() -> (Raw, Shared) {
    let mut raw = up();
    let (_, shared) = raw.open(1, 100, 100);
    (raw, shared)
}

#[test]
fn garbage_between_frames_ends_the_session() {
    let (mut raw, shared) = with_channel();
    raw.say_frame(DATA, 1, b"well");
    raw.say(b"what is this?");
    assert_eq!(raw.is_broken(), "something that is no frame");
    // What had arrived is there, and then comes the loss.
    assert_eq!(read_all(&shared), 4);
    assert_eq!(shared.borrow().ended(), Some(End::Abort));
    assert_eq!(shared.borrow().receipt(), Some(None));
}

#[test]
fn every_wrong_bit_of_a_head_is_noticed() {
    let right: [(u8, &[u8]); 7] = [
        (OPEN, &[0, 0, 0, 9]),
        (CREDIT, &[0, 0, 0, 0, 0, 0, 1, 0]),
        (REFUSE, &[1]),
        (DATA, b"data"),
        (FIN, &[]),
        (STOP, &[0; 8]),
        (PING, &[]),
    ];
    for (kind, body) in right {
        for bit in 0..64 {
            let (mut raw, shared) = with_channel();
            let mut bytes = raw.frame(kind, 0, 1, body);
            bytes[bit / 8] ^= 1 << (bit % 8);
            raw.say(&bytes);
            assert_eq!(raw.is_broken(), "something that is no frame");
            assert_eq!(read_all(&shared), 0);
        }
    }
}

#[test]
fn frames_of_another_session_are_noticed() {
    let (mut old, _) = with_channel();
    let stale = old.frame(DATA, 0, 1, b"stale");
    old.mux.link_down();
    old.mux.link_up(NOW);
    while old.mux.poll_event().is_some() {}
    old.greet();
    let (_, shared) = old.open(1, 100, 100);
    old.say(&stale);
    assert_eq!(old.is_broken(), "something that is no frame");
    assert_eq!(read_all(&shared), 0);
}

#[test]
fn lengths_that_no_frame_has_are_noticed() {
    let wrong: [(u8, usize); 9] = [
        (OPEN, 3),
        (OPEN, 5),
        (CREDIT, 7),
        (REFUSE, 0),
        (DATA, 0),
        (FIN, 1),
        (STOP, 9),
        (PING, 1),
        (HELLO, 121),
    ];
    for (kind, length) in wrong {
        let (mut raw, _) = with_channel();
        raw.say_frame(kind, 1, &vec![0; length]);
        assert_eq!(raw.is_broken(), "something that is no frame", "{kind}");
    }
    let (mut raw, _) = with_channel();
    raw.say_frame(99, 1, &[]);
    raw.is_broken();
}

/// The buffer never holds more than was granted, however it is sent.
#[test]
fn credit_is_not_overrun() {
    for pieces in [&[101][..], &[100, 1], &[50, 51], &[1, 99, 1], &[1017]] {
        let (mut raw, shared) = with_channel();
        for piece in pieces {
            raw.say_frame(DATA, 1, &vec![7; *piece]);
        }
        assert!(read_all(&shared) <= 100);
        assert!(!raw.is_broken().is_empty());
    }
    // Exactly as much as was granted is right.
    let (mut raw, shared) = with_channel();
    raw.say_frame(DATA, 1, &[7; 100]);
    raw.is_well();
    assert_eq!(read_all(&shared), 100);
}

#[test]
fn data_needs_an_accepted_channel() {
    let mut raw = up();
    raw.say_frame(OPEN, 1, &[0, 0, 0, 9]);
    assert!(matches!(raw.mux.poll_event(), Some(Event::Incoming(_))));
    raw.say_frame(DATA, 1, b"early");
    raw.is_broken();
    // And one of this end's, which the peer has not accepted.
    let mut raw = up();
    let id = raw.mux.open(queues(100, 100)).map_err(|(e, _)| e).unwrap();
    raw.hear();
    raw.say_frame(DATA, id.get(), b"early");
    raw.is_broken();
}

#[test]
fn frames_need_a_channel() {
    let eight = 0_u64.to_be_bytes();
    let frames: [(u8, &[u8]); 5] = [
        (CREDIT, &eight),
        (REFUSE, &[1]),
        (DATA, b"x"),
        (FIN, &[]),
        (STOP, &eight),
    ];
    for (kind, body) in frames {
        for channel in [0, 1, 3, 18, 19, 0xFFFE, 0xFFFF] {
            let mut raw = up();
            raw.say_frame(kind, channel, body);
            assert!(!raw.is_broken().is_empty());
        }
        // One that was there, and is closed.
        let mut raw = up();
        let (id, shared) = raw.open(1, 100, 100);
        shared.borrow_mut().finish_writing(End::Orderly);
        raw.mux.touch(id);
        raw.hear();
        raw.say_frame(FIN, 1, &[]);
        raw.say_frame(STOP, 1, &eight);
        raw.hear();
        assert_eq!(raw.mux.poll_event(), Some(Event::Closed(id)));
        raw.say_frame(kind, 1, body);
        assert!(!raw.is_broken().is_empty());
    }
}

#[test]
fn nothing_is_said_twice() {
    let eight = 0_u64.to_be_bytes();
    let frames: [(u8, &[u8]); 4] = [(OPEN, &[0; 4]), (FIN, &[]), (STOP, &eight), (REFUSE, &[1])];
    for (kind, body) in frames {
        let (mut raw, _) = with_channel();
        raw.say_frame(kind, 1, body);
        raw.say_frame(kind, 1, body);
        raw.is_broken();
    }
    let (mut raw, _) = with_channel();
    raw.say_frame(FIN, 1, &[]);
    raw.say_frame(DATA, 1, b"behind the end");
    raw.is_broken();
}

#[test]
fn a_receipt_is_for_what_was_sent() {
    let (mut raw, shared) = with_channel();
    raw.say_frame(STOP, 1, &1_u64.to_be_bytes());
    raw.is_broken();
    assert_eq!(shared.borrow().receipt(), Some(None));
}

#[test]
fn credit_is_not_taken_back() {
    let (mut raw, _) = with_channel();
    raw.say_frame(CREDIT, 1, &99_u64.to_be_bytes());
    raw.is_broken();
}

/// As much credit as the field can hold is no overflow.
#[test]
fn credit_without_end_is_well() {
    let (mut raw, shared) = with_channel();
    raw.say_frame(CREDIT, 1, &u64::MAX.to_be_bytes());
    raw.is_well();
    shared.borrow_mut().write(&[1; 1000]);
    let id = raw.open(3, u32::MAX, 1).0;
    raw.mux.touch(id);
    raw.is_well();
}

#[test]
fn opens_without_end_are_bounded() {
    let mut raw = up();
    for place in 0..10 {
        raw.say_frame(OPEN, 2 * place + 1, &[0; 4]);
        assert!(matches!(raw.mux.poll_event(), Some(Event::Incoming(_))));
    }
    assert_eq!(raw.mux.channels(), 10);
    raw.say_frame(OPEN, 21, &[0; 4]);
    assert_eq!(raw.is_broken(), "more channels than were agreed");
    // Of the other end's numbers.
    let mut raw = up();
    raw.say_frame(OPEN, 2, &[0; 4]);
    raw.is_broken();
}

/// A channel that its opener withdrew counts until it is answered.
#[test]
fn opens_that_are_withdrawn_are_bounded() {
    let mut raw = up();
    for place in 0..10 {
        raw.say_frame(OPEN, 2 * place + 1, &[0; 4]);
        raw.say_frame(FIN, 2 * place + 1, &[]);
        raw.say_frame(STOP, 2 * place + 1, &[0; 8]);
    }
    assert_eq!(raw.mux.channels(), 10);
    raw.say_frame(OPEN, 1, &[0; 4]);
    raw.is_broken();
}

#[test]
fn refused_opens_leave_nothing() {
    let mut raw = up();
    for round in 0..1000 {
        raw.say_frame(OPEN, 1, &[0; 4]);
        let Some(Event::Incoming(id)) = raw.mux.poll_event() else {
            panic!("round {round}");
        };
        raw.mux.refuse(id, Refusal::Limit);
        raw.hear();
        raw.say_frame(FIN, 1, &[]);
        raw.say_frame(STOP, 1, &[0; 8]);
        assert_eq!(raw.mux.channels(), 0);
    }
    raw.is_well();
}

#[test]
fn the_peers_limits_are_kept() {
    let mut raw = up();
    for _ in 0..10 {
        assert!(raw.mux.open(queues(1, 1)).is_ok());
    }
    let error = raw.mux.open(queues(1, 1)).map_err(|(error, _)| error);
    assert_eq!(error, Err(OpenError::Channels { limit: 10 }));
}

/// Each violation costs the peer a pause; the mux goes on and asks for a new session.
#[test]
fn a_peer_that_never_keeps_to_the_protocol_is_held_off() {
    let mut raw = up();
    for _ in 0..50 {
        raw.say(&[0; 64]);
        raw.is_broken();
        // It says nothing, however often it is asked.
        let hello = Hello::new(5, 0).bytes();
        raw.say(&hello.repeat(10));
        assert_eq!(raw.hear(), b"");
        let due = raw.mux.deadline().expect("it goes on");
        assert!(due >= raw.now + Duration::from_millis(100));
        raw.now = due;
        raw.greet();
    }
    raw.is_well();
}

#[test]
fn other_links_are_untouched() {
    let mut neighbours = Pair::up(&Config::default());
    let (id, near, far) = neighbours.open(100, 100);
    let (mut raw, _) = with_channel();
    raw.say(&[0xFF; 10_000]);
    raw.is_broken();
    near.borrow_mut().write(b"undisturbed");
    neighbours.a.touch(id);
    neighbours.settle();
    assert_eq!(read_all(&far), 11);
}
