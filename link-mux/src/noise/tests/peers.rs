//! Peers that break the rules, have other limits, or speak another version.

use std::vec;
use std::vec::Vec;

use core::time::Duration;

use super::played::{MS, PATIENCE, Played, Sent};
use crate::greeting::Ids;
use crate::noise::NoiseEvent;
use crate::noise::packet::{Ack, Hello, Key};

/// Both sides keep to the smaller limits.
#[test]
fn limits_are_the_smaller_ones() {
    for (ours, theirs) in [
        ((200, 6), (100, 9)),
        ((100, 9), (200, 6)),
        ((64, 2), (4096, 64)),
    ] {
        let mut played = Played::new(ours.0, ours.1);
        let Some(Sent::Hello(ids, payload, window)) = played.sent().pop() else {
            panic!("no hello");
        };
        assert_eq!((payload, window), ours);
        played.ids.1 = ids.own;
        played.hello(theirs.0, theirs.1);
        assert_eq!(played.noise.poll_event(), Some(NoiseEvent::Up));
        let mut rooms = Vec::new();
        let mut out = vec![0; 1 << 16];
        played.noise.transmit(played.now, &mut out, &mut |room| {
            rooms.push(room.len());
            1
        });
        let (payload, window) = (ours.0.min(theirs.0), ours.1.min(theirs.1));
        assert_eq!(rooms, vec![usize::from(payload); usize::from(window)]);
    }
}

/// Figures out of range are taken as the nearest ones inside.
#[test]
fn figures_out_of_range() {
    for ((payload, window), expected) in [((0, 0), (64, 2)), ((u16::MAX, u8::MAX), (4096, 64))] {
        let sent = Played::new(payload, window).sent();
        assert!(
            matches!(sent[..], [Sent::Hello(_, p, w)] if (p, w) == expected),
            "{sent:?}"
        );
    }
}

/// What was never sent cannot have arrived: such an acknowledgement is as good as none, even for the patience.
#[test]
fn acknowledgements_of_what_was_never_sent() {
    let mut played = Played::up(100, 8);
    played.supply = 21;
    assert_eq!(played.data(), [(1, 0), (2, 1), (3, 2)]);
    let lies = [
        (4, 0),
        (1000, 0),
        (0x7FFF, 0),
        (3, 1),
        (2, 1),
        (0, 4),
        (1, 2),
        (0, 1 << 63),
    ];
    for (next, beyond) in lies {
        played.ack(3, next, beyond);
        assert!(!played.noise.is_settled(), "{next} {beyond}");
        assert_eq!(played.data(), [], "{next} {beyond}");
    }
    while played.noise.poll_event().is_none() {
        played.now += 100 * MS;
        played.ack(3, 4, 0);
        played.sent();
        assert!(played.now < 10 * PATIENCE, "never lost patience");
    }
    assert!(played.now >= 2 * PATIENCE + PATIENCE, "too early");
    // An honest one, from then on, is of an older session.
    played.ack(3, 3, 0);
    assert!(played.noise.poll_event().is_none());
}

/// The patience counts from the first packet that nobody answers, however many follow it.
#[test]
fn silence() {
    let mut played = Played::up(100, 64);
    let start = played.now;
    while played.noise.poll_event().is_none() {
        played.now += 100 * MS;
        played.supply = 7;
        played.sent();
        assert!(played.now < start + 2 * PATIENCE, "never lost patience");
    }
    assert_eq!(played.now, start + 100 * MS + PATIENCE);
}

/// Packets beyond the window, or longer than agreed, are as good as damaged; the session goes on.
#[test]
fn packets_against_the_rules() {
    let mut played = Played::up(100, 8);
    let none = Ack::default();
    for number in [8, 9, 1000, 0x7FFF] {
        played.packet(none, Some((1, number)), b"no");
    }
    played.packet(none, Some((1, 0)), &[1; 101]);
    assert_eq!(played.acks(), []);
    // Old ones are known.
    played.packet(none, Some((1, 0x8000)), b"no");
    played.packet(none, Some((1, 0xFFFF)), b"no");
    assert_eq!(
        played.acks(),
        [Ack {
            heard: 1,
            next: 0,
            beyond: 0
        }]
    );
    played.packet(none, Some((2, 7)), b"h");
    played.packet(none, Some((3, 0)), b"a");
    assert_eq!(
        played.acks(),
        [Ack {
            heard: 3,
            next: 1,
            beyond: 0b10_0000
        }]
    );
    assert_eq!(played.got, b"a");
}

/// A packet that closes a gap is acknowledged at once, as is one beyond it, even a second time; what came
/// first counts.
#[test]
fn gaps_are_told_at_once() {
    let mut played = Played::up(100, 8);
    let none = Ack::default();
    let ack = |heard, next, beyond| {
        [Ack {
            heard,
            next,
            beyond,
        }]
    };
    for (stamp, payload) in [(1, b"b"), (2, b"x")] {
        played.packet(none, Some((stamp, 1)), payload);
        assert_eq!(played.acks(), ack(stamp, 0, 1));
    }
    played.packet(none, Some((3, 0)), b"a");
    assert_eq!(played.acks(), ack(3, 2, 0));
    played.packet(none, Some((4, 2)), b"c");
    assert_eq!(played.acks(), []);
    assert_eq!(played.got, b"abc");
}

/// The other end speaks another version: told once, and it goes on asking.
#[test]
fn another_version() {
    let mut played = Played::new(100, 8);
    let ids = Ids { own: 1, heard: 0 };
    let mut packet = Hello {
        ids,
        payload: 100,
        window: 8,
    }
    .sealed();
    packet[1] = 2;
    Key::PLAIN.seal(&mut packet);
    for _ in 0..3 {
        played.receive(&packet);
    }
    assert_eq!(
        played.noise.poll_event(),
        Some(NoiseEvent::Version { theirs: 2 })
    );
    assert_eq!(played.noise.poll_event(), None);
    // Another one each time: each is told once.
    let told = [3, 2, 3, 2, 3].map(|version| {
        packet[1] = version;
        Key::PLAIN.seal(&mut packet);
        played.receive(&packet);
        played.noise.poll_event()
    });
    let third = Some(NoiseEvent::Version { theirs: 3 });
    assert_eq!(told, [third, None, None, None, None]);
    played.now += Duration::from_secs(1);
    let Some(Sent::Hello(ids, ..)) = played.sent().pop() else {
        panic!("does not ask");
    };
    // Replaced by one of this version.
    played.ids.1 = ids.own;
    played.hello(100, 8);
    assert_eq!(played.noise.poll_event(), Some(NoiseEvent::Up));
}

/// What is sent comes back: told once, no session, and never more than a hello a second.
#[test]
fn a_loop() {
    let mut noise = Played::new(100, 8).noise;
    let mut out = vec![0; 1000];
    let (mut events, mut bytes) = (Vec::new(), 0);
    for second in 10..70 {
        let now = Duration::from_secs(second);
        let n = noise.transmit(now, &mut out, &mut |_| panic!("asked for data"));
        noise.receive(now, &out[..n], &mut |_| panic!("data"));
        events.extend(noise.poll_event());
        bytes += n;
    }
    assert_eq!(events, [NoiseEvent::Loop]);
    assert!(bytes <= 60 * 28);
}

/// The last hello is lost: the first packet tells as much. It comes once more, as nobody knew of the session.
#[test]
fn the_last_hello_is_lost() {
    for with_data in [true, false] {
        let mut played = Played::new(100, 8);
        let Some(Sent::Hello(ids, ..)) = played.sent().pop() else {
            panic!("no hello");
        };
        played.hello(100, 8);
        played.ids.1 = ids.own;
        assert_eq!(played.noise.poll_event(), None);
        assert_eq!(played.sent().len(), 1, "a hello that tells of ours");
        played.packet(
            Ack::default(),
            with_data.then_some((1, 0)),
            if with_data { b"hi" } else { b"" },
        );
        assert_eq!(played.got, b"");
        assert_eq!(played.noise.poll_event(), Some(NoiseEvent::Up));
        if with_data {
            assert_eq!(
                played.acks(),
                [Ack {
                    heard: 1,
                    next: 0,
                    beyond: 0
                }]
            );
            played.packet(Ack::default(), Some((2, 0)), b"hi");
            assert_eq!(played.got, b"hi");
        }
    }
    // And an end that is up answers a hello with a packet that does it.
    let mut played = Played::up(100, 8);
    played.hello(100, 8);
    assert_eq!(played.acks(), [Ack::default()]);
    assert_eq!(played.sent(), []);
}

/// Nothing is delivered and nothing asked for before the caller knows of the session.
#[test]
fn before_the_caller_knows() {
    let mut played = Played::new(100, 8);
    let Some(Sent::Hello(ids, ..)) = played.sent().pop() else {
        panic!("no hello");
    };
    played.ids.1 = ids.own;
    played.hello(100, 8);
    played.packet(Ack::default(), Some((1, 0)), b"hi");
    played.supply = 100;
    assert_eq!(played.data(), []);
    assert_eq!(played.got, b"");
    assert_eq!(played.noise.poll_event(), Some(NoiseEvent::Up));
    played.packet(Ack::default(), Some((2, 0)), b"hi");
    assert_eq!(played.got, b"hi");
    assert_eq!(played.data().len(), 8);
}
