//! nng.

use super::{Connects, End, Way};
use nng::options::{Options, RecvBufferSize, SendBufferSize};
use nng::{Protocol, Socket};
use std::net::TcpListener;

/// Two pair sockets of nng over `tcp`.
pub struct Nng;

/// One end of [`Nng`].
pub struct NngEnd(pub(crate) Socket);

impl End for NngEnd {
    async fn send(&mut self, message: &[u8]) {
        self.0.send(message).expect("the socket is open");
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.0.recv().expect("the socket is open"))
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = self.0.recv().expect("the socket is open");
        look(&message);
        self.0.send(message).expect("the socket is open");
    }
}

/// A socket that holds as many messages as one of ZeroMQ's does by default.
pub(crate) fn socket(protocol: Protocol) -> Socket {
    let socket = Socket::new(protocol).expect("a socket");
    if let Protocol::Pair0 = protocol {
        socket.set_opt::<SendBufferSize>(1000).expect("room");
        socket.set_opt::<RecvBufferSize>(1000).expect("room");
    }
    socket
}

/// A listening socket, and where it is. A port is borrowed from the system, as nng takes only one
/// that it is told.
fn listen(protocol: Protocol) -> (Socket, String) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = free.local_addr().expect("its address");
    drop(free);
    let at = format!("tcp://{at}");
    let socket = socket(protocol);
    socket.listen(&at).expect("the port is free");
    (socket, at)
}

impl Way for Nng {
    type Raw = Socket;
    type End = NngEnd;

    fn connect() -> (Socket, Socket) {
        let (server, at) = listen(Protocol::Pair0);
        let client = socket(Protocol::Pair0);
        client.dial(&at).expect("a listener");
        (client, server)
    }

    async fn end(socket: Socket, _size: usize) -> NngEnd {
        NngEnd(socket)
    }
}

impl Connects for Nng {
    type Listening = Socket;
    type At = String;
    type Client = ();

    fn listen() -> (Socket, String) {
        listen(Protocol::Rep0)
    }

    async fn serve(server: Socket, times: u64) {
        for _ in 0..times {
            let byte = server.recv().expect("the socket is open");
            server.send(byte).expect("the socket is open");
        }
        // The last answer has not left: closing would throw it away.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    async fn client() {}

    async fn once((): &(), at: &String, byte: u8) -> u8 {
        let socket = Socket::new(Protocol::Req0).expect("a socket");
        socket.dial(at).expect("a listener");
        socket.send(&[byte][..]).expect("the socket is open");
        socket.recv().expect("an answer")[0]
    }
}
