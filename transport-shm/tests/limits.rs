//! A process that has run out of descriptors, with one more to spare each time: the dialler's, and the
//! listener's. Every attempt fails with the reason, nothing is left of it, and the first for which there are
//! enough works. In processes of their own, as the limit is the process's.

mod support;

use std::fs::File;
use std::time::Duration;

use channel::{Broker, Channel, ConnectError, Endpoint};
use rustix::process::{Resource, getrlimit, setrlimit};
use support::{LIMIT, at, broker, eventually, listen, runtime_directory};
use transport_testkit::Leaks;
use transport_testkit::process::{given, start, tell, wait_for_word};

const PORT: u16 = 7;
/// What an end of a channel has, and a little.
const AT_LEAST: usize = 5;

/// All descriptors that there are, under a limit that is soon reached.
fn take_all() -> Vec<File> {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = Some(64);
    setrlimit(Resource::Nofile, limits).unwrap();
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

fn ask(channel: &mut Channel) {
    let mut buf = [0; 5];
    channel.write_all(b"hello").unwrap();
    channel.read_exact_timeout(&mut buf, LIMIT).unwrap();
    assert_eq!(&buf, b"hello");
}

/// Answers whoever comes, until the broker is closed.
fn serve(broker: Broker) {
    std::thread::spawn(move || {
        while let Ok(mut channel) = broker.accept(PORT) {
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = channel.read(&mut buf) {
                let _ = channel.write_all(&buf[..n]);
            }
        }
    });
}

// Not a test: a dialler that has run out, the first time it dials, or later.
#[test]
fn the_dialler() {
    let Some(given) = given() else { return };
    let (warm, to) = given.split_once(' ').unwrap();
    let to: Endpoint = to.parse().unwrap();
    let client = broker("client");
    let connect = || client.connect_at(&to, PORT, Some(LIMIT));
    // Who listens has all that is made once and kept.
    let _other = (warm == "warm").then(|| {
        ask(&mut connect().unwrap());
        listen(&at(to.option("dir").unwrap().as_ref(), "other"))
    });
    let before = Leaks::snapshot();
    let mut held = take_all();
    let mut failed = 0;
    let mut channel = loop {
        match connect() {
            Ok(channel) => break channel,
            Err(error) => {
                assert!(error.to_string().contains("Too many open files"), "{error}");
                assert!(matches!(error, ConnectError::Dial { .. }), "{error:?}");
                failed += 1;
                held.pop().expect("enough by now");
            }
        }
    };
    ask(&mut channel);
    assert!(failed >= AT_LEAST, "{failed}");
    drop((held, channel));
    ask(&mut connect().unwrap());
    if warm == "warm" {
        before.check_within(LIMIT).unwrap();
    }
}

// shows T2
#[test]
fn a_dialler_without_descriptors() {
    let directory = runtime_directory();
    let to = at(directory.path(), "server");
    let server = listen(&to);
    serve(server.clone());
    for warm in ["warm", "cold"] {
        let mut dialler = start("the_dialler", &format!("{warm} {to}"));
        assert!(dialler.ended().success(), "{warm}");
    }
    // Nor is anything left here of those that failed half-way.
    eventually("all have gone", || server.channels().is_empty());
    server.close();
}

// Not a test: a listener that has run out, and lets go of one descriptor at each word.
#[test]
fn the_listener() {
    let Some(given) = given() else { return };
    let server = listen(&given.parse().unwrap());
    serve(server.clone());
    tell("listening");
    assert!(wait_for_word());
    eventually("the first one has gone", || server.channels().is_empty());
    let before = Leaks::snapshot();
    let mut held = take_all();
    tell("ready");
    while wait_for_word() {
        held.pop().expect("enough by now");
        tell("freed");
    }
    drop(held);
    before.check_within(LIMIT).unwrap();
}

// shows T2: those who come meanwhile wait, or are told why.
#[test]
fn a_listener_without_descriptors() {
    let directory = runtime_directory();
    let to = at(directory.path(), "server");
    let mut listener = start("the_listener", &to.to_string());
    assert_eq!(listener.hear(), "listening");
    let client = broker("client");
    ask(&mut client.connect_at(&to, PORT, Some(LIMIT)).unwrap());
    listener.say("go on");
    assert_eq!(listener.hear(), "ready");
    let mut refused = 0;
    let mut limit = Duration::from_millis(300);
    let mut channel = loop {
        match client.connect_at(&to, PORT, Some(limit)) {
            Ok(channel) => break channel,
            // It cannot even be taken in.
            Err(ConnectError::TimedOut { .. }) => {}
            Err(error) => {
                assert!(error.to_string().contains("Too many open files"), "{error}");
                // From here on it is told each time.
                limit = LIMIT;
                refused += 1;
            }
        }
        listener.say("go on");
        assert_eq!(listener.hear(), "freed");
    };
    ask(&mut channel);
    assert!(refused >= AT_LEAST, "{refused}");
    drop(channel);
    assert!(listener.ended().success());
}
