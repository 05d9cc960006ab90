//! ZeroMQ within the process.

use super::{End, Pair, messages};

/// Two PAIR sockets of ZeroMQ over `inproc`. A message is copied into one of the library's, of which
/// the pointer is passed; one of up to 33 bytes travels in the queue itself.
pub struct ZeroMq;
/// One end of [`ZeroMq`].
pub struct ZeroMqEnd {
    socket: zmq::Socket,
}
impl End for ZeroMqEnd {
    fn send(&mut self, message: &[u8]) {
        self.socket.send(message, 0).expect("the socket is open");
    }
    fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.socket.recv_msg(0).expect("the socket is open"))
    }
    fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = self.socket.recv_msg(0).expect("the socket is open");
        look(&message);
        self.socket.send(message, 0).expect("the socket is open");
    }
}
impl Pair for ZeroMq {
    type End = ZeroMqEnd;
    fn pair(capacity: usize, size: usize) -> (ZeroMqEnd, ZeroMqEnd) {
        // Over inproc, the room is that of both ends together.
        let room = messages(capacity, size);
        let context = zmq::Context::new();
        let socket = || {
            let socket = context.socket(zmq::PAIR).expect("a socket");
            socket.set_sndhwm((room / 2) as i32).expect("a limit");
            socket.set_rcvhwm(room.div_ceil(2) as i32).expect("a limit");
            socket
        };
        let (a, b) = (socket(), socket());
        a.bind("inproc://pair").expect("the name is free");
        b.connect("inproc://pair").expect("the other is there");
        (ZeroMqEnd { socket: a }, ZeroMqEnd { socket: b })
    }
}
