//! The servers that are abused, each in a process of its own.

use super::{ECHO, FULL};
use crate::sockets::broker;
use channel::{Channel, WriteError};
use socket2::{Socket, Type};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

/// Accepts, and closes at once; the first connection alone is echoed.
pub const BARE: &str = "bare";
/// This project's, with default options.
pub const OURS: &str = "ours";

/// The server of that name.
pub fn serve(name: &str) -> crate::crowd::Serve {
    match name {
        BARE => bare,
        OURS => ours,
        _ => panic!("no server is called {name}"),
    }
}

fn bare(say: &dyn Fn(&str)) {
    let socket = Socket::new(socket2::Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).expect("a port");
    // As ours: else the strangers wait at the door of the one and not of the other.
    socket.listen(4096).expect("a socket");
    let listener = TcpListener::from(socket);
    say(&listener.local_addr().expect("its address").to_string());
    let (mut honest, _) = listener.accept().expect("a client");
    honest.set_nodelay(true).expect("a TCP socket");
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n) = honest.read(&mut buffer) {
            if n == 0 || honest.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
    });
    loop {
        drop(listener.accept());
    }
}

fn ours(say: &dyn Fn(&str)) {
    let server = broker("server");
    let at = "tcp://127.0.0.1:0/server".parse().expect("an endpoint");
    let bound = server.listen(&at).expect("a port");
    say(&bound.endpoint().to_string());
    let full = server.clone();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok(mut channel) = full.accept(FULL) {
            fill(&mut channel);
            held.push(channel);
        }
    });
    while let Ok(mut channel) = server.accept(ECHO) {
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = channel.read(&mut buffer) {
                if n == 0 || channel.write_all(&buffer[..n]).is_err() {
                    return;
                }
            }
        });
    }
}

/// Writes until nothing has fitted for a while.
fn fill(channel: &mut Channel) {
    let chunk = [7; 64 * 1024];
    loop {
        match channel.write_timeout(&chunk, Duration::from_millis(50)) {
            Ok(_) => {}
            Err(WriteError::TimedOut) => return,
            Err(error) => panic!("the channel is lost: {error}"),
        }
    }
}
