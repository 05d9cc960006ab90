//! Strangers that send garbage, many of them.

use super::{Honest, Latencies};
use crate::crowd::{Usage, Watched};
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connections from one address, before the next is used: a closed one keeps its port for a while.
const FROM_ONE: usize = 5_000;

/// How many strangers come.
#[derive(Clone, Copy)]
pub struct Flood {
    /// All together.
    pub count: usize,
    /// In a second; `None`: as many as there can be.
    pub rate: Option<usize>,
}

/// What a flood did.
pub struct Flooded {
    /// How long it lasted.
    pub took: Duration,
    /// What the honest client waited.
    pub honest: Latencies,
    /// The server before it, and a moment after it.
    pub usage: [Usage; 2],
}

/// Floods a server while an honest client works.
pub fn flood(server: &str, flood: Flood) -> Flooded {
    let watched = Watched::start(server);
    let honest = Honest::start(server, &watched.at);
    let place = watched.at.trim_start_matches("tcp://");
    let place = place.split('/').next().expect("host and port");
    let to: SocketAddr = place.parse().expect("an address");
    // What is made once.
    (0..50).for_each(|number| stranger(number, to));
    std::thread::sleep(Duration::from_millis(300));
    let before = watched.usage();
    let begun = Instant::now();
    for number in 0..flood.count {
        if let Some(rate) = flood.rate {
            let due = begun + Duration::from_secs_f64(number as f64 / rate as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        stranger(number, to);
    }
    let took = begun.elapsed();
    let after = watched.settled(before);
    Flooded {
        took,
        honest: honest.stop(),
        usage: [before, after],
    }
}

fn stranger(number: usize, to: SocketAddr) {
    let from = 1 + (number / FROM_ONE % 100) as u8;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from(([127, 0, 1, from], 0));
    // The port of one that was closed a moment ago can be had again.
    socket.set_reuse_address(true).expect("a socket");
    socket
        .bind(&from.into())
        .expect("an address of this machine");
    socket.connect(&to.into()).expect("the server listens");
    let mut stream = TcpStream::from(socket);
    let mut garbage = [0x5a; 64];
    // Some begin as a hello does.
    if number.is_multiple_of(2) {
        garbage[..6].copy_from_slice(b"\xf7ch\n\x10\x01");
    }
    garbage[8..16].copy_from_slice(&(number as u64).to_be_bytes());
    // It may be thrown out before.
    let _ = stream.write_all(&garbage);
}
