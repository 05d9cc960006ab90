//! A process that was killed, whose child still has the sockets of its channels: they fake no life.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel as queue};
use std::sync::{Arc, mpsc::Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

use channel::transport::{Connection, Control, Listener, Receipt};
use channel::{Endpoint, Options, wait};
use rustix::io::{FdFlags, fcntl_setfd};

use super::process::{start, tell};
use super::{LIMIT, at, private_directory, settings};
use crate::connect::connect;
use crate::listener::ShmListener;
use crate::packets;
use crate::setup::Request;

/// Connections that the process has.
const CONNECTIONS: usize = 4;

/// Dials, and has a child that keeps the sockets; it ends when the test closes the standard input.
pub fn bequeath_channels(at: &Endpoint) {
    let request = Request {
        port: None,
        capacity: 4096,
    };
    let held = [(); CONNECTIONS].map(|()| {
        let (socket, _) = connect(&settings(at)).unwrap().unwrap();
        packets::send(&socket, &request.encode(), &[]).unwrap();
        let offer = loop {
            match packets::receive(&socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                offer => break offer.unwrap(),
            }
        };
        fcntl_setfd(&socket, FdFlags::empty()).unwrap();
        (socket, offer)
    });
    let mut child = Command::new("cat");
    child.stdout(Stdio::null()).stderr(Stdio::null());
    #[expect(clippy::zombie_processes, reason = "it outlives this process")]
    child.spawn().unwrap();
    tell("connected");
    loop {
        thread::park();
        std::hint::black_box(&held);
    }
}

struct Tells(Sender<()>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.0.send(()).ok();
    }
}

fn teller() -> (Receiver<()>, Waker) {
    let (told, news) = queue();
    (news, Arc::new(Tells(told)).into())
}

/// Polls whenever it is woken.
fn awaited<T>(
    news: &Receiver<()>,
    waker: &Waker,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> T {
    loop {
        if let Poll::Ready(value) = poll(&mut Context::from_waker(waker)) {
            return value;
        }
        news.recv_timeout(LIMIT).expect("it is woken");
    }
}

// shows T2, C6, C9: in each form.
#[test]
fn a_child_that_keeps_the_sockets_of_a_killed_process_fakes_no_life() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let mut listener = ShmListener::start(&server, &Options::new()).unwrap();
    let mut process = start(&format!("bequeath-channels {server}"));
    let [read, written, polled, asked] = [(); CONNECTIONS].map(|()| {
        let until = Some(Instant::now() + LIMIT);
        wait::block(until, |cx| listener.poll_accept(cx)).unwrap()
    });
    assert_eq!(process.hear(), "connected");

    let (done, ends) = queue();
    let (Connection { mut source, .. }, also) = (read, done.clone());
    thread::spawn(move || also.send(source.read(&mut [IoSliceMut::new(&mut [0])], None)));
    let Connection { mut sink, .. } = written;
    thread::spawn(move || {
        let error = loop {
            if let Err(error) = sink.write(&[IoSlice::new(&[0; 64])], None) {
                break error;
            }
        };
        done.send(Err(error))
    });
    let (mut source, control) = (polled.source, asked.control);
    let (news, waker) = teller();
    let (receipt_news, receipt_waker) = teller();
    let mut cx = Context::from_waker(&waker);
    assert!(source.poll_fill(&mut cx).is_pending());
    let mut cx = Context::from_waker(&receipt_waker);
    assert!(control.poll_receipt(&mut cx).is_pending());

    process.kill();
    for _ in 0..2 {
        let end = ends.recv_timeout(LIMIT).expect("it hears of the death");
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    news.recv_timeout(LIMIT).expect("it is woken");
    let end = awaited(&news, &waker, |cx| source.poll_fill(cx));
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    receipt_news.recv_timeout(LIMIT).expect("it is woken");
    let receipt = awaited(&receipt_news, &receipt_waker, |cx| control.poll_receipt(cx));
    assert_eq!(receipt, Receipt::Complete, "nothing was written");
}

/// Asks again in the middle of being told, as an executor may that runs what it wakes at once.
struct AsksAgain(Arc<dyn Control>, Sender<()>);

impl Wake for AsksAgain {
    fn wake(self: Arc<Self>) {
        let _ = self.0.poll_receipt(&mut Context::from_waker(Waker::noop()));
        self.1.send(()).ok();
    }
}

// shows C9: who is told that the process had ended before anybody watched may ask in the middle of that.
#[test]
fn whoever_is_told_of_a_death_may_ask_at_once() {
    let directory = private_directory();
    let server = at(directory.path(), "server");
    let mut listener = ShmListener::start(&server, &Options::new()).unwrap();
    let mut process = start(&format!("bequeath-channels {server}"));
    let connections = [(); CONNECTIONS].map(|()| {
        let until = Some(Instant::now() + LIMIT);
        wait::block(until, |cx| listener.poll_accept(cx)).unwrap()
    });
    assert_eq!(process.hear(), "connected");
    process.kill();
    for connection in &connections {
        let (told, news) = queue();
        let control = connection.control.clone();
        thread::spawn(move || {
            let waker = Arc::new(AsksAgain(control.clone(), told)).into();
            let _ = control.poll_receipt(&mut Context::from_waker(&waker));
        });
        news.recv_timeout(LIMIT).expect("it is told, and has asked");
    }
}
