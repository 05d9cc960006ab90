//! What a plan says is what happens: the same again from the same seed, each kind counted.
#![cfg(unix)]

use std::io::{IoSlice, IoSliceMut};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use channel::mem::Mem;
use channel::transport::{Connection, Transport};
use channel::{Endpoint, Options};
use transport_testkit::fault::{Fault, Fired, Plan};

/// The two ends of a bare connection.
fn bare(fault: &Fault<Mem>, at: &str) -> (Connection, Connection) {
    let (at, options) = (
        at.parse::<Endpoint>().unwrap(),
        Options::new().with_capacity(1024),
    );
    let mut listener = fault.listen(&at, &options).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(ours) = pin!(fault.dial(&at, &options)).poll(&mut cx) else {
        panic!("memory answers at once");
    };
    let Poll::Ready(theirs) = listener.poll_accept(&mut cx) else {
        panic!("memory answers at once");
    };
    (ours.unwrap(), theirs.unwrap())
}

/// What some operations on one connection come to.
fn operations(fault: &Fault<Mem>, at: &str) -> Vec<usize> {
    let (mut ours, mut theirs) = bare(fault, at);
    let mut story = Vec::new();
    for length in 1..200 {
        let sent = vec![7; length];
        let n = ours.sink.write(&[IoSlice::new(&sent)], None).unwrap();
        story.push(n);
        let mut left = n;
        while left > 0 {
            let mut buf = vec![0; length];
            let n = match length % 3 {
                0 => {
                    let n = theirs.source.fill(None).unwrap();
                    theirs.source.consume(n);
                    n
                }
                _ => {
                    let mut slices = [IoSliceMut::new(&mut buf)];
                    theirs.source.read(&mut slices, None).unwrap()
                }
            };
            story.push(n);
            left -= n;
        }
    }
    story
}

// shows T7: seeded and repeatable.
#[test]
fn the_same_seed_gives_the_same_faults() {
    let run = |seed: u64| -> (Vec<usize>, Fired) {
        let plan = Plan::new(seed)
            .split(0.5)
            .delay(0.2)
            .stall(0.01, Duration::from_millis(2));
        let fault = Fault::new(Mem::new(), plan);
        // Two connections: each has generators of its own.
        let mut story = operations(&fault, "fault+mem://a");
        story.extend(operations(&fault, "fault+mem://b"));
        (story, fault.fired().expect_some())
    };
    let (first, again, other) = (run(7), run(7), run(8));
    assert_eq!(first, again);
    assert_ne!(first.0, other.0, "another seed gives others");
    let half = first.0.len() / 2;
    assert_ne!(first.0[..half], first.0[half..], "so does another number");

    // The seed of an endpoint counts instead of the plan's.
    let fault = Fault::new(Mem::new(), Plan::new(1));
    let at = "fault+mem://a?seed=7&split=0.5&delay=0.2&stall=0.01&stall-ms=2";
    let story = operations(&fault, at);
    assert_eq!(story, first.0[..story.len()]);
}

// shows T7: each kind is counted when it fired, and only then.
#[test]
fn kinds_are_counted() {
    let count = |plan: Plan| {
        let fault = Fault::new(Mem::new(), plan);
        operations(&fault, "fault+mem://a");
        fault.fired()
    };
    let fired = count(Plan::new(1).split(1.0));
    assert!(fired.splits > 100, "{fired}");
    assert_eq!((fired.delays, fired.stalls, fired.cuts), (0, 0, 0));
    let fired = count(Plan::new(1).delay(1.0));
    assert!(fired.delays > 300, "{fired}");
    assert_eq!((fired.splits, fired.stalls, fired.cuts), (0, 0, 0));
    let fired = count(Plan::new(1).stall(0.1, Duration::from_millis(2)));
    assert!(fired.stalls > 10, "{fired}");
    assert_eq!((fired.splits, fired.delays, fired.cuts), (0, 0, 0));
    assert!(fired.calls > 300, "{fired}");
    let text = fired.to_string();
    assert!(text.contains(&format!("{} stalls", fired.stalls)), "{text}");

    // Each half counts its own.
    let fault = Fault::new(Mem::new(), Plan::new(1).split(1.0));
    let (mut ours, mut theirs) = bare(&fault, "fault+mem://a");
    let (mut writes, mut fills, mut there) = (0, 0, 0);
    for n in 0..20 {
        let sent = ours.sink.write(&[IoSlice::new(&[0; 30])], None).unwrap();
        writes += u64::from(sent < 30);
        there += sent;
        assert_eq!(fault.fired().splits, writes + fills, "write {n}");
        let shown = theirs.source.fill(None).unwrap();
        // Memory itself does not show all in one go.
        let counted = fault.fired().splits - writes - fills;
        assert!(counted <= u64::from(shown < there), "fill {n}");
        fills += counted;
        theirs.source.consume(shown);
        there -= shown;
        if there == 0 {
            there = ours.sink.write(&[IoSlice::new(&[0])], None).unwrap();
        }
    }
    assert!(writes > 3 && fills > 3, "{writes} and {fills}");

    // One byte cannot be split.
    let fault = Fault::new(Mem::new(), Plan::new(1).split(1.0));
    let (mut ours, mut theirs) = bare(&fault, "fault+mem://a");
    for _ in 0..50 {
        assert_eq!(ours.sink.write(&[IoSlice::new(b"x")], None).unwrap(), 1);
        let mut buf = [0];
        let mut slices = [IoSliceMut::new(&mut buf)];
        assert_eq!(theirs.source.read(&mut slices, None).unwrap(), 1);
    }
    assert_eq!(fault.fired().faults(), 0, "{}", fault.fired());
}

// shows T7: vectored calls are split too, also in the middle of a slice, and empty ones are left alone.
#[test]
fn slices_are_split_where_the_plan_says() {
    let fault = Fault::new(Mem::new(), Plan::new(3).split(1.0));
    let (mut ours, mut theirs) = bare(&fault, "fault+mem://a");
    let sent: Vec<u8> = (0..=255).collect();
    let (mut at, mut got, mut short) = (0, Vec::new(), 0);
    while at < sent.len() {
        let rest = &sent[at..];
        let slices: Vec<IoSlice> = rest.chunks(3).map(IoSlice::new).collect();
        let n = ours.sink.write(&slices, None).unwrap();
        assert!(n > 0);
        short += usize::from(n < rest.len() && n % 3 != 0);
        at += n;
        while got.len() < at {
            let mut bufs = [[0; 2]; 100];
            let mut slices: Vec<_> = bufs.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            let n = theirs.source.read(&mut slices, None).unwrap();
            assert!(n > 0);
            got.extend_from_slice(&bufs.concat()[..n]);
        }
    }
    assert_eq!(got, sent);
    assert!(short > 0, "no split in the middle of a slice");
    let calls = fault.fired().calls;
    assert_eq!(ours.sink.write(&[IoSlice::new(b"")], None).unwrap(), 0);
    assert_eq!(theirs.source.read(&mut [], None).unwrap(), 0);
    assert_eq!(fault.fired().calls, calls + 1);
}
