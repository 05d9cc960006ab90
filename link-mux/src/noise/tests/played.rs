//! An end whose peer is played by the test.

use std::vec;
use std::vec::Vec;

use core::time::Duration;

use crate::greeting::Ids;
use crate::noise::line::{Unstuffer, stuff, stuffed_len};
use crate::noise::packet::{
    Ack, CHECK, Data, HEAD, Hello, Key, Said, read, read_hello, write_head,
};
use crate::noise::{Noise, NoiseConfig, NoiseEvent};

pub const PATIENCE: Duration = Duration::from_secs(5);
pub const MS: Duration = Duration::from_millis(1);

/// A real end, and what a peer needs to know to talk to it.
pub struct Played {
    pub noise: Noise,
    pub now: Duration,
    /// Our id, and the end's.
    pub ids: (u64, u64),
    pub got: Vec<u8>,
    /// How many bytes the end may still send, 7 each packet.
    pub supply: usize,
}

/// What the end sent.
#[derive(Debug, PartialEq)]
pub enum Sent {
    Hello(Ids, u16, u8),
    Packet(Ack, Option<(u8, u16, usize)>),
}

impl Played {
    pub fn new(payload: u16, window: u8) -> Played {
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
    pub fn up(payload: u16, window: u8) -> Played {
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

    pub fn receive(&mut self, packet: &[u8]) {
        let mut line = vec![0; stuffed_len(packet.len())];
        let n = stuff(packet, &mut line);
        let got = &mut self.got;
        self.noise.receive(self.now, &line[..n], &mut |bytes| {
            got.extend_from_slice(bytes)
        });
    }

    pub fn hello(&mut self, payload: u16, window: u8) {
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

    pub fn packet(&mut self, ack: Ack, data: Option<(u8, u16)>, payload: &[u8]) {
        let mut packet = vec![0; HEAD];
        packet.extend_from_slice(payload);
        packet.extend_from_slice(&[0; CHECK]);
        let start = write_head(&ack, data, &mut packet);
        Key::of(self.ids.0, self.ids.1).seal(&mut packet[start..]);
        self.receive(&packet[start..]);
    }

    pub fn ack(&mut self, heard: u8, next: u16, beyond: u64) {
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
    pub fn sent(&mut self) -> Vec<Sent> {
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
    pub fn data(&mut self) -> Vec<(u8, u16)> {
        let data = |sent| match sent {
            Sent::Packet(_, data) => data.map(|(stamp, number, _)| (stamp, number)),
            Sent::Hello(..) => None,
        };
        self.sent().into_iter().filter_map(data).collect()
    }

    /// The acknowledgements that the end sends now without data.
    pub fn acks(&mut self) -> Vec<Ack> {
        let ack = |sent| match sent {
            Sent::Packet(ack, None) => Some(ack),
            _ => None,
        };
        self.sent().into_iter().filter_map(ack).collect()
    }
}
