//! Bad input before a session, and about which session it is.

use std::time::Duration;

use link_mux::{Config, DownReason, Event, Mux};

use crate::raw::{HELLO, Hello, Raw};
use crate::support::{NOW, Shared};

/// Bytes without a meaning; some look like the beginning of a hello.
fn garbage(count: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let bytes = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let byte = (state >> 56) as u8;
        if byte.is_multiple_of(8) { HELLO } else { byte }
    });
    bytes.take(count).collect()
}

/// Runs a mux for so long, driven by its deadlines alone; what it sends goes through `line`, and what that gives comes
/// back. Returns how many bytes were sent.
fn drive(mux: &mut Mux<Shared>, until: Duration, line: impl Fn(&[u8]) -> Vec<u8>) -> usize {
    let (mut now, mut sent, mut out) = (NOW, 0, [0; 1024]);
    while now < NOW + until {
        loop {
            let n = mux.transmit(now, &mut out);
            sent += n;
            mux.receive(now, &line(&out[..n]));
            if n == 0 {
                break;
            }
        }
        match mux.deadline() {
            Some(at) => {
                assert!(at > now, "it is due, and nothing is sent");
                now = at;
            }
            None => break,
        }
    }
    sent
}

#[test]
fn garbage_before_a_hello_is_passed_over() {
    let mut raw = Raw::new(Config::default());
    for piece in garbage(100_000).chunks(977) {
        raw.say(piece);
        assert_eq!(raw.mux.poll_event(), None);
    }
    raw.greet();
    raw.is_well();
}

/// A hello is found behind every beginning of another one.
#[test]
fn a_hello_is_found_behind_a_torn_one() {
    let torn = Hello::new(5, 0).bytes();
    for cut in 0..torn.len() {
        let mut raw = Raw::new(Config::default());
        raw.say(&torn[..cut]);
        raw.greet();
    }
}

#[test]
fn a_hello_with_one_wrong_bit_is_none() {
    let mut raw = Raw::new(Config::default());
    let theirs = raw.hear();
    let theirs = u64::from_be_bytes(theirs[8..16].try_into().unwrap());
    let right = Hello::new(5, theirs).bytes();
    for bit in 0..8 * right.len() {
        let mut wrong = right.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        raw.say(&wrong);
        // Whatever it still waits for of the wrong one ends here.
        raw.say(&[0; 200]);
        assert_eq!(raw.mux.poll_event(), None, "bit {bit}");
    }
    raw.say(&right);
    assert!(matches!(raw.mux.poll_event(), Some(Event::Up(_))));
}

#[test]
fn a_hello_that_never_comes_costs_little() {
    let mut raw = Raw::new(Config::default());
    let sent = drive(&mut raw.mux, Duration::from_secs(600), |_| Vec::new());
    // One a second.
    assert!((590 * 40..610 * 40).contains(&sent), "{sent}");
    assert_eq!(raw.mux.poll_event(), None);
}

#[test]
fn a_loop_is_told_once_and_costs_little() {
    let mut raw = Raw::new(Config::default());
    let sent = drive(&mut raw.mux, Duration::from_secs(600), <[u8]>::to_vec);
    assert_eq!(raw.mux.poll_event(), Some(Event::Loop));
    assert_eq!(raw.mux.poll_event(), None);
    assert!(!raw.mux.is_up());
    assert!(sent < 610 * 40, "{sent}");
}

/// Two programs that were given the same seed hear themselves.
#[test]
fn ends_with_one_seed_are_a_loop() {
    let (mut a, mut b) = (Raw::new(Config::default()), Raw::new(Config::default()));
    let said = a.hear();
    b.say(&said);
    assert_eq!(b.mux.poll_event(), Some(Event::Loop));
}

#[test]
fn another_version_is_told_once_and_waited_for() {
    let mut raw = Raw::new(Config::default());
    for _ in 0..100 {
        let mut hello = Hello::new(5, 0);
        (hello.version, hello.more) = (0x20, 60);
        raw.say(&hello.bytes());
    }
    assert_eq!(raw.mux.poll_event(), Some(Event::Version { theirs: 0x20 }));
    assert_eq!(raw.mux.poll_event(), None);
    // It is replaced by one that can be understood.
    raw.greet();
    raw.is_well();
}

// An end that says now this version and now that is told of once for each.
#[test]
fn versions_that_change_are_told_once_each() {
    let mut raw = Raw::new(Config::default());
    for i in 0..1000 {
        let mut hello = Hello::new(5, 0);
        // One of them is understood, and goes no further.
        hello.version = [0x20, 0x30, 0x10][i % 3];
        raw.say(&hello.bytes());
    }
    let told = std::iter::from_fn(|| raw.mux.poll_event()).count();
    assert_eq!(told, 2);
}

#[test]
fn a_later_minor_version_is_understood() {
    let mut raw = Raw::new(Config::default());
    let theirs = raw.hear();
    let mut hello = Hello::new(5, u64::from_be_bytes(theirs[8..16].try_into().unwrap()));
    (hello.version, hello.more) = (0x1F, 84);
    raw.say(&hello.bytes());
    assert!(matches!(raw.mux.poll_event(), Some(Event::Up(_))));
}

#[test]
fn limits_that_nobody_can_keep_begin_no_session() {
    let mut raw = Raw::new(Config::default());
    let theirs = raw.hear();
    let theirs = u64::from_be_bytes(theirs[8..16].try_into().unwrap());
    for max_frame in [0, 1, 63] {
        let mut hello = Hello::new(5, theirs);
        hello.max_frame = max_frame;
        raw.say(&hello.bytes());
        assert_eq!(raw.mux.poll_event(), None);
    }
}

/// Each asks for an answer; all that came together get one.
#[test]
fn a_flood_of_hellos_is_answered_once_a_call() {
    let mut raw = Raw::new(Config::default());
    let flood: Vec<u8> = (1..10_000)
        .flat_map(|own| Hello::new(own, 0).bytes())
        .collect();
    raw.hear();
    raw.say(&flood);
    assert_eq!(raw.mux.poll_event(), None);
    assert!(raw.hear().len() <= 80);
    raw.greet();
    raw.is_well();
}

/// In a session too, whether they are of this session, of another one, or of none.
#[test]
fn a_flood_of_hellos_ends_a_session_once() {
    let mut raw = Raw::up(Config::default());
    let again = Hello::new(u64::MAX, 0).bytes();
    raw.say(&again.repeat(1000));
    assert_eq!(raw.mux.poll_event(), None);
    assert!(raw.hear().len() <= 80);

    let flood: Vec<u8> = (1..1000)
        .flat_map(|own| Hello::new(own, 0).bytes())
        .collect();
    raw.say(&flood);
    let down = Event::Down(DownReason::Restarted);
    assert_eq!(raw.mux.poll_event(), Some(down));
    assert_eq!(raw.mux.poll_event(), None);
    assert!(raw.hear().len() <= 80);
}

/// The more patient end's interval holds; an impatient peer cannot make this one talk.
#[test]
fn a_peer_cannot_ask_for_signs_of_life_without_end() {
    let mut raw = Raw::new(Config::default());
    let theirs = raw.hear();
    let mut hello = Hello::new(5, u64::from_be_bytes(theirs[8..16].try_into().unwrap()));
    hello.keep_alive = 1;
    raw.say(&hello.bytes());
    raw.hear();
    let sent = drive(&mut raw.mux, Duration::from_secs(9), |_| Vec::new());
    assert!(sent <= 5 * 8, "{sent}");
}

/// It is missed after a while, and then asked for.
#[test]
fn a_peer_that_falls_silent_is_missed() {
    let mut raw = Raw::new(Config::default());
    let theirs = raw.hear();
    let mut hello = Hello::new(5, u64::from_be_bytes(theirs[8..16].try_into().unwrap()));
    hello.keep_alive = 2000;
    raw.say(&hello.bytes());
    assert!(matches!(raw.mux.poll_event(), Some(Event::Up(_))));
    let sent = drive(&mut raw.mux, Duration::from_secs(60), |_| Vec::new());
    let down = Event::Down(DownReason::Silence);
    assert_eq!(raw.mux.poll_event(), Some(down));
    assert_eq!(raw.mux.poll_event(), None);
    assert!(sent < 70 * 40, "{sent}");
}
