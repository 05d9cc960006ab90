//! Writers that go away with bytes left to write.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use channel::{Channel, Options, ReadError, Receipt, WriteError, Writer};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{drain, eventually, meet, pattern_bytes, within};
use crate::world::{Over, World, exact, fill, over_both, over_both_with};

// shows C7, C9: nothing is lost when both halves are dropped with full buffers.
#[test]
fn nothing_is_lost() {
    over_both(|world| {
        for reader_first in [true, false] {
            let (ours, mut theirs) = world.pair();
            let handle = ours.handle();
            let (reader, mut writer) = ours.split();
            let before = fill(&mut writer);
            let all = before + 300_000;
            let mut reader = Some(reader);
            if reader_first {
                reader = None;
            }
            writer.finish_after(pattern_bytes(before as u64, 300_000));
            drop(reader);
            // Nobody has read yet: what did not fit waits, and the channel with it.
            assert_eq!(
                handle.receipt_timeout(Duration::from_millis(5)),
                Receipt::Unknown
            );
            let got = drain(theirs.reader_mut()).unwrap();
            assert!(got == pattern_bytes(0, all), "{} of {all} bytes", got.len());
            assert_eq!(handle.receipt(), Receipt::Complete);
            assert_eq!(handle.totals().written, all as u64);
            // Both halves are gone: that is a disconnect, after the last byte.
            eventually("it is disconnected", || handle.disconnected());
            assert!(matches!(theirs.write(b"x"), Err(WriteError::PeerClosed)));
        }
    });
}

// shows C7: what fits is written at once.
#[test]
fn what_fits_leaves_at_once() {
    within("at once", || {
        let world = World::new(Over::Memory, &Options::new().with_capacity(256));
        for length in [0, 1, 200] {
            let (ours, mut theirs) = world.pair();
            let (_reader, writer) = ours.split();
            writer.finish_after(pattern_bytes(0, length));
            let mut buf = [0; 300];
            if length > 0 {
                assert_eq!(theirs.try_read(&mut buf).unwrap(), length);
            }
            assert_eq!(theirs.try_read(&mut buf).unwrap(), 0);
        }
    });
}

// shows C5, C7: the reader goes on by itself.
#[test]
fn the_reader_lives_on() {
    over_both(|world| {
        let (ours, mut theirs) = world.pair();
        let (mut reader, mut writer) = ours.split();
        let before = fill(&mut writer);
        writer.finish_after(pattern_bytes(before as u64, 50_000));
        theirs.write_all(b"answer").unwrap();
        reader.read_exact(&mut [0; 6]).unwrap();
        assert_eq!(drain(theirs.reader_mut()).unwrap().len(), before + 50_000);
        theirs.write_all(b"more").unwrap();
        reader.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(reader.handle().receipt(), Receipt::Complete);
        assert!(!reader.handle().disconnected());
    });
}

/// Of a queue: gives what is left to the background.
struct Queue(Option<Writer>);

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            writer.finish_after(vec![1; 10]);
        }
    }
}

// shows C7: while the thread panics it is an abort, as a drop is.
#[test]
fn in_a_panic_it_aborts() {
    over_both(|world| {
        let (ours, mut theirs) = world.pair();
        let (_reader, mut writer) = ours.split();
        writer.write_all(b"before").unwrap();
        let queue = AssertUnwindSafe(Queue(Some(writer)));
        let panicking = std::thread::spawn(move || {
            let _queue = queue;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        panicking.join().unwrap_err();
        let (got, error) = drain(theirs.reader_mut()).unwrap_err();
        assert_eq!(got, b"before");
        assert!(matches!(error, ReadError::PeerLost(_)), "{error:?}");
    });
}

type Fields = BTreeMap<&'static str, String>;

/// All events of the crate in this process: those of the background come from its own thread.
struct Journal;

static EVENTS: Mutex<Vec<Fields>> = Mutex::new(Vec::new());

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "channel" && *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        EVENTS.lock().unwrap().push(fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn listen_to_events() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing::subscriber::set_global_default(Journal).unwrap());
}

/// What was lost at `port`, and why; waits for the event.
fn lost_at(port: u16) -> (usize, String) {
    let mut found = None;
    eventually("the loss is told", || {
        let events = EVENTS.lock().unwrap();
        found = events
            .iter()
            .find(|event| {
                event["message"].starts_with("bytes lost") && event["port"] == port.to_string()
            })
            .cloned();
        found.is_some()
    });
    let event = found.unwrap();
    assert_eq!(event["peer"], "mem://server");
    (event["unsent"].parse().unwrap(), event["reason"].clone())
}

/// A pair in memory at a port of its own, by which its events are known.
fn pair_at(port: u16, linger: Duration) -> (Channel, Channel) {
    let options = Options::new().with_capacity(256).with_linger(linger);
    let domain = channel::Domain::new();
    let server = domain.broker_with("server", options.clone()).unwrap();
    let client = domain.broker_with("client", options).unwrap();
    let (theirs, ours) = meet(&server, &client, port);
    (ours, theirs)
}

// shows C7, C10: what cannot be written in time, or at all, is lost, and that is told.
#[test]
fn what_is_lost_is_told() {
    listen_to_events();
    within("losses", || {
        // The time is over.
        let (ours, mut theirs) = pair_at(901, Duration::from_millis(30));
        let handle = ours.handle();
        let (reader, writer) = ours.split();
        let start = std::time::Instant::now();
        writer.finish_after(vec![1; 1000]);
        drop(reader);
        let (unsent, reason) = lost_at(901);
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert_eq!(
            (unsent, reason.as_str()),
            (1000 - 256, "the linger time is over")
        );
        // A part is not taken for the whole.
        let (got, lost) = drain(theirs.reader_mut()).unwrap_err();
        assert_eq!(got.len(), 256);
        assert!(matches!(lost, ReadError::PeerLost(_)));
        // Of what was written.
        assert_eq!(handle.receipt(), Receipt::Complete);

        // The peer reads no more: known at once, or later.
        let (ours, theirs) = pair_at(902, Duration::MAX);
        drop(theirs);
        ours.split().1.finish_after(vec![1; 5]);
        assert_eq!(lost_at(902).0, 5);
        let (ours, mut theirs) = pair_at(903, Duration::MAX);
        let handle = ours.handle();
        let (_reader, writer) = ours.split();
        writer.finish_after(vec![1; 1000]);
        theirs.read_exact(&mut [0; 100]).unwrap();
        eventually("there is room for more", || handle.totals().written == 356);
        drop(theirs);
        let (unsent, reason) = lost_at(903);
        assert_eq!(unsent, 1000 - 356);
        assert!(reason.contains("peer"), "{reason}");
        assert_eq!(handle.receipt(), exact(100, 356));

        // This side disconnects.
        let (ours, _theirs) = pair_at(904, Duration::MAX);
        let handle = ours.handle();
        ours.split().1.finish_after(vec![1; 1000]);
        handle.disconnect();
        assert_eq!(lost_at(904).0, 1000 - 256);
    });
}

// shows C7: a linger time of nothing tries once.
#[test]
fn without_a_linger_time_it_tries_once() {
    let options = Options::new()
        .with_capacity(1024)
        .with_linger(Duration::ZERO);
    over_both_with(&options, |world| {
        let (ours, mut theirs) = world.pair();
        let (_reader, writer) = ours.split();
        writer.finish_after(pattern_bytes(0, 3_000_000));
        let (got, lost) = drain(theirs.reader_mut()).unwrap_err();
        assert!(matches!(lost, ReadError::PeerLost(_)));
        assert!(!got.is_empty() && got.len() < 3_000_000);
        assert!(got == pattern_bytes(0, got.len()));
    });
}
