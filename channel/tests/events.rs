//! The events that channels and brokers emit, and those that they do not.

mod support;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use channel::{Domain, Options};
use support::{Task, meet, within};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Fields = BTreeMap<&'static str, String>;

/// Keeps every event of the crate: its message and its fields.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Fields>>>);

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "channel"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        self.0.lock().unwrap().push(fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The events of `work`.
fn events(work: impl FnOnce() + Send + 'static) -> Vec<Fields> {
    let journal = Journal::default();
    let inside = journal.clone();
    within("the work", move || {
        tracing::subscriber::with_default(inside, work)
    });
    let mut events = journal.0.lock().unwrap();
    std::mem::take(&mut *events)
}

fn named<'a>(events: &'a [Fields], message: &str) -> Vec<&'a Fields> {
    let fits = |event: &&Fields| event.get("message").map(String::as_str) == Some(message);
    events.iter().filter(fits).collect()
}

// shows C10: listen, match and disconnect, with their fields; none per read or write.
#[test]
fn a_whole_life() {
    let events = events(|| {
        let domain = Domain::new();
        let server = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let (mut ours, mut theirs) = meet(&server, &client, 7);
        for _ in 0..100 {
            ours.write_all(&[1; 100]).unwrap();
            theirs.read_exact(&mut [0; 100]).unwrap();
        }
        ours.disconnect();
        ours.disconnect();
        assert_eq!(theirs.read(&mut [0; 1]).unwrap(), 0);
    });
    let listens = named(&events, "listen");
    assert_eq!(listens.len(), 2);
    assert_eq!(
        (&*listens[0]["broker"], &*listens[0]["endpoint"]),
        ("server", "mem://server")
    );
    let matches = named(&events, "match");
    assert_eq!(matches.len(), 2, "one for each side: {matches:?}");
    assert_eq!(matches[0]["port"], "7");
    let brokers: Vec<_> = matches
        .iter()
        .map(|event| (&*event["broker"], &*event["peer_broker"], &*event["peer"]))
        .collect();
    assert!(
        brokers.contains(&("server", "client", "mem://client")),
        "{brokers:?}"
    );
    assert!(
        brokers.contains(&("client", "server", "mem://server")),
        "{brokers:?}"
    );
    let disconnects = named(&events, "disconnect");
    assert_eq!(
        disconnects.len(),
        2,
        "one for each side, once: {disconnects:?}"
    );
    assert_eq!(
        (&*disconnects[0]["port"], &*disconnects[0]["how"]),
        ("7", "Orderly")
    );
    assert_eq!(events.len(), 6, "none per read or write: {events:?}");
}

// shows C10: a loss is told once, at the side that finds it.
#[test]
fn a_loss() {
    let events = events(|| {
        let domain = Domain::new();
        let (server, client) = (
            domain.broker("server").unwrap(),
            domain.broker("client").unwrap(),
        );
        let (ours, mut theirs) = meet(&server, &client, 7);
        ours.handle().abort();
        for _ in 0..3 {
            theirs.read(&mut [0; 1]).unwrap_err();
            theirs.write(b"x").unwrap_err();
        }
    });
    let lost = named(&events, "peer lost");
    assert_eq!(lost.len(), 1, "{events:?}");
    assert_eq!(
        (&*lost[0]["peer"], &*lost[0]["port"]),
        ("mem://server", "7")
    );
    assert!(lost[0].contains_key("reason"));
    assert!(
        named(&events, "disconnect")
            .iter()
            .any(|event| event["how"] == "Abort")
    );
}

// shows C10: a loss that a writer finds is told as well.
#[test]
fn a_loss_that_a_writer_finds() {
    let events = events(|| {
        let domain = Domain::new();
        let (server, client) = (
            domain.broker("server").unwrap(),
            domain.broker("client").unwrap(),
        );
        let (ours, mut theirs) = meet(&server, &client, 7);
        ours.handle().abort();
        theirs.write(b"x").unwrap_err();
    });
    assert_eq!(named(&events, "peer lost").len(), 1, "{events:?}");
}

// shows C10: whoever gives up its place withdraws, once, in every form.
#[test]
fn withdrawals() {
    let events = events(|| {
        let domain = Domain::new();
        let small = Options::new().with_capacity(64);
        let server = domain.broker_with("server", small).unwrap();
        server.try_accept(1).unwrap_err();
        server
            .accept_timeout(2, std::time::Duration::ZERO)
            .unwrap_err();
        let mut accepting = Task::new(server.accept_async(3));
        assert!(accepting.poll().is_pending());
        drop(accepting);
        server.try_connect("server", 4).unwrap_err();
        server
            .connect_timeout("server", 5, std::time::Duration::ZERO)
            .unwrap_err();
        let mut connecting = Task::new(server.connect_async("server", 6));
        assert!(connecting.poll().is_pending());
        drop(connecting);
        // Met: nothing to withdraw.
        meet(&server, &server, 7);
    });
    let withdrawn: Vec<_> = named(&events, "withdraw")
        .iter()
        .map(|event| {
            (
                event["port"].clone(),
                event["who"].clone(),
                event["broker"].clone(),
            )
        })
        .collect();
    let expected = |port: u16, who: &str| (port.to_string(), who.to_owned(), "server".to_owned());
    assert_eq!(
        withdrawn,
        [
            expected(1, "acceptor"),
            expected(2, "acceptor"),
            expected(3, "acceptor"),
            expected(4, "connector"),
            expected(5, "connector"),
            expected(6, "connector"),
        ]
    );
}
