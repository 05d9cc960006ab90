//! Places in the line that outlive what happens to those who hold them, and wakers that are
//! somebody's code.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use channel::{Broker, Domain};
use support::{Task, within};

fn brokers() -> (Domain, Broker) {
    let domain = Domain::new();
    let server = domain.broker("server").unwrap();
    (domain, server)
}

// shows B2, B3: a connector whose acceptor was lost before it heard of the match is first in the
// line again, not last.
#[test]
fn a_lost_acceptor_costs_no_place() {
    let (domain, server) = brokers();
    let names = ["first", "second", "third"];
    let clients = names.map(|name| domain.broker(name).unwrap());
    let mut connecting = clients.map(|client| {
        let mut task = Task::new(async move { client.connect_async("server", 1).await });
        assert!(task.poll().is_pending());
        task
    });
    for _ in 0..3 {
        let lost = server.try_accept(1).unwrap();
        assert_eq!(lost.handle().peer_name(), "first");
        lost.handle().abort();
        drop(lost);
        assert!(connecting[0].poll().is_pending(), "it waits again");
    }
    for (name, task) in names.into_iter().zip(&mut connecting) {
        let ours = server.try_accept(1).unwrap();
        assert_eq!(ours.handle().peer_name(), name);
        task.expect_ready(name).unwrap();
    }
}

/// A waker that comes back to the table when it is dropped.
struct Nosy(Broker);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.waiting(1);
    }
}

/// Polls with a waker that only what is polled keeps.
fn poll_nosy<T>(broker: &Broker, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) {
    let waker = Waker::from(Arc::new(Nosy(broker.clone())));
    assert!(poll(&mut Context::from_waker(&waker)).is_pending());
}

fn poll_noop<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) {
    assert!(poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

// A waker is somebody's code: an acceptor's is dropped under no lock, whatever ends its wait.
#[test]
fn acceptors_wakers_are_dropped_under_no_lock() {
    within("an acceptor's wakers", || {
        let (domain, server) = brokers();
        let mut acceptor = server.acceptor(1);
        poll_nosy(&server, |cx| acceptor.poll_accept(cx));
        poll_noop(|cx| acceptor.poll_accept(cx));
        poll_nosy(&server, |cx| acceptor.poll_accept(cx));
        drop(acceptor);
        let mut acceptor = server.acceptor(1);
        poll_nosy(&server, |cx| acceptor.poll_accept(cx));
        assert!(acceptor.accept_timeout(std::time::Duration::ZERO).is_err());
        let mut acceptor = server.acceptor(1);
        poll_nosy(&server, |cx| acceptor.poll_accept(cx));
        let client = domain.broker("client").unwrap();
        client.try_connect("server", 1).unwrap();
        drop(acceptor);
        let mut acceptor = server.acceptor(2);
        poll_nosy(&server, |cx| acceptor.poll_accept(cx));
        server.close();
    });
}

// The same of a connector's.
#[test]
fn connectors_wakers_are_dropped_under_no_lock() {
    within("a connector's wakers", || {
        let (domain, server) = brokers();
        let client = domain.broker("client").unwrap();
        let connect = || Box::pin(client.connect_async("server", 1));
        let mut connecting = connect();
        poll_nosy(&server, |cx| connecting.as_mut().poll(cx));
        poll_noop(|cx| connecting.as_mut().poll(cx));
        poll_nosy(&server, |cx| connecting.as_mut().poll(cx));
        drop(connecting);
        let mut connecting = connect();
        poll_nosy(&server, |cx| connecting.as_mut().poll(cx));
        server.try_accept(1).unwrap();
        drop(connecting);
        let mut connecting = connect();
        poll_nosy(&server, |cx| connecting.as_mut().poll(cx));
        server.close();
    });
}

/// A task, as executors have it: the waker owns what is polled.
struct Owner {
    _work: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

// The last waker of a task can be the one that a future of ours keeps, and the task's own connect is
// dropped with it.
#[test]
fn tasks_are_dropped_under_no_lock() {
    within("tasks", || {
        let (domain, server) = brokers();
        let client = domain.broker("client").unwrap();
        let connects = |port| {
            let client = client.clone();
            let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                let _ = client.connect_async("server", port).await;
            });
            poll_noop(|cx| work.as_mut().poll(cx));
            work
        };
        let owner = |work| {
            Waker::from(Arc::new(Owner {
                _work: Mutex::new(work),
            }))
        };
        let mut shared = connects(1);
        let first = owner(connects(2));
        poll_noop(|_| shared.as_mut().poll(&mut Context::from_waker(&first)));
        drop(first);
        poll_noop(|cx| shared.as_mut().poll(cx));
        let second = owner(connects(2));
        poll_noop(|_| shared.as_mut().poll(&mut Context::from_waker(&second)));
        drop(second);
        drop(shared);
        assert_eq!(
            server.waiting(1).connectors + server.waiting(2).connectors,
            0
        );
    });
}

// shows B3, C1: whoever met an acceptor that gave up, and has left without a word, is met by nobody;
// but what it wrote before it left is delivered.
#[test]
fn a_connector_that_has_left() {
    let (domain, server) = brokers();
    let client = domain.broker("client").unwrap();
    let leave = |words: &[u8]| {
        let mut acceptor = server.acceptor(1);
        assert!(acceptor.try_accept().is_err());
        let mut theirs = client.try_connect("server", 1).unwrap();
        drop(acceptor);
        theirs.write_all(words).unwrap();
    };
    leave(b"");
    assert!(server.try_accept(1).is_err());
    leave(b"words");
    let mut ours = server.try_accept(1).unwrap();
    let mut words = [0; 5];
    ours.read_exact(&mut words).unwrap();
    assert_eq!((&words, ours.read(&mut [0]).unwrap()), (b"words", 0));
}
