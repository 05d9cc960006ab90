//! nng within the process.

use super::{End, Pair, messages};
use nng::options::{Options, RecvBufferSize, SendBufferSize};
use nng::{Protocol, Socket};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two pair sockets of nng over `inproc`. A message is copied into one of the library's, of which the
/// pointer is passed.
pub struct Nng;
/// One end of [`Nng`].
pub struct NngEnd {
    socket: Socket,
}
impl End for NngEnd {
    fn send(&mut self, message: &[u8]) {
        self.socket.send(message).expect("the socket is open");
    }
    fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.socket.recv().expect("the socket is open"))
    }
    fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = self.socket.recv().expect("the socket is open");
        look(&message);
        self.socket.send(message).expect("the socket is open");
    }
}
impl Pair for Nng {
    type End = NngEnd;
    fn pair(capacity: usize, size: usize) -> (NngEnd, NngEnd) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("inproc://{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let room = messages(capacity, size) as i32;
        let socket = || {
            let socket = Socket::new(Protocol::Pair0).expect("a socket");
            socket.set_opt::<SendBufferSize>(room / 2).expect("room");
            let rest = room - room / 2;
            socket.set_opt::<RecvBufferSize>(rest).expect("room");
            socket
        };
        let (a, b) = (socket(), socket());
        a.listen(&name).expect("the name is free");
        b.dial(&name).expect("the other is there");
        (NngEnd { socket: a }, NngEnd { socket: b })
    }
}
