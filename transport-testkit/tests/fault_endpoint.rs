//! `fault+scheme` is a scheme of its own: options are understood and kept from the wrapped transport,
//! mistakes are told, and what is known about a channel comes through.
#![cfg(unix)]

mod fault_support;

use std::thread;
use std::time::Duration;

use channel::mem::Mem;
use channel::{ConnectError, Domain, ListenError};
use fault_support::{BOTH, LONG, Over, World, eventually, within};
use transport_testkit::fault::{Fault, Fired, Plan};

// shows T7: the modifier is a scheme of its own, and the wrapped transport sees none of it.
#[test]
fn endpoints_are_told_apart_and_translated() {
    for over in BOTH {
        let world = World::new(over, Plan::new(1));
        let scheme = match over {
            Over::Mem => "fault+mem",
            Over::Unix => "fault+unix",
        };
        assert!(world.domain.schemes().contains(&scheme.to_owned()));
        assert_eq!(
            world.domain.is_local(&world.at(&[])),
            Some(over == Over::Mem)
        );
        // Listening there again is the same place, with its options too.
        if over == Over::Mem {
            assert_eq!(
                world.server.listen(&world.at(&[])).unwrap().endpoint(),
                &world.at(&[])
            );
            let error = world
                .server
                .listen(&world.at(&[("seed", "9")]))
                .unwrap_err();
            assert!(matches!(error, ListenError::Taken(_)), "{error}");
        }
        let asked = world.at(&[("seed", "3"), ("split", "0.5")]);
        let (ours, theirs) = world.pair(&[("seed", "3"), ("split", "0.5")]);
        assert_eq!(theirs.peer(), asked);
        if over == Over::Unix {
            assert!(ours.peer().is_fault(), "{}", ours.peer());
        }
    }
    // The plain transport beside it is not touched.
    let domain = Domain::new();
    let fault = Fault::new(Mem::new(), Plan::new(1).split(1.0));
    domain.add(fault.clone());
    let (a, b) = (domain.broker("a").unwrap(), domain.broker("b").unwrap());
    let error = b
        .connect_at(&"fault+mem://a".parse().unwrap(), 1, Some(LONG))
        .unwrap_err();
    assert!(matches!(error, ConnectError::Dial { .. }), "{error}");
    let accepting = thread::spawn(move || a.accept_timeout(1, LONG).unwrap());
    let mut ours = b.connect_timeout("a", 1, LONG).unwrap();
    let mut theirs = accepting.join().unwrap();
    ours.write_all(&[1; 1000]).unwrap();
    theirs.read_exact(&mut [0; 1000]).unwrap();
    assert_eq!(fault.fired(), Fired::default());
}

// shows T7: an option of the listener's endpoint is for what is accepted there, one of the
// connector's for what is dialled.
#[test]
fn options_are_for_their_own_side() {
    let domain = Domain::new();
    let fault = Fault::over(Mem::new());
    domain.add(fault.clone());
    let server = domain.broker("server").unwrap();
    let bound = server
        .listen(&"fault+mem://server?stall=1&stall-ms=1".parse().unwrap())
        .unwrap();
    assert_eq!(
        bound.endpoint().to_string(),
        "fault+mem://server?stall=1&stall-ms=1"
    );
    let accepting = thread::spawn({
        let server = server.clone();
        move || server.accept_timeout(1, LONG).unwrap()
    });
    let at = "fault+mem://server?delay=1".parse().unwrap();
    let mut ours = server.connect_at(&at, 1, Some(LONG)).unwrap();
    let mut theirs = accepting.join().unwrap();
    ours.write_all(&[1; 10]).unwrap();
    assert_eq!((fault.fired().delays, fault.fired().stalls), (1, 0));
    theirs.read_exact(&mut [0; 10]).unwrap();
    assert_eq!((fault.fired().delays, fault.fired().stalls), (1, 1));
}

// shows T7: what is wrong with an option is said, and what to write instead.
#[test]
fn bad_options_are_told() {
    let world = World::new(Over::Mem, Plan::new(1));
    let fails = |key: &str, value: &str| {
        let at = world.at(&[(key, value)]);
        world
            .client
            .connect_at(&at, 1, Some(LONG))
            .unwrap_err()
            .to_string()
    };
    for (key, value, expected) in [
        ("split", "2", "a number from 0 to 1"),
        ("split", "NaN", "a number from 0 to 1"),
        ("delay", "-0.1", "a number from 0 to 1"),
        ("stall", "", "a number from 0 to 1"),
        ("seed", "+7", "a whole number"),
        ("cut", "1.5", "a whole number"),
        ("cut-read", "x", "a whole number"),
        ("cut-write", "99999999999999999999", "a whole number"),
        ("stall-ms", "60001", "from 1 to 60000"),
        ("stall-ms", "0", "from 1 to 60000"),
        ("one-way", "yes", "0 or 1"),
    ] {
        let error = fails(key, value);
        let what = format!("option `{key}` is `{value}`");
        assert!(error.contains(&what), "{error}");
        assert!(error.contains(expected), "{error}");
        let example = format!("`fault+mem://server?{key}=");
        assert!(error.contains(&example), "{error}");
    }
    // A misspelt one: all that are known are listed, and the place is the one in what was given.
    let error = fails("spilt", "0.5");
    assert!(error.contains("`spilt`"), "{error}");
    assert!(error.contains("split"), "{error}");
    assert!(error.contains("byte 19"), "{error}");
    let listens = world
        .server
        .listen(&"fault+mem://server?spilt=1".parse().unwrap());
    assert!(listens.unwrap_err().to_string().contains("cut-write"));
    let listens = world
        .server
        .listen(&"fault+mem://server?split=7".parse().unwrap());
    assert!(matches!(listens, Err(ListenError::Unsupported(_))));
    assert!(std::panic::catch_unwind(|| Plan::new(1).split(1.5)).is_err());
    assert!(std::panic::catch_unwind(|| Plan::new(1).delay(f64::NAN)).is_err());
    let hour = Duration::from_secs(3600);
    assert!(std::panic::catch_unwind(|| Plan::new(1).stall(0.5, hour)).is_err());
    // Less is a delay.
    let little = Duration::from_micros(999);
    let panic = std::panic::catch_unwind(|| Plan::new(1).stall(0.5, little)).unwrap_err();
    let text = panic.downcast_ref::<String>().expect("a text");
    assert!(text.contains("at least 1ms"), "{text}");
}

// shows T7: what is known about a channel comes through.
#[test]
fn control_passes_through() {
    within("control", || {
        let world = World::new(Over::Mem, Plan::new(1).split(0.5));
        let (ours, theirs) = world.pair(&[]);
        let (mut reader, mut writer) = ours.split();
        writer.write_all(&[1; 100]).unwrap();
        let mut theirs = theirs;
        theirs.read_exact(&mut [0; 60]).unwrap();
        assert_eq!(writer.handle().totals().written, 100);
        assert_eq!(theirs.totals().read, 60);
        assert_eq!(theirs.totals().unread, 40);
        theirs.disconnect();
        eventually("told", || writer.handle().disconnected());
        assert!(writer.write(&[1]).is_err());
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0, "the end stays");
        let (ours, mut theirs) = world.pair(&[]);
        ours.handle().abort();
        let error = theirs.read(&mut [0]).unwrap_err();
        assert!(matches!(error, channel::ReadError::PeerLost(_)), "{error}");
    });
}
