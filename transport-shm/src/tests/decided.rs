//! What the two ends of a connection tell of one stream, when it is decided in the middle of something.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::channel as queue;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use channel::transport::{Connection, Disconnect, Receipt};
use channel::{Endpoint, Spin, wait};
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

/// A connection's two ends.
pub fn pair() -> (Connection, Connection) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let sockets = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let (memory, ours) = segment::create(CAPACITIES).unwrap();
    let theirs = segment::attach(memory, CAPACITIES).unwrap();
    let bells = Bells::new().unwrap();
    let copies = bells
        .in_order()
        .map(|bell| bell.as_fd().try_clone_to_owned().unwrap());
    let end = |role, socket: OwnedFd, bells, halves| {
        let parts = Parts {
            role,
            peer: Peer::of(&socket).unwrap(),
            socket: Watched::inbound(socket),
            place: settings(&at("/nowhere".as_ref(), "other")).place,
            bells,
            halves,
        };
        let peer: Endpoint = "shm://other".parse().unwrap();
        connection(parts, peer, Spin::default())
    };
    (
        end(Role::Listener, sockets.0, bells, ours),
        end(
            Role::Dialler,
            sockets.1,
            Bells::try_from(copies).unwrap(),
            theirs,
        ),
    )
}

// shows C4, C9: what the receipt calls unread is not handed out afterwards, though it was lent before.
#[test]
fn what_was_lent_when_all_was_decided_is_not_read() {
    let (mut ours, mut theirs) = pair();
    let written = ours.sink.write(&[IoSlice::new(&[7; 100])], None).unwrap();
    assert_eq!(written, 100);
    let mut cx = Context::from_waker(Waker::noop());
    let mut some = [0; 30];
    for _ in 0..2 {
        assert!(matches!(
            theirs.source.poll_fill(&mut cx),
            Poll::Ready(Ok(100 | 70))
        ));
        if theirs.control.totals().read == 0 {
            let read = theirs
                .source
                .poll_read(&mut cx, &mut [IoSliceMut::new(&mut some)]);
            assert!(matches!(read, Poll::Ready(Ok(30))));
        }
    }
    theirs.control.disconnect(Disconnect::Orderly);
    let until = Some(Instant::now() + LIMIT);
    let control = &ours.control;
    let receipt = wait::block(until, |cx| control.poll_receipt(cx).map(Ok)).unwrap();
    let unread = Receipt::Partial {
        read: 30,
        unread: 70,
    };
    assert_eq!(receipt, unread);
    // A call that was on its way to them.
    let late = theirs
        .source
        .poll_read(&mut cx, &mut [IoSliceMut::new(&mut some)]);
    let Poll::Ready(Err(late)) = late else {
        panic!("{late:?} although it does not count");
    };
    assert_eq!(late.kind(), ErrorKind::NotConnected);
    assert_eq!(theirs.control.totals().read, 30);
    assert_eq!(ours.control.totals().unsent, 70);
}

// shows C9: the last byte is enough; the reader makes no other call.
#[test]
fn a_receipt_that_is_waited_for_comes_with_the_last_byte() {
    let (mut ours, mut theirs) = pair();
    ours.sink.write(&[IoSlice::new(&[7; 100])], None).unwrap();
    ours.sink.finish().unwrap();
    let control = ours.control.clone();
    let (done, receipt) = queue();
    std::thread::spawn(move || {
        done.send(wait::block(None, |cx| control.poll_receipt(cx).map(Ok)).unwrap())
    });
    let most = theirs
        .source
        .read(&mut [IoSliceMut::new(&mut [0; 99])], None);
    assert_eq!(most.unwrap(), 99);
    // So long that whoever waits has looked for the last time of its own accord; if not, this shows less.
    let (_quiet, mut nothing) = pair();
    let soon = Some(Instant::now() + Duration::from_millis(30));
    let nothing = nothing
        .source
        .read(&mut [IoSliceMut::new(&mut [0; 1])], soon);
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::TimedOut);
    let last = theirs
        .source
        .read(&mut [IoSliceMut::new(&mut [0; 1])], None);
    assert_eq!(last.unwrap(), 1);
    let receipt = receipt.recv_timeout(LIMIT).expect("it is told");
    assert_eq!(receipt, Receipt::Complete);
    drop(theirs);
}
