use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use transport_reactor::within;

use super::*;
use crate::socket::Stream;
use crate::socket::tests::Woken;
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

// shows C3: the reader is called from its sleep at the socket when another thread takes in the peer's end, of which the
// system knows nothing.
#[test]
fn an_end_that_another_thread_takes_in_is_heard_of() {
    let (ours, theirs) = pair();
    assert!(!ours.socket.state.reading.take_call());
    theirs.inner.lock().session.close();
    assert!(matches!(theirs.flush(), Ok(Sent::All)));
    let until = Instant::now() + LIMIT;
    while !ours.has_received() {
        assert!(Instant::now() < until, "the end never came");
        ours.receive(READ_AHEAD, None).unwrap();
    }
    assert!(ours.socket.state.reading.take_call());
}

// shows C7: what was written leaves after the reader was dropped, though nobody writes any more: what a peer that reads
// nothing sends meanwhile is discarded.
#[test]
fn a_writer_that_rests_has_what_comes_discarded() {
    let (ours, theirs) = pair();
    let block = [1; 64 * 1024];
    let bufs = [IoSlice::new(&block)];
    let fill = || {
        let mut written = 0;
        while ours.inner.lock().session.outgoing.is_empty() {
            written += ours.send(&bufs).unwrap().unwrap_or(0);
        }
        written
    };
    let mut written = fill();
    ours.source_dropped();
    // It writes more than all buffers on the way hold, and then it reads.
    let (mut sent, until) = (0, Instant::now() + LIMIT);
    while sent < 32 << 20 {
        assert!(Instant::now() < until, "nobody discards");
        match theirs.send(&bufs).unwrap() {
            Some(n) => sent += n,
            None => {
                // The system may have taken more by now.
                written += fill();
                let soon = Duration::from_millis(10);
                let _ = block_on(within(soon, |cx| theirs.poll_sent(cx)));
            }
        }
    }
    let mut read = 0;
    while read < written {
        let mut deliver = |bytes: &[u8]| read += bytes.len();
        if theirs.receive(READ_AHEAD, Some(&mut deliver)).unwrap() == Received::Nothing {
            let readable = std::future::poll_fn(|cx| theirs.socket.poll_inbound(cx));
            block_on(readable).unwrap();
        }
    }
    assert_eq!(read, written);
}

// shows C7: the same, for a job that sleeps when the reader is dropped: it is to look again.
#[test]
fn a_dropped_reader_wakes_the_background_job() {
    let (ours, _theirs) = pair();
    let job = Arc::<Woken>::default();
    ours.wakers.flusher.set(&Waker::from(job.clone()));
    ours.source_dropped();
    assert!(job.is());
}
