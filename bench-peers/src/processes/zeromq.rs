//! ZeroMQ over `ipc`.

use super::{Apart, Task, fresh};
use crate::sockets::ZeroMqEnd;

/// Two PAIR sockets.
pub struct ZeroMq;

impl ZeroMq {
    fn socket() -> zmq::Socket {
        // The socket keeps its context.
        zmq::Context::new().socket(zmq::PAIR).expect("a socket")
    }
}

impl Apart for ZeroMq {
    type Listening = zmq::Socket;
    type End = ZeroMqEnd;

    fn listen(_task: Task) -> (zmq::Socket, String) {
        let socket = Self::socket();
        // A name that takes no place in the file system.
        let at = format!("ipc://@{}", fresh());
        socket.bind(&at).expect("the name is free");
        (socket, at)
    }

    fn accept(socket: zmq::Socket, _task: Task) -> ZeroMqEnd {
        // Its I/O thread starts here, on any core.
        socket.recv_msg(0).expect("the socket is open");
        ZeroMqEnd(socket)
    }

    fn connect(at: &str, _task: Task) -> ZeroMqEnd {
        let socket = Self::socket();
        socket.connect(at).expect("a listener");
        socket.send("ready", 0).expect("the socket is open");
        ZeroMqEnd(socket)
    }
}
