//! Under splits, delays and stalls nothing is lost, doubled or out of order: both transports, both
//! directions at once, every style of calls.
#![cfg(unix)]

mod fault_support;

use std::io::{IoSlice, IoSliceMut};
use std::thread;
use std::time::Duration;

use channel::{Options, Poller, ReadError, Reader, WriteError, Writer};
use fault_support::{BOTH, LONG, Over, Rng, World, block_on, pattern_bytes, within};
use transport_testkit::fault::{Plan, seed};

/// Bytes each way.
const LENGTH: usize = 300_000;

#[derive(Clone, Copy, Debug)]
enum Style {
    Blocking,
    Timed,
    Lent,
    Poller,
    Async,
}

const STYLES: [Style; 5] = [
    Style::Blocking,
    Style::Timed,
    Style::Lent,
    Style::Poller,
    Style::Async,
];

fn write_poller(writer: &mut Writer, bytes: &[u8], rng: &mut Rng) {
    let poller = Poller::new();
    writer.register(&poller, 1);
    let (mut at, mut keys) = (0, Vec::new());
    while at < bytes.len() {
        let end = bytes.len().min(at + 1 + rng.below(5000) as usize);
        match writer.try_write(&bytes[at..end]) {
            Ok(n) => at += n,
            Err(WriteError::WouldBlock) => {
                poller.wait_timeout(&mut keys, LONG).expect("a key");
            }
            Err(error) => panic!("{error}"),
        }
    }
    writer.deregister();
    writer.flush().unwrap();
}

fn write_all(style: Style, writer: &mut Writer, bytes: &[u8], rng: &mut Rng) {
    if let Style::Poller = style {
        return write_poller(writer, bytes, rng);
    }
    let mut at = 0;
    while at < bytes.len() {
        let length = (bytes.len() - at).min(1 + rng.below(5000) as usize);
        let (one, two) = bytes[at..at + length].split_at(rng.below(length as u64) as usize);
        let slices = [IoSlice::new(one), IoSlice::new(two)];
        at += match style {
            Style::Blocking | Style::Lent => writer.write_vectored(&slices).unwrap(),
            Style::Timed => {
                let limit = Duration::from_micros(rng.below(3000));
                match writer.write_vectored_timeout(&slices, limit) {
                    Err(WriteError::TimedOut) => 0,
                    other => other.unwrap(),
                }
            }
            Style::Poller => unreachable!(),
            Style::Async => block_on(writer.write_vectored_async(&slices)).unwrap(),
        };
        if rng.below(8) == 0 {
            match style {
                Style::Async => block_on(writer.flush_async()).unwrap(),
                _ => writer.flush().unwrap(),
            }
        }
    }
}

fn read_poller(reader: &mut Reader, rng: &mut Rng) -> Vec<u8> {
    let poller = Poller::new();
    reader.register(&poller, 1);
    let (mut all, mut keys, mut buf) = (Vec::new(), Vec::new(), [0; 5000]);
    loop {
        let length = 1 + rng.below(5000) as usize;
        match reader.try_read(&mut buf[..length]) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&buf[..n]),
            Err(ReadError::WouldBlock) => {
                poller.wait_timeout(&mut keys, LONG).expect("a key");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn read_all(style: Style, reader: &mut Reader, rng: &mut Rng) -> Vec<u8> {
    if let Style::Poller = style {
        return read_poller(reader, rng);
    }
    let (mut all, mut buf) = (Vec::new(), [0; 5000]);
    loop {
        let length = 1 + rng.below(5000) as usize;
        let (one, two) = buf[..length].split_at_mut(rng.below(length as u64) as usize);
        let mut slices = [IoSliceMut::new(one), IoSliceMut::new(two)];
        let n = match style {
            Style::Blocking => reader.read_vectored(&mut slices).unwrap(),
            Style::Timed => {
                let limit = Duration::from_micros(rng.below(3000));
                match reader.read_vectored_timeout(&mut slices, limit) {
                    Err(ReadError::TimedOut) => continue,
                    other => other.unwrap(),
                }
            }
            Style::Lent => {
                let lent = match rng.below(2) {
                    0 => reader.fill_buf().unwrap(),
                    _ => block_on(reader.fill_buf_async()).unwrap(),
                };
                if lent.is_empty() {
                    return all;
                }
                // Some of it now, and the rest of it maybe by a copying call.
                let n = 1 + rng.below(lent.len() as u64) as usize;
                all.extend_from_slice(&lent[..n]);
                reader.consume(n);
                if rng.below(3) == 0 {
                    assert_eq!(reader.read(&mut []).unwrap(), 0);
                    let n = reader.read(&mut buf[..length]).unwrap();
                    all.extend_from_slice(&buf[..n]);
                    if n == 0 {
                        return all;
                    }
                }
                continue;
            }
            Style::Poller => unreachable!(),
            Style::Async => block_on(reader.read_vectored_async(&mut slices)).unwrap(),
        };
        if n == 0 {
            return all;
        }
        all.extend_from_slice(&buf[..n]);
    }
}

fn both_ways(over: Over, style: Style, plan: Plan, options: &Options, seed: u64) -> World {
    let world = World::with(over, plan, options);
    let (ours, theirs) = world.pair(&[]);
    let side = |channel: channel::Channel, from: u64, expected: u64, seed: u64| {
        move || {
            let (mut reader, mut writer) = channel.split();
            let writing = thread::spawn(move || {
                let bytes = pattern_bytes(from, LENGTH);
                write_all(style, &mut writer, &bytes, &mut Rng(seed));
                writer.finish().unwrap();
                // Dropping it is for later: the receipt is of both.
                writer
            });
            let got = read_all(style, &mut reader, &mut Rng(seed + 1));
            let wanted = pattern_bytes(expected, LENGTH);
            assert_eq!(got.len(), wanted.len(), "{over:?} {style:?}: length");
            assert!(got == wanted, "{over:?} {style:?}: bytes differ");
            drop(writing.join().unwrap());
        }
    };
    let other = thread::spawn(side(theirs, 0, 1 << 32, seed ^ 0x55));
    side(ours, 1 << 32, 0, seed ^ 0xaa)();
    other.join().unwrap();
    world
}

// shows T7, C1: every style, over mem and over unix.
#[test]
fn nothing_is_lost_under_lively_faults() {
    let seed = seed("nothing_is_lost_under_lively_faults");
    for over in BOTH {
        for (part, style) in STYLES.into_iter().enumerate() {
            within(&format!("{over:?} {style:?}"), move || {
                let seed = seed.wrapping_add(part as u64);
                let options = Options::new().with_capacity(4096);
                let world = both_ways(over, style, Plan::lively(seed), &options, seed);
                let fired = world.fired().expect_some();
                println!("{over:?} {style:?}: {fired}");
                assert!(fired.splits > 0 && fired.delays > 0, "{fired}");
                assert_eq!(fired.cuts, 0);
            });
        }
    }
}

// shows T7: every operation is put off and split, and still everything gets through.
#[test]
fn probabilities_of_one_go_on_all_the_same() {
    for over in BOTH {
        within("a fault in every call", move || {
            let world = World::new(over, Plan::new(1).split(1.0).delay(1.0));
            let (mut ours, mut theirs) = world.pair(&[]);
            let sent = pattern_bytes(0, 3000);
            let back = sent.clone();
            let other = thread::spawn(move || {
                let mut got = vec![0; 3000];
                theirs.read_exact(&mut got).unwrap();
                assert!(got == back);
                theirs.write_all(&got).unwrap();
                theirs.finish().unwrap();
                assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
            });
            ours.write_all(&sent).unwrap();
            ours.finish().unwrap();
            let (got, end) = fault_support::drain(ours.reader_mut());
            assert!(end.is_ok() && got == sent, "{end:?}");
            other.join().unwrap();
            println!("{over:?}: {}", world.fired().expect_some());
        });
    }
}

// shows T7: a plan without faults is the wrapped transport as it is, and a suite that relies on it
// is told that it has shown nothing.
#[test]
fn a_plan_of_zero_probability_changes_nothing() {
    for over in BOTH {
        let plan = Plan::new(3)
            .split(0.0)
            .delay(0.0)
            .stall(0.0, Duration::from_millis(1));
        let world = both_ways(over, Style::Blocking, plan, &Options::default(), 1);
        let fired = world.fired();
        assert_eq!(fired.faults(), 0, "{fired}");
        assert!(fired.calls > 0, "{fired}");
        let panic = std::panic::catch_unwind(|| fired.expect_some()).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("no fault fired in"), "{text}");
        assert!(text.contains("fault+"), "{text}");
    }
}
