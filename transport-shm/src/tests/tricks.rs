//! A peer that hangs up, or rings, and goes on writing where both sides write: what its victim's calls make of
//! that.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use channel::transport::Connection;
use channel::{Endpoint, Spin};
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use transport_reactor::Watched;

use super::{LIMIT, at, settings};
use crate::connection::{Bells, Parts, connection};
use crate::peer::Peer;
use crate::segment::{self, Capacities, Role};

const CAPACITIES: Capacities = Capacities {
    up: 4096,
    down: 4096,
};
/// Where a ring's flags lie in the memory, and where the second ring begins.
const FLAGS: u64 = 256;
const SECOND: u64 = 4096 + 320;

/// What the other end of a connection has in its hands.
struct Trickster {
    memory: OwnedFd,
    socket: OwnedFd,
}

impl Trickster {
    /// The listener's side of a connection to it.
    fn victim(bell: impl Fn() -> OwnedFd) -> (Trickster, Connection) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, ours) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let (memory, halves) = segment::create(CAPACITIES).unwrap();
        let trickster = Trickster { memory, socket };
        let elsewhere = at("/nowhere".as_ref(), "trickster");
        let parts = Parts {
            role: Role::Listener,
            peer: Peer::of(&ours).unwrap(),
            socket: Watched::inbound(ours),
            place: settings(&elsewhere).place,
            bells: Bells::try_from([(); 4].map(|()| bell())).unwrap(),
            halves,
        };
        let peer: Endpoint = "shm://trickster".parse().unwrap();
        (trickster, connection(parts, peer, Spin::default()))
    }

    /// Takes down the flags of both rings.
    fn undo_ends(memory: impl AsFd) {
        for ring in [0, SECOND] {
            rustix::io::pwrite(&memory, &[0; 4], ring + FLAGS).unwrap();
        }
    }
}

/// Runs what must come to an end.
fn ends<T: Send + 'static>(what: &str, call: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(call()));
    result
        .recv_timeout(LIMIT)
        .unwrap_or_else(|_| panic!("{what} does not end"))
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

// shows T2, C6: its own channel fails, and takes no thread with it.
#[test]
fn a_peer_that_is_gone_stays_gone() {
    let bell = || eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let (Trickster { memory, socket }, victim) = Trickster::victim(bell);
    let Connection {
        mut source,
        mut sink,
        control,
        ..
    } = victim;
    drop(socket);
    assert!(control.peer_gone());
    Trickster::undo_ends(&memory);
    let (read, written) = ends("a poll", move || {
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(read) = source.poll_fill(&mut cx) else {
            panic!("nothing more can come");
        };
        let until = Some(Instant::now() + LIMIT);
        let again = source.read(&mut [IoSliceMut::new(&mut [0; 8])], until);
        assert_eq!(kind(again), ErrorKind::ConnectionReset);
        // As long as there is room, it may go on for nobody.
        let bytes = [IoSlice::new(&[1; 4096])];
        let written = loop {
            match sink.poll_write(&mut cx, &bytes) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => break error.kind(),
                Poll::Pending => panic!("there will be no room"),
            }
        };
        assert_eq!(kind(sink.write(&bytes, until)), ErrorKind::ConnectionReset);
        (kind(read), written)
    });
    assert_eq!(read, ErrorKind::ConnectionReset);
    assert_eq!(written, ErrorKind::ConnectionReset);
}

// shows T2, C3: an event of another kind, which cannot be silenced.
#[test]
fn a_bell_that_never_stops_keeps_nobody_from_the_time_limit() {
    let flags = EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE;
    let (_trickster, victim) = Trickster::victim(|| eventfd(u32::MAX, flags).unwrap());
    let (mut source, mut sink) = (victim.source, victim.sink);
    let kinds = ends("a call with a time limit", move || {
        let soon = || Some(Instant::now() + Duration::from_millis(20));
        let read = source.read(&mut [IoSliceMut::new(&mut [0; 8])], soon());
        let full = sink.write(&[IoSlice::new(&[1; 4096])], soon()).unwrap();
        assert_eq!(full, 4096);
        let written = sink.write(&[IoSlice::new(&[1])], soon());
        [kind(read), kind(written)]
    });
    assert_eq!(kinds, [ErrorKind::TimedOut; 2]);
}
