//! A peer played by the test: limits, other versions, rules broken, packets dropped on purpose.

use std::vec;
use std::vec::Vec;

use core::time::Duration;

use crate::greeting::Ids;
use crate::noise::line::{Unstuffer, stuff, stuffed_len};
use crate::noise::packet::{
    Ack, CHECK, Data, HEAD, Hello, Key, Said, read, read_hello, write_head,
};
use crate::noise::{Noise, NoiseConfig, NoiseEvent};

const PATIENCE: Duration = Duration::from_secs(5);
const MS: Duration = Duration::from_millis(1);

/// A real end, and what a peer needs to know to talk to it.
struct Played {
    noise: Noise,
    now: Duration,
    /// Our id, and the end's.
    ids: (u64, u64),
    got: Vec<u8>,
    /// How many bytes the end may still send, 7 each packet.
    supply: usize,
}

/// What the end sent.
#[derive(Debug, PartialEq)]
enum Sent {
    Hello(Ids, u16, u8),
    Packet(Ack, Option<(u8, u16, usize)>),
}

impl Played {
    fn new(payload: u16, window: u8) -> Played {
        let config = NoiseConfig {
            payload,
            window,
            patience: PATIENCE,
        };
        let mut noise = Noise::new(config, 77);
        let now = Duration::from_secs(10);
        noise.link_up(now);
        Played {
            noise,
            now,
            ids: (4711, 0),
            got: Vec::new(),
            supply: 0,
        }
    }

    /// One that has said hello, and heard it.
    fn up(payload: u16, window: u8) -> Played {
        let mut played = Played::new(payload, window);
        let Some(Sent::Hello(ids, ..)) = played.sent().pop() else {
            panic!("no hello");
        };
        played.ids.1 = ids.own;
        played.hello(4096, 64);
        assert_eq!(played.noise.poll_event(), Some(NoiseEvent::Up));
        let [Sent::Hello(ids, ..)] = played.sent()[..] else {
            panic!("no hello");
        };
        assert_eq!(ids.heard, 4711);
        played
    }

    fn receive(&mut self, packet: &[u8]) {
        let mut line = vec![0; stuffed_len(packet.len())];
        let n = stuff(packet, &mut line);
        let got = &mut self.got;
        self.noise.receive(self.now, &line[..n], &mut |bytes| {
            got.extend_from_slice(bytes)
        });
    }

    fn hello(&mut self, payload: u16, window: u8) {
        let (own, heard) = self.ids;
        let ids = Ids { own, heard };
        self.receive(
            &Hello {
                ids,
                payload,
                window,
            }
            .sealed(),
        );
    }

    fn packet(&mut self, ack: Ack, data: Option<(u8, u16)>, payload: &[u8]) {
        let mut packet = vec![0; HEAD];
        packet.extend_from_slice(payload);
        packet.extend_from_slice(&[0; CHECK]);
        let start = write_head(&ack, data, &mut packet);
        Key::of(self.ids.0, self.ids.1).seal(&mut packet[start..]);
        self.receive(&packet[start..]);
    }

    fn ack(&mut self, heard: u8, next: u16, beyond: u64) {
        self.packet(
            Ack {
                heard,
                next,
                beyond,
            },
            None,
            &[],
        );
    }

    /// Everything that the end sends now.
    fn sent(&mut self) -> Vec<Sent> {
        let mut out = vec![0; 1 << 16];
        let supply = &mut self.supply;
        let n = self.noise.transmit(self.now, &mut out, &mut |room| {
            let n = room.len().min(7).min(*supply);
            room[..n].fill(9);
            *supply -= n;
            n
        });
        let (mut rest, mut unstuffer) = (&out[..n], Unstuffer::new(5000));
        let mut sent = Vec::new();
        while let Some(packet) = unstuffer.next(&mut rest) {
            sent.push(match read_hello(packet) {
                Some(Said::Hello(hello)) => Sent::Hello(hello.ids, hello.payload, hello.window),
                Some(Said::Version(_)) => panic!("a version of its own"),
                None => {
                    let read = read(packet, Key::of(self.ids.1, self.ids.0));
                    let (ack, data) = read.expect("a packet of this session");
                    let data = data.map(
                        |Data {
                             stamp,
                             number,
                             payload,
                         }| (stamp, number, payload.len()),
                    );
                    Sent::Packet(ack, data)
                }
            });
        }
        sent
    }

    /// The stamps and numbers of the packets that the end sends now.
    fn data(&mut self) -> Vec<(u8, u16)> {
        let data = |sent| match sent {
            Sent::Packet(_, data) => data.map(|(stamp, number, _)| (stamp, number)),
            Sent::Hello(..) => None,
        };
        self.sent().into_iter().filter_map(data).collect()
    }

    /// The acknowledgements that the end sends now without data.
    fn acks(&mut self) -> Vec<Ack> {
        let ack = |sent| match sent {
            Sent::Packet(ack, None) => Some(ack),
            _ => None,
        };
        self.sent().into_iter().filter_map(ack).collect()
    }
}

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

mod loss {
    use super::*;

    /// A gap is known as soon as anything later was heard; nothing waits for a timer, not even when the repetition is lost.
    #[test]
    fn is_made_good_at_once() {
        let mut played = Played::up(100, 8);
        played.supply = 28;
        assert_eq!(played.data(), [(1, 0), (2, 1), (3, 2), (4, 3)]);
        // Packet 1 is lost.
        played.ack(3, 1, 0b1);
        played.supply = 7;
        assert_eq!(played.data(), [(5, 1), (6, 4)]);
        // Nothing new is known of it, and of packet 3 only that it came.
        played.ack(4, 1, 0b11);
        assert_eq!(played.data(), []);
        // Lost once more: packet 4 was sent behind it, and has come.
        played.ack(6, 1, 0b111);
        assert_eq!(played.data(), [(7, 1)]);
        played.ack(7, 5, 0);
        assert!(played.noise.is_settled());
    }

    /// What was heard but not taken, as nobody knew of the session there, is sent again as well.
    #[test]
    fn of_what_was_heard_too_early() {
        let mut played = Played::up(100, 8);
        played.supply = 14;
        assert_eq!(played.data(), [(1, 0), (2, 1)]);
        played.ack(2, 0, 0);
        assert_eq!(played.data(), [(3, 0), (4, 1)]);
    }

    /// The end of a burst is lost: the timer, with the first packet; its acknowledgement tells of all others.
    #[test]
    fn of_the_tail_is_found_by_the_timer() {
        let mut played = Played::up(100, 8);
        played.supply = 21;
        assert_eq!(played.data(), [(1, 0), (2, 1), (3, 2)]);
        let at = played.noise.deadline().expect("a timer");
        played.now = at - MS;
        assert_eq!(played.sent(), []);
        played.now = at;
        assert_eq!(played.data(), [(4, 0)]);
        played.ack(4, 1, 0);
        assert_eq!(played.data(), [(5, 1), (6, 2)]);
    }

    /// Stamps wrap often, and an answer may come after many of them.
    #[test]
    fn with_stamps_that_wrap() {
        let mut played = Played::up(100, 64);
        let mut next = 0u16;
        for round in 0..200u32 {
            played.supply = 7 * 50;
            let data = played.data();
            assert_eq!(data.len(), 50, "round {round}");
            let last = data[49].0;
            // The first of them is lost, once.
            played.ack(last, next, (1 << 49) - 1);
            assert_eq!(played.data(), [(last.wrapping_add(1), next)]);
            next = next.wrapping_add(50);
            played.ack(last.wrapping_add(1), next, 0);
            assert!(played.noise.is_settled());
        }
    }

    /// The whole window, in one acknowledgement, and all but the first.
    #[test]
    fn of_a_full_window() {
        let mut played = Played::up(100, 64);
        played.supply = 7 * 100;
        assert_eq!(played.data().len(), 64);
        played.ack(64, 0, u64::MAX >> 1);
        assert_eq!(played.data(), [(65, 0)]);
        played.ack(65, 64, 0);
        assert_eq!(played.data().len(), 36);
        played.ack(101, 100, 0);
        assert!(played.noise.is_settled());
    }
}
