//! nng over `ipc`.

use super::{Apart, Task, fresh};
use crate::sockets::{NngEnd, nng_socket};
use nng::{Protocol, Socket};

/// Two pair sockets.
pub struct Nng;

impl Apart for Nng {
    type Listening = Socket;
    type End = NngEnd;

    fn listen(_task: Task) -> (Socket, String) {
        let socket = nng_socket(Protocol::Pair0);
        // The library removes it again.
        let path = std::env::temp_dir().join(fresh());
        let at = format!("ipc://{}", path.display());
        socket.listen(&at).expect("the name is free");
        (socket, at)
    }

    fn accept(socket: Socket, _task: Task) -> NngEnd {
        NngEnd(socket)
    }

    fn connect(at: &str, _task: Task) -> NngEnd {
        let socket = nng_socket(Protocol::Pair0);
        socket.dial(at).expect("a listener");
        NngEnd(socket)
    }
}
