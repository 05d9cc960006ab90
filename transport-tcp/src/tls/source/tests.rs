use std::future::poll_fn;
use std::io::IoSlice;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use channel::Options;
use futures_lite::future::block_on;

use super::*;
use crate::socket::{Socket, Stream};
use crate::tls::session::Side;
use crate::tls::session::tests::sides;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

fn stream(socket: TcpStream, side: Side) -> Arc<TlsStream> {
    socket.set_nonblocking(true).unwrap();
    let socket = Socket::open(Stream::new(socket), &Options::new(), false, None);
    TlsStream::new(socket, side)
}

/// Both ends, which know each other.
fn pair() -> (Arc<TlsStream>, Arc<TlsStream>) {
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

// shows C3: what the other half takes in between this one's try and its wait is heard of, although the system
// has no news of it any more.
#[test]
fn what_another_thread_takes_in_is_heard_of() {
    let (ours, theirs) = pair();
    let spin = Options::new().spin();
    let peer = Endpoint::new("tls", "127.0.0.1:1").unwrap();
    let mut source = TlsSource::new(ours.clone(), LEAST, spin, peer, false);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(source.poll_fill(&mut cx).is_pending());
    assert!(matches!(source.ahead.attempt(), Tried::Nothing));
    theirs.send(&[IoSlice::new(b"x")]).unwrap();
    let until = Instant::now() + LIMIT;
    while !ours.has_received() {
        assert!(Instant::now() < until, "the byte never came");
        // As a half does whose write has failed.
        ours.receive(READ_AHEAD, None).unwrap();
    }
    // What the system may have said of it by now.
    while ours.socket.poll_inbound(&mut cx).is_ready() {}
    assert!(source.ahead.poll_inbound(&mut cx).is_ready());
    let n = block_on(poll_fn(|cx| source.poll_fill(cx))).unwrap();
    assert_eq!((n, source.filled()), (1, &b"x"[..]));
}
