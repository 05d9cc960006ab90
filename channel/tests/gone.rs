//! Whoever is gone is seen to be gone, in the right way, and holds on to nothing.

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use channel::{ConnectError, Domain, Handle, ReadError, State, Task, WriteError};
use support::{LONG, eventually, pair, within};
use tracing::field::Field;

/// Stops the thread that logs a disconnect until it is told to go on.
struct Stop(Mutex<(Sender<()>, Receiver<()>)>);

impl tracing::Subscriber for Stop {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut abort = false;
        event.record(&mut |field: &Field, value: &dyn std::fmt::Debug| {
            abort |= field.name() == "how" && format!("{value:?}") == "Abort";
        });
        if abort {
            let talk = self.0.lock().unwrap();
            talk.0.send(()).unwrap();
            let _ = talk.1.recv_timeout(LONG);
        }
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

// shows C6, C7: an abort is a loss for the peer even if other threads drop the halves while it is
// under way.
#[test]
fn an_abort_is_never_an_orderly_end() {
    within("an abort with dropped halves", || {
        let (a, mut b) = pair();
        let handle = a.handle();
        let (reader, mut writer) = a.split();
        writer.write_all(b"half a mess").unwrap();
        let ((told, stopped), (go, goes)) = (channel(), channel());
        let aborting = thread::spawn(move || {
            let stop = Stop(Mutex::new((told, goes)));
            tracing::subscriber::with_default(stop, || handle.abort());
        });
        stopped.recv().unwrap();
        drop((reader, writer));
        let mut got = [0; 11];
        b.read_exact(&mut got).unwrap();
        let end = b.read(&mut got);
        let refusal = b.write(b"x");
        go.send(()).unwrap();
        aborting.join().unwrap();
        assert!(matches!(end, Err(ReadError::PeerLost(_))), "{end:?}");
        assert!(
            matches!(refusal, Err(WriteError::PeerLost(_))),
            "{refusal:?}"
        );
    });
}

// shows C2: an end that was read stays the end, whatever becomes of the peer.
#[test]
fn the_end_stays_the_end() {
    let (mut a, mut b) = pair();
    a.finish().unwrap();
    assert_eq!(b.read(&mut [0]).unwrap(), 0);
    a.handle().abort();
    assert_eq!(b.read(&mut [0]).unwrap(), 0);
    assert!(matches!(b.write(b"x"), Err(WriteError::PeerLost(_))));
}

fn state(handle: &Handle) -> (State, bool) {
    (handle.info().state, handle.disconnected())
}

// shows C5, B7: a side can tell that its peer has left without reading or writing.
#[test]
fn state_follows_the_peer() {
    let (a, mut b) = pair();
    let seen = b.handle();
    assert_eq!(state(&seen), (State::Open, false));
    let (reader, mut writer) = a.split();
    writer.write_all(b"x").unwrap();
    drop(reader);
    assert_eq!(state(&seen), (State::WriteEnded, false));
    drop(writer);
    // A byte is left to be read.
    assert_eq!(state(&seen), (State::WriteEnded, false));
    b.read_exact(&mut [0]).unwrap();
    assert_eq!(state(&seen), (State::PeerDisconnected, true));
    let (mut a, b) = pair();
    a.finish().unwrap();
    assert_eq!(state(&b.handle()), (State::ReadEnded, false));
    let (a, b) = pair();
    a.handle().abort();
    assert_eq!(state(&b.handle()), (State::PeerLost, true));
}

// shows B7: a dropped channel is no longer listed, though a handle of it lives.
#[test]
fn a_handle_does_not_keep_a_channel_listed() {
    let domain = Domain::new();
    let (server, client) = (
        domain.broker("server").unwrap(),
        domain.broker("client").unwrap(),
    );
    let connecting = thread::spawn(move || client.connect("server", 1).unwrap());
    let channel = server.accept(1).unwrap();
    let _theirs = connecting.join().unwrap();
    let handle = channel.handle();
    assert_eq!(server.channels().len(), 1);
    drop(channel);
    assert_eq!(server.channels().len(), 0);
    assert_eq!(handle.info().state, State::Disconnected);
}

// shows B4, B5: a task that is over lets go of its brokers, though its join handle lives.
#[test]
fn a_finished_task_keeps_no_broker() {
    within("a connect to a task that is over", || {
        for panics in [false, true] {
            let domain = Domain::new();
            let broker = domain.broker("server").unwrap();
            let task = Task::spawn("server", [broker], move || assert!(!panics, "on purpose"));
            let task = task.unwrap();
            let client = domain.broker("client").unwrap();
            let error = client.connect("server", 1).unwrap_err();
            assert!(
                matches!(
                    error,
                    ConnectError::Closed { .. } | ConnectError::NoSuchBroker { .. }
                ),
                "{error}"
            );
            assert_eq!(task.task().brokers().len(), 0);
            eventually("its name is free", || domain.broker("server").is_ok());
            assert_eq!(task.join().is_err(), panics);
        }
    });
}

// shows B1, B4: a broker is closed with its last clone, whatever else refers to it.
#[test]
fn a_bound_keeps_no_broker() {
    let domain = Domain::new();
    let server = domain.broker("server").unwrap();
    let bound = server.listen(&"mem://server".parse().unwrap()).unwrap();
    drop(server);
    domain.broker("server").unwrap();
    bound.close();
}

// shows B1, B3: a broker is there with everything or not at all, and its name is free at once.
#[test]
fn brokers_come_and_go_while_others_connect() {
    within("coming and going", || {
        let domain = Domain::new();
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let connecting: Vec<_> = (0..2)
            .map(|i| {
                let client = domain.broker(&format!("client{i}")).unwrap();
                let over = over.clone();
                thread::spawn(move || {
                    while !over.load(std::sync::atomic::Ordering::Relaxed) {
                        let error = client.try_connect("server", 1).unwrap_err();
                        let fits = matches!(
                            error,
                            ConnectError::NoSuchBroker { .. }
                                | ConnectError::WouldBlock { .. }
                                | ConnectError::Closed { .. }
                        );
                        assert!(fits, "{error}");
                    }
                })
            })
            .collect();
        for _ in 0..5000 {
            drop(domain.broker("server").unwrap());
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        connecting.into_iter().for_each(|t| t.join().unwrap());
        eventually("nobody is left", || domain.brokers().is_empty());
    });
}
