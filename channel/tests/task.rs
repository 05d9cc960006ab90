//! Tasks: who runs, what they give back, and what their panic does to their channels.

mod support;

use std::sync::mpsc;
use std::thread;

use channel::{Domain, ReadError, Task, WriteError};
use support::thread_state::blocked;
use support::{drain, within};

// The message of a panic on purpose would only confuse: this one has none.
fn panic_on_purpose(message: &'static str) {
    std::panic::resume_unwind(Box::new(message))
}

// shows B5: a named thread with its brokers, known from inside.
#[test]
fn a_task_knows_itself() {
    within("a task", || {
        assert!(Task::current().is_none() && Task::broker().is_none());
        let domain = Domain::new();
        let brokers = [
            domain.broker("first").unwrap(),
            domain.broker("second").unwrap(),
        ];
        let handle = Task::spawn("worker", brokers, || {
            let task = Task::current().unwrap();
            assert_eq!(task.name(), "worker");
            assert_eq!(thread::current().name(), Some("worker"));
            let names: Vec<_> = task.brokers().iter().map(|b| b.name().to_owned()).collect();
            assert_eq!(names, ["first", "second"]);
            assert_eq!(Task::broker().unwrap().name(), "first");
            // A plain thread that it starts is no task.
            assert!(thread::spawn(|| Task::current().is_none()).join().unwrap());
            42
        })
        .unwrap();
        assert_eq!(handle.task().name(), "worker");
        assert_eq!(handle.join().unwrap(), 42);
        assert!(Task::current().is_none());
        // The brokers went with the task.
        assert!(domain.brokers().is_empty());
    });
}

// shows B5: a task without brokers, and one whose name cannot be.
#[test]
fn tasks_without_brokers_and_bad_names() {
    let handle = Task::spawn("idle", [], || Task::broker().is_none()).unwrap();
    assert!(handle.join().unwrap());
    let error = Task::spawn("nul\0", [], || ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("choose another"), "{error}");
}

// shows B5: joining tells of a panic.
#[test]
fn joining_tells_of_a_panic() {
    let handle = Task::spawn("clumsy", [], || panic_on_purpose("tripped")).unwrap();
    let error = handle.join().unwrap_err();
    assert_eq!(
        (error.task.as_str(), error.message()),
        ("clumsy", Some("tripped"))
    );
    assert!(
        error.to_string().contains("\"clumsy\" panicked: tripped"),
        "{error}"
    );
}

// shows B5, C6, C7: a panic aborts the channels that the task obtained, wherever their halves are:
// a peer reads what was written, then gets PeerLost.
#[test]
fn a_panic_aborts_channels_wherever_they_are() {
    within("aborts", || {
        let domain = Domain::new();
        let server = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let (give, take) = mpsc::channel();
        let (go, told) = mpsc::channel::<()>();
        let task = Task::spawn("clumsy", [client], move || {
            let broker = Task::broker().unwrap();
            let kept = broker.connect("server", 1).unwrap();
            let (reader, mut writer) = broker.connect("server", 1).unwrap().split();
            writer.write_all(b"last words").unwrap();
            give.send((reader, writer)).unwrap();
            told.recv().unwrap();
            let _kept = kept;
            panic_on_purpose("tripped");
        })
        .unwrap();
        let mut first = server.accept(1).unwrap();
        let mut second = server.accept(1).unwrap();
        let (mut reader, mut writer) = take.recv().unwrap();
        // A reader of the task that is blocked in another thread is woken by the task's panic.
        let read = blocked(move || reader.read(&mut [0; 8]));
        go.send(()).unwrap();
        assert!(task.join().is_err());
        assert!(matches!(read.returns(), Err(ReadError::Disconnected)));
        assert!(matches!(writer.write(b"x"), Err(WriteError::Disconnected)));
        let (got, error) = drain(first.reader_mut()).unwrap_err();
        assert!(got.is_empty() && matches!(error, ReadError::PeerLost(_)));
        let (got, error) = drain(second.reader_mut()).unwrap_err();
        assert_eq!(got, b"last words");
        assert!(matches!(error, ReadError::PeerLost(_)), "{error:?}");
        assert!(matches!(second.write(b"x"), Err(WriteError::PeerLost(_))));
    });
}

// shows B5: accepted channels are the task's too, and the peers that wait are woken.
#[test]
fn no_peer_of_a_panicked_task_hangs() {
    let domain = Domain::new();
    let server = domain.broker("server").unwrap();
    let client = domain.broker("client").unwrap();
    let (go, told) = mpsc::channel::<()>();
    let (give, take) = mpsc::channel();
    let task = Task::spawn("clumsy", [server], move || {
        let channel = Task::broker().unwrap().accept(1).unwrap();
        give.send(channel).unwrap();
        told.recv().unwrap();
        panic_on_purpose("tripped");
    })
    .unwrap();
    let mut connected = client.connect("server", 1).unwrap();
    let _elsewhere = take.recv().unwrap();
    let read = blocked(move || (connected.read(&mut [0; 8]), connected));
    go.send(()).unwrap();
    let (result, _connected) = read.returns();
    assert!(matches!(result, Err(ReadError::PeerLost(_))), "{result:?}");
    assert!(task.join().is_err());
}

// shows B5: channels that ended well before the panic ended well, and those of others live on.
#[test]
fn a_panic_touches_no_other_channel() {
    within("others", || {
        let domain = Domain::new();
        let server = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let (ours, theirs) = support::meet(&server, &client, 5);
        let (give, take) = mpsc::channel();
        let task = Task::spawn("clumsy", [client.clone()], move || {
            let mut done = Task::broker().unwrap().connect("server", 1).unwrap();
            done.write_all(b"whole").unwrap();
            done.disconnect();
            // Of another's making: only held here, and given away in time.
            give.send(theirs).unwrap();
            panic_on_purpose("tripped");
        })
        .unwrap();
        let mut accepted = server.accept(1).unwrap();
        let mut theirs = take.recv().unwrap();
        assert!(task.join().is_err());
        assert_eq!(drain(accepted.reader_mut()).unwrap(), b"whole");
        let mut ours = ours;
        ours.write_all(b"alive").unwrap();
        theirs.read_exact(&mut [0; 5]).unwrap();
        assert!(!client.is_closed());
    });
}

// shows B5: an end without a panic leaves channels that were moved elsewhere alone.
#[test]
fn a_task_that_ends_leaves_its_channels_to_whoever_has_them() {
    within("moved", || {
        let domain = Domain::new();
        let server = domain.broker("server").unwrap();
        let client = domain.broker("client").unwrap();
        let task = Task::spawn("giver", [client], || {
            Task::broker().unwrap().connect("server", 1).unwrap()
        })
        .unwrap();
        let mut accepted = server.accept(1).unwrap();
        let mut connected = task.join().unwrap();
        connected.write_all(b"still").unwrap();
        accepted.read_exact(&mut [0; 5]).unwrap();
    });
}
