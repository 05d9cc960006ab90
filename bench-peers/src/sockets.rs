//! Ways for two ends to talk over TCP on this machine, behind one interface.
//!
//! The measures are written once, as async functions. Those who block do so inside them and are run
//! by [`now`]; those of an async runtime are run by it, one thread each.

mod certificates;
mod connects;
mod measures;
#[cfg(feature = "nng")]
mod nanomsg;
mod ours;
mod parts;
mod raw;
mod tokio_tls;
mod tokios;
#[cfg(feature = "zmq")]
mod zeromq;

pub use connects::{Connects, connects};
pub(crate) use connects::{ask_anew, warm_connects};
pub(crate) use measures::measure_on;
pub use measures::{bytes, fed, round_trip, sent};
#[cfg(feature = "nng")]
pub use nanomsg::Nng;
#[cfg(feature = "nng")]
pub(crate) use nanomsg::{NngEnd, socket as nng_socket};
pub use ours::{Bytes, BytesEnd, Eager, FromChannel, Plain, Queue, QueueEnd, Tcp, Tls, broker};
pub use parts::{Fed, Measure, RoundTrip, Sent};
pub use raw::{Raw, RawEnd};
pub use tokio_tls::{FramedTls, TokioTls};
pub use tokios::{Framed, Tokio};
#[cfg(feature = "zmq")]
pub use zeromq::ZeroMq;
#[cfg(feature = "zmq")]
pub(crate) use zeromq::ZeroMqEnd;

use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Bytes of messages between two flushes of those who batch.
pub const BATCH: usize = 32 * 1024;

/// One end of a connection.
#[allow(
    async_fn_in_trait,
    reason = "nobody needs to know whether the futures are Send"
)]
pub trait End {
    /// Sends one message; it leaves without further calls.
    async fn send(&mut self, message: &[u8]);

    /// Takes a message for a batch, which leaves when it holds [`BATCH`] bytes.
    async fn feed(&mut self, message: &[u8]) {
        self.send(message).await;
    }

    /// Sends what was taken for a batch.
    async fn flush(&mut self) {}

    /// Waits for a message and shows it.
    async fn receive<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T;

    /// Waits for a message, shows it and sends it back, in the cheapest way there is.
    async fn echo(&mut self, look: impl FnOnce(&[u8]));

    /// Waits for bytes, at most as many as the size of a message, and shows them. By default a
    /// message.
    async fn receive_some<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> T {
        self.receive(look).await
    }
}

/// A way to talk.
#[allow(
    async_fn_in_trait,
    reason = "nobody needs to know whether the futures are Send"
)]
pub trait Way: 'static {
    /// What goes to the thread that uses the end.
    type Raw: Send;
    /// What that thread makes of it.
    type End: End;

    /// Two connected ends.
    fn connect() -> (Self::Raw, Self::Raw);

    /// An end, for messages of `size` bytes.
    async fn end(raw: Self::Raw, size: usize) -> Self::End;

    /// Runs a future on this thread.
    fn run<F: Future>(future: F) -> F::Output {
        now(future)
    }
}

/// Runs a future that never waits, as its calls block.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("calls that block leave nothing to wait for"),
    }
}

/// Two connected sockets that send at once.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("its address");
    let client = TcpStream::connect(at).expect("a listener");
    let (server, _) = listener.accept().expect("a client");
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("a TCP socket");
    }
    (client, server)
}
