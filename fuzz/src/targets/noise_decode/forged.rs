//! One end, and packets that somebody has made for it, with garbage between them: a plain reading of the layout
//! foretells what is delivered, and what the end says.

use std::collections::BTreeMap;
use std::time::Duration;

use link_mux::noise::{NoiseConfig, NoiseEvent};

use super::packet::{self, Packet, hello, key, opened, sealed, stuffed, unstuffed};
use super::twins::{Twins, content};
use crate::input::Input;

/// The most steps per input.
const STEPS: usize = 150;
/// Longer packets are not even looked at.
const LONGEST_HEAD: usize = 15;
const PATIENCE: Duration = Duration::from_secs(1 << 20);

pub fn run(input: &mut Input<'_>) {
    let choice = input.byte();
    let config = NoiseConfig {
        payload: [64, 65, 100, 600][usize::from(choice & 3)],
        window: [2, 3, 17, 64][usize::from(choice >> 2 & 3)],
        patience: PATIENCE,
    };
    let mut play = Play {
        end: Twins::new(&config, input.long(), input.array()),
        config,
        now: Duration::ZERO,
        own: 1,
        theirs: 0,
        session: None,
        unfinished: Vec::new(),
    };
    play.begin(input);
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        play.step(input);
    }
}

/// What is known of a session, by a plain reading of what was said in it.
struct Session {
    window: u16,
    /// Checks of packets to the end, and from it.
    keys: (u32, u32),
    /// To the end: the stamp that it heard last, the first packet that it lacks, and those that it has beyond that.
    heard: u8,
    next: u16,
    held: BTreeMap<u16, Vec<u8>>,
    delivered: Vec<u8>,
    /// From the end: payloads by number, those before `first` having arrived.
    sent: Vec<Vec<u8>>,
    first: usize,
}

struct Play {
    end: Twins,
    config: NoiseConfig,
    now: Duration,
    /// The session's ids: of whoever forges the packets, and of the end.
    own: u64,
    theirs: u64,
    session: Option<Session>,
    /// What the line has brought since the last zero.
    unfinished: Vec<u8>,
}

impl Play {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 16 {
            0 => self.garbage(input),
            1 => self.restart(input),
            2 => self.greet(input),
            3 | 4 => self.hear(input),
            _ => self.forge(input),
        }
        let events = [self.end.event(), self.end.event()];
        assert_eq!(events, [None, None]);
        let session = self.session.as_ref().expect("a session");
        assert_eq!(self.end.received, session.delivered);
    }

    /// A session with any limits of the other end.
    fn begin(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        self.end.link_up(self.now);
        self.unfinished.clear();
        let said = self.said();
        assert_eq!(said.len(), 1, "a hello and nothing else");
        let plain = opened(&said[0], packet::PLAIN).expect("a hello");
        let heard;
        (self.theirs, heard) = packet::ids(plain);
        assert_eq!(heard, 0);
        let (payload, window) = (self.config.payload, self.config.window);
        assert_eq!(plain, hello(self.theirs, heard, payload, window));

        let (payload, window) = (
            [64, 70, 300, u16::MAX][usize::from(choice & 3)],
            [2, 5, 64, 255][usize::from(choice >> 2 & 3)],
        );
        self.own += 1;
        let said = hello(self.own, self.theirs, payload, window);
        self.line(&[0]);
        self.line_packet(&sealed(said, packet::PLAIN));
        assert_eq!(self.end.event(), Some(NoiseEvent::Up));
        self.end.received.clear();
        self.end.sent = 0;
        self.session = Some(Session {
            window: u16::from(window.min(self.config.window)),
            keys: (key(self.own, self.theirs), key(self.theirs, self.own)),
            heard: 0,
            next: 0,
            held: BTreeMap::new(),
            delivered: Vec::new(),
            sent: Vec::new(),
            first: 0,
        });
    }

    fn restart(&mut self, input: &mut Input<'_>) {
        if input.byte() & 1 == 1 {
            self.end.link_down();
            assert_eq!(self.end.event(), Some(NoiseEvent::Down));
            self.end.receive(self.now, b"\0nobody is there\0");
            assert!(self.end.transmit(self.now, 5000, 0, 100).is_empty());
        } else {
            self.end.link_up(self.now);
            assert_eq!(self.end.event(), Some(NoiseEvent::Down));
        }
        self.begin(input);
    }

    /// Hellos that begin no session.
    fn greet(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let (payload, window) = (input.short(), input.byte());
        let said = match choice % 3 {
            // Limits that nobody has: not even looked at.
            0 => hello(input.long(), self.theirs, payload % 64, window),
            1 => hello(self.own, self.theirs, payload, 1),
            _ => {
                let mut damaged = hello(input.long(), self.theirs, 100, 10);
                damaged[usize::from(window) % 20 + 1] ^= 1;
                let mut packet = sealed(damaged, packet::PLAIN);
                packet[usize::from(window) % 20 + 1] ^= 1;
                return self.line_packet(&packet);
            }
        };
        self.line_packet(&sealed(said, packet::PLAIN));
    }

    // The line.

    /// It brings bytes, which complete nothing that is right.
    fn line(&mut self, bytes: &[u8]) {
        self.end.receive(self.now, bytes);
        match bytes.iter().rposition(|&byte| byte == 0) {
            Some(zero) => self.unfinished = bytes[zero + 1..].to_vec(),
            None => self.unfinished.extend_from_slice(bytes),
        }
    }

    /// It brings a packet.
    fn line_packet(&mut self, packet: &[u8]) {
        let mut bytes = stuffed(packet);
        assert_eq!(unstuffed(&bytes).as_deref(), Some(packet));
        bytes.push(0);
        self.line(&bytes);
    }

    fn garbage(&mut self, input: &mut Input<'_>) {
        let times = 1 + usize::from(input.byte() / 16);
        let len = input.byte();
        let mut bytes = input.bytes(len.into()).repeat(times);
        if len & 1 == 1 {
            bytes.push(0);
        }
        self.line(&bytes);
    }

    // Packets.

    /// A packet, right or wrong in one way or another.
    fn forge(&mut self, input: &mut Input<'_>) {
        let (choice, wild) = (input.byte(), input.byte());
        let longest = self.config.payload;
        let session = self.session.as_ref().expect("a session");
        let on_way = (session.sent.len() - session.first) as u16;
        let mut packet = Packet {
            heard: input.byte(),
            next: (session.first as u16).wrapping_add(input.byte() as u16 % (on_way + 1)),
            beyond: 0,
            data: None,
        };
        match wild {
            240.. => packet.next = input.short(),
            200..240 => packet.beyond = input.long(),
            _ => {}
        }
        if choice & 3 != 0 {
            let number = match wild & 7 {
                0 => input.short(),
                _ => session.next.wrapping_add(u16::from(input.byte() % 8)),
            };
            let len = match wild & 0x18 {
                0 => usize::from(input.short() % 700),
                _ => usize::from(input.byte()) % (usize::from(longest) + 1),
            };
            let from = u64::from(number) * 7;
            let payload = (from..).take(len).map(|at| content(9, at)).collect();
            packet.data = Some((input.byte(), number, payload));
        }
        let mut bytes = sealed(packet.bytes(), session.keys.0);
        let whole = self.unfinished.is_empty();
        match choice >> 4 {
            // Damaged, or of somebody else.
            0 => bytes[usize::from(wild) % packet.bytes().len()] ^= choice | 1,
            1 => bytes = sealed(packet.bytes(), session.keys.1),
            2 => {
                bytes.truncate(bytes.len() - 1 - usize::from(wild % 4));
            }
            _ if !whole => {}
            _ => self.took(packet),
        }
        self.line_packet(&bytes);
    }

    /// The end has taken this packet.
    fn took(&mut self, packet: Packet) {
        let longest = usize::from(self.config.payload);
        if packet.bytes().len() > LONGEST_HEAD + longest {
            return;
        }
        let session = self.session.as_mut().expect("a session");
        let ahead = packet.next.wrapping_sub(session.first as u16) as i16;
        if ahead >= 0 {
            let last = match packet.beyond {
                0 => ahead as usize,
                beyond => ahead as usize + 65 - beyond.leading_zeros() as usize,
            };
            if session.first + last > session.sent.len() {
                // It tells of what was never sent.
                return;
            }
            session.first += ahead as usize;
        }
        let Some((stamp, number, payload)) = packet.data else {
            return;
        };
        let ahead = number.wrapping_sub(session.next) as i16;
        if ahead >= session.window as i16 || payload.len() > longest {
            return;
        }
        session.heard = stamp;
        if ahead >= 0 {
            session.held.entry(number).or_insert(payload);
        }
        while let Some(payload) = session.held.remove(&session.next) {
            session.delivered.extend(payload);
            session.next = session.next.wrapping_add(1);
        }
    }

    // What the end says.

    /// Its packets, until it has no more.
    fn said(&mut self) -> Vec<Vec<u8>> {
        self.take(5000, 0)
    }

    fn take(&mut self, room: usize, more: u64) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let end = self.end.sent + more;
        loop {
            let left = end - self.end.sent;
            let piece = self.end.transmit(self.now, room, 3, left);
            if piece.is_empty() {
                break;
            }
            bytes.extend(piece);
        }
        let packets = bytes.split(|&byte| byte == 0).filter(|p| !p.is_empty());
        packets
            .map(|packet| unstuffed(packet).expect("stuffed bytes"))
            .collect()
    }

    /// Time passes, the end has something to send, and says what there is to be said.
    fn hear(&mut self, input: &mut Input<'_>) {
        let room = match input.short() % 2000 {
            short @ 0..50 => 1 + usize::from(short),
            long => usize::from(long),
        };
        let more = u64::from(input.short()) % 2000;
        self.now += Duration::from_millis(input.byte().into());
        let said = self.take(room, more);
        let session = self.session.as_mut().expect("a session");
        let acked: u64 = session
            .held
            .keys()
            .map(|number| 1 << (number.wrapping_sub(session.next) - 1))
            .sum();
        for bytes in said {
            if let Some(said) = opened(&bytes, packet::PLAIN) {
                assert_eq!(packet::ids(said), (self.theirs, self.own));
                continue;
            }
            let packet = opened(&bytes, session.keys.1).expect("a packet of this session");
            let packet = Packet::of(packet);
            assert_eq!(
                (packet.heard, packet.next, packet.beyond),
                (session.heard, session.next, acked),
                "what has arrived"
            );
            let Some((_, number, payload)) = packet.data else {
                continue;
            };
            let at = session.first + usize::from(number.wrapping_sub(session.first as u16));
            assert!(at < session.first + usize::from(session.window));
            match session.sent.get(at) {
                Some(before) => assert_eq!(*before, payload, "sent again"),
                None => {
                    assert_eq!(at, session.sent.len());
                    let from: usize = session.sent.iter().map(Vec::len).sum();
                    let stream = (from as u64..).take(payload.len());
                    assert!(stream.map(|at| content(3, at)).eq(payload.iter().copied()));
                    assert!(!payload.is_empty());
                    session.sent.push(payload);
                }
            }
        }
        let total: usize = session.sent.iter().map(Vec::len).sum();
        assert_eq!(total as u64, self.end.sent, "what was taken was sent");
    }
}
