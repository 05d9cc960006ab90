//! The standard library's Unix sockets, used as [`Raw`](crate::sockets::Raw) uses TCP's.

use super::{Apart, Task, fresh};
use crate::sockets::{Connects, RawEnd};
use std::io::{Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// `UnixStream`.
pub struct Unix;

/// The address of that name, which takes no place in the file system.
pub(super) fn address(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name).expect("a short name")
}

/// Listens under a fresh name.
pub(super) fn listen() -> (UnixListener, String) {
    let name = fresh();
    let listener = UnixListener::bind_addr(&address(&name));
    (listener.expect("the name is free"), name)
}

/// Connects to who listens under that name.
pub(super) fn connect(name: &str) -> UnixStream {
    UnixStream::connect_addr(&address(name)).expect("a listener")
}

/// Waits for somebody who connects.
pub(super) fn accept(listener: &UnixListener) -> UnixStream {
    listener.accept().expect("the other process").0
}

impl Apart for Unix {
    type Listening = UnixListener;
    type End = RawEnd<UnixStream>;

    fn listen(_task: Task) -> (UnixListener, String) {
        listen()
    }

    fn accept(listener: UnixListener, task: Task) -> Self::End {
        RawEnd::new(accept(&listener), task.size)
    }

    fn connect(at: &str, task: Task) -> Self::End {
        RawEnd::new(connect(at), task.size)
    }
}

impl Connects for Unix {
    type Listening = UnixListener;
    type At = String;
    type Client = ();

    fn listen() -> (UnixListener, String) {
        listen()
    }

    async fn serve(listener: UnixListener, times: u64) {
        for _ in 0..times {
            let mut stream = accept(&listener);
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a byte");
            stream.write_all(&byte).expect("the connection lives");
        }
    }

    async fn client() {}

    async fn once((): &(), at: &String, byte: u8) -> u8 {
        let mut stream = connect(at);
        stream.write_all(&[byte]).expect("the connection lives");
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("an answer");
        answer[0]
    }
}
