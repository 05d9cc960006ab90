//! What the kernel knows about the connections of this machine.
#![cfg(target_os = "linux")]

use std::net::{SocketAddr, TcpStream};

/// One open connection over IPv4.
pub struct Connection {
    local_port: u16,
    remote_port: u16,
    /// Bytes that have left, or wait to, and that the peer has not acknowledged.
    pub unacknowledged: u32,
    /// Bytes that have arrived and were not read.
    pub unread: u32,
    /// How many times the oldest unacknowledged bytes were sent again.
    pub sent_again: u32,
}

/// All of the machine, or network namespace, on which the calling thread stands.
pub fn connections() -> Vec<Connection> {
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
    let number = |text: &str| u32::from_str_radix(text, 16).unwrap();
    let pair = |text: &str| {
        let (one, other) = text.split_once(':').unwrap();
        (number(one), number(other))
    };
    let of_line = |line: &str| {
        // Number, local, remote, state, queues, timer, retransmissions.
        let fields: Vec<_> = line.split_whitespace().collect();
        let (unacknowledged, unread) = pair(fields[4]);
        Connection {
            local_port: pair(fields[1]).1 as u16,
            remote_port: pair(fields[2]).1 as u16,
            unacknowledged,
            unread,
            sent_again: number(fields[6]),
        }
    };
    // Open, or with the peer's end behind the bytes. Of those that have ended there may be very many.
    let is_open = |line: &&str| line.contains(" 01 ") || line.contains(" 08 ");
    table.lines().filter(is_open).map(of_line).collect()
}

/// What lies unread at the other end of a connection between two sockets of this machine.
pub fn unread_by_peer_of(stream: &TcpStream) -> u32 {
    let port = |address: std::io::Result<SocketAddr>| address.unwrap().port();
    let (ours, theirs) = (port(stream.local_addr()), port(stream.peer_addr()));
    let all = connections();
    let peer = |one: &&Connection| (one.local_port, one.remote_port) == (theirs, ours);
    all.iter().find(peer).map_or(0, |one| one.unread)
}
