//! ZeroMQ.

use super::{Connects, End, Way};

/// Two PAIR sockets of ZeroMQ over `tcp`, each with a context, and so an I/O thread, of its own.
pub struct ZeroMq;

/// One end of [`ZeroMq`].
pub struct ZeroMqEnd(pub(crate) zmq::Socket);

impl End for ZeroMqEnd {
    async fn send(&mut self, message: &[u8]) {
        self.0.send(message, 0).expect("the socket is open");
    }
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.0.recv_msg(0).expect("the socket is open"))
    }
    async fn echo(&mut self, look: impl FnOnce(&[u8])) {
        let message = self.0.recv_msg(0).expect("the socket is open");
        look(&message);
        self.0.send(message, 0).expect("the socket is open");
    }
}

fn listen(context: &zmq::Context, kind: zmq::SocketType) -> (zmq::Socket, String) {
    let socket = context.socket(kind).expect("a socket");
    socket.bind("tcp://127.0.0.1:*").expect("a port");
    let at = socket.get_last_endpoint().expect("it is bound");
    (socket, at.expect("text"))
}

impl Way for ZeroMq {
    type Raw = zmq::Socket;
    type End = ZeroMqEnd;

    fn connect() -> (zmq::Socket, zmq::Socket) {
        let (server, at) = listen(&zmq::Context::new(), zmq::PAIR);
        let client = zmq::Context::new().socket(zmq::PAIR).expect("a socket");
        client.connect(&at).expect("a listener");
        // Its I/O threads start here, on any core.
        client.send("ready", 0).expect("the socket is open");
        server.recv_msg(0).expect("the socket is open");
        (client, server)
    }

    async fn end(socket: zmq::Socket, _size: usize) -> ZeroMqEnd {
        ZeroMqEnd(socket)
    }
}

impl Connects for ZeroMq {
    type Listening = zmq::Socket;
    type At = String;
    type Client = zmq::Context;

    fn listen() -> (zmq::Socket, String) {
        listen(&zmq::Context::new(), zmq::REP)
    }

    async fn serve(server: zmq::Socket, times: u64) {
        for _ in 0..times {
            let byte = server.recv_msg(0).expect("the socket is open");
            server.send(byte, 0).expect("the socket is open");
        }
        // Closing it here would throw the last answer away if it has not left: the client waits.
    }

    async fn client() -> zmq::Context {
        zmq::Context::new()
    }

    async fn once(context: &zmq::Context, at: &String, byte: u8) -> u8 {
        let socket = context.socket(zmq::REQ).expect("a socket");
        socket.connect(at).expect("a listener");
        socket.send(&[byte][..], 0).expect("the socket is open");
        socket.recv_msg(0).expect("an answer")[0]
    }
}
