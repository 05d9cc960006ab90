use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;

use super::*;
use crate::socket::Stream;
use crate::tls::session::tests::sides;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

fn stream(socket: TcpStream, side: Side) -> Arc<TlsStream> {
    socket.set_nonblocking(true).unwrap();
    let socket = Socket::open(Stream::new(socket), &Options::new(), false, None);
    TlsStream::new(socket, side)
}

/// Both ends, which know each other.
pub(in crate::tls) fn pair() -> (Arc<TlsStream>, Arc<TlsStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (one, other) = sides();
    let (client, server) = (stream(client, one), stream(server, other));
    thread::scope(|scope| {
        scope.spawn(|| block_on(client.established(LIMIT)).unwrap());
        block_on(server.established(LIMIT)).unwrap();
    });
    (client, server)
}

// shows C5, C6: the job that sends in the background finds nothing left, and before it comes to the end of the stream
// there is a last write, which the system does not take, and then the end.
#[test]
fn a_late_end_of_the_background_job_cuts_nothing_off() {
    let (ours, theirs) = pair();
    assert!(ours.end_flusher(false));
    let block = [1; 64 * 1024];
    let mut written = 0;
    while ours.inner.lock().session.outgoing.is_empty() {
        written += ours.send(&[IoSlice::new(&block)]).unwrap().unwrap_or(0);
    }
    ours.finish(true);
    ours.settle();
    let (mut read, until) = (0, Instant::now() + LIMIT);
    loop {
        assert!(Instant::now() < until, "the end never came");
        let mut deliver = |bytes: &[u8]| read += bytes.len();
        match theirs.receive(READ_AHEAD, Some(&mut deliver)).unwrap() {
            Received::End => break,
            Received::Nothing => {
                let readable = std::future::poll_fn(|cx| theirs.socket.poll_inbound(cx));
                block_on(readable).unwrap();
            }
            Received::Something | Received::Elsewhere => {}
        }
    }
    assert_eq!(read, written);
}
