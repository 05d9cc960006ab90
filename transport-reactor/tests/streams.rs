//! Sockets and pipes: bytes, room, ends, and who is told of them.
#![cfg(unix)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use support::{
    Counter, LIMIT, is_readable, poll_once, until_all_is_heard, until_readable, until_writable,
};
use transport_reactor::{Registration, Watched, within};

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

// shows C3: each arrival is told, once.
#[test]
fn bytes_are_news_once_each_time() {
    let (mut near, mut far) = pair();
    let registration = Registration::new(&near).unwrap();
    for round in 0..100 {
        until_all_is_heard();
        assert!(!is_readable(&registration), "round {round}");
        far.write_all(b"x").unwrap();
        until_readable("a byte", &registration);
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
    }
}

// shows C3: what was there before the registration is its first news, for whoever registers late, or again.
#[test]
fn what_holds_already_is_told_at_first() {
    let (near, mut far) = pair();
    far.write_all(b"x").unwrap();
    for _ in 0..2 {
        let registration = Registration::inbound(&near).unwrap();
        until_readable("a byte that was there", &registration);
    }
}

// shows C3
#[test]
fn room_is_news() {
    let (mut near, mut far) = pair();
    let registration = Registration::new(&near).unwrap();
    until_writable("room that was there", &registration);
    let full = near.write_all(&vec![0; 64 << 20]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let mut all = vec![0; 1 << 20];
    while far.read(&mut all).is_ok() {}
    until_writable("room", &registration);
    assert!(near.write(b"x").is_ok());
}

// shows C6: an end without any byte wakes a reader: half of the stream, or all of it.
#[test]
fn an_end_alone_is_inbound_news() {
    for half in [true, false] {
        let (mut near, far) = pair();
        let registration = Registration::inbound(&near).unwrap();
        until_all_is_heard();
        assert!(!is_readable(&registration));
        match half {
            true => far.shutdown(Shutdown::Write).unwrap(),
            false => drop(far),
        }
        until_readable("the end", &registration);
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 0);
    }
}

// shows C6: a pipe whose writer is gone hangs up, and says nothing else.
#[test]
fn a_hang_up_alone_is_inbound_news() {
    let (near, far) = rustix::pipe::pipe().unwrap();
    let registration = Registration::inbound(&near).unwrap();
    until_all_is_heard();
    assert!(!is_readable(&registration));
    drop(far);
    until_readable("the hang-up", &registration);
    assert_eq!(rustix::io::read(&near, &mut [0; 8]).unwrap(), 0);
}

// shows C6: a writer without room hears that its reader is gone.
#[test]
fn a_reader_that_is_gone_is_outbound_news() {
    let (far, near) = rustix::pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&near, true).unwrap();
    while rustix::io::write(&near, &[0; 4096]).is_ok() {}
    let registration = Registration::new(&near).unwrap();
    drop(far);
    until_writable("the hang-up", &registration);
}

// shows B2
#[test]
fn a_connection_is_inbound_news_of_a_listener() {
    let dir = std::env::temp_dir().join(format!("reactor-{}", std::process::id()));
    let listener = UnixListener::bind(&dir).unwrap();
    listener.set_nonblocking(true).unwrap();
    let registration = Registration::inbound(&listener).unwrap();
    for _ in 0..3 {
        until_all_is_heard();
        assert!(!is_readable(&registration));
        let _far = UnixStream::connect(&dir).unwrap();
        until_readable("a connection", &registration);
        listener.accept().unwrap();
    }
    std::fs::remove_file(dir).unwrap();
}

// shows C3: the last waker counts, and the one before it is not left asleep.
#[test]
fn a_waiter_that_is_replaced_is_woken() {
    let (near, mut far) = pair();
    let registration = Registration::new(&near).unwrap();
    let ((first, one), (second, two)) = (Counter::new(), Counter::new());
    assert!(!registration.is_awaited());
    assert_eq!(poll_once(&registration, &one), Poll::Pending);
    assert!(registration.is_awaited());
    assert_eq!(poll_once(&registration, &one), Poll::Pending);
    assert_eq!((first.wakes(), second.wakes()), (0, 0));
    assert_eq!(poll_once(&registration, &two), Poll::Pending);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    far.write_all(b"x").unwrap();
    until_all_is_heard();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert!(!registration.is_awaited());
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("on purpose: the reactor must outlive this");
    }
}

// shows B2: somebody's broken waker disturbs nobody else.
#[test]
fn a_waker_that_panics_is_its_owners_trouble() {
    let (near, mut far) = pair();
    let registration = Registration::inbound(&near).unwrap();
    let waker = Waker::from(Arc::new(Panicking));
    assert_eq!(poll_once(&registration, &waker), Poll::Pending);
    far.write_all(b"x").unwrap();
    until_all_is_heard();
    assert!(is_readable(&registration));
}

// shows C3: a place that was left is taken anew, and nothing is missed in between.
#[test]
fn who_left_comes_back() {
    let (near, mut far) = pair();
    let watched = Watched::new(near);
    let mut buf = [0; 8];
    let mut read = |cx: &mut Context<'_>| {
        loop {
            match watched.get_ref().read(&mut buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
            std::task::ready!(watched.poll_readable(cx))?;
        }
    };
    for round in 0..100 {
        // Somebody waits: it stays, and is told.
        let (counter, waker) = Counter::new();
        assert!(read(&mut Context::from_waker(&waker)).is_pending());
        watched.leave_reactor();
        far.write_all(b"x").unwrap();
        until_all_is_heard();
        assert_eq!(counter.wakes(), 1, "round {round}");
        // Nobody waits: what comes meanwhile is heard of by the next who does.
        watched.leave_reactor();
        far.write_all(b"x").unwrap();
        let got = futures_lite::future::block_on(within(LIMIT, &mut read));
        assert_eq!(got.unwrap().unwrap(), 2, "round {round}");
    }
}

#[test]
fn what_cannot_be_registered_is_an_error() {
    let (near, mut far) = pair();
    let registration = Registration::new(&near).unwrap();
    let again = Registration::new(&near).err().unwrap();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    // The first one goes on.
    far.write_all(b"x").unwrap();
    until_readable("a byte", &registration);
    #[cfg(target_os = "linux")]
    {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let error = Registration::new(&file).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}
