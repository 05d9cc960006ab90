//! The line of the tests is a line: bytes pass at its pace, get damaged as told, and ends come and go.
#![cfg(all(feature = "line", target_os = "linux"))]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use transport_serial::line::{End, Line, LineConfig, Traffic};

fn device(line: &Line, end: End) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
        .open(line.path(end))
        .unwrap()
}

/// Every byte value, in no order that a terminal likes.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256) as u8).collect()
}

#[test]
fn every_byte_passes_as_it_is_both_ways_at_once() {
    let line = Line::open(LineConfig::default()).unwrap();
    std::thread::scope(|scope| {
        for end in [End::A, End::B] {
            let (mut from, mut to) = (device(&line, end), device(&line, end.other()));
            scope.spawn(move || from.write_all(&pattern(300_000)).unwrap());
            scope.spawn(move || {
                let mut got = vec![0; 300_000];
                to.read_exact(&mut got).unwrap();
                assert!(got == pattern(300_000));
            });
        }
    });
    for end in [End::A, End::B] {
        let (damaged, lost) = (0, 0);
        assert_eq!(
            line.traffic(end),
            Traffic {
                bytes: 300_000,
                damaged,
                lost
            }
        );
    }
}

#[test]
fn a_baud_rate_is_kept() {
    let baud = NonZeroU32::new(921_600);
    let line = Line::open(LineConfig {
        baud,
        ..LineConfig::default()
    })
    .unwrap();
    let (mut from, mut to) = (device(&line, End::A), device(&line, End::B));
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| from.write_all(&pattern(60_000)).unwrap());
        to.read_exact(&mut vec![0; 60_000]).unwrap();
    });
    let (took, wanted) = (start.elapsed().as_secs_f64(), 60_000.0 / 92_160.0);
    println!("60,000 bytes at 921,600 baud: {took:.3} s, by the book {wanted:.3} s");
    // No faster; how much slower is the machine's affair.
    assert!(took >= wanted);
}

#[test]
fn bytes_are_damaged_and_lost_as_told() {
    let config = LineConfig {
        damage: NonZeroU32::new(1_000),
        loss: NonZeroU32::new(500),
        seed: 7,
        ..LineConfig::default()
    };
    let line = Line::open(config).unwrap();
    let (mut from, mut to) = (device(&line, End::A), device(&line, End::B));
    let arrived = std::thread::scope(|scope| {
        scope.spawn(|| from.write_all(&[0; 100_000]).unwrap());
        let mut arrived = Vec::new();
        let mut piece = [0; 4096];
        while arrived.len() as u64 + line.traffic(End::A).lost < 100_000 {
            let n = to.read(&mut piece).unwrap();
            arrived.extend_from_slice(&piece[..n]);
        }
        arrived
    });
    let traffic = line.traffic(End::A);
    println!("{traffic:?}");
    assert_eq!(traffic.bytes, 100_000);
    assert!((50..150).contains(&traffic.damaged) && (130..270).contains(&traffic.lost));
    let wrong = arrived.iter().filter(|byte| **byte != 0).count() as u64;
    assert!(
        wrong <= traffic.damaged && wrong + 5 >= traffic.damaged,
        "{wrong}"
    );
}

#[test]
fn an_end_that_is_unplugged_hangs_up_and_comes_back_under_its_name() {
    let line = Line::open(LineConfig::default()).unwrap();
    let mut here = device(&line, End::A);
    let mut there = device(&line, End::B);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| matches!(here.read(&mut [0]), Ok(0) | Err(_)));
        line.unplug(End::A).unwrap();
        assert!(waiting.join().unwrap(), "a read went on");
    });
    assert!(!line.path(End::A).exists());
    assert!(line.path(End::B).exists());
    there.write_all(b"to nobody").unwrap();
    let limit = Instant::now() + Duration::from_secs(30);
    while line.traffic(End::B).lost < 9 {
        assert!(Instant::now() < limit, "{:?}", line.traffic(End::B));
        std::thread::yield_now();
    }
    line.plug(End::A).unwrap();
    let mut here = device(&line, End::A);
    there.write_all(b"again").unwrap();
    let mut got = [0; 5];
    here.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"again");
}

#[test]
fn what_is_written_to_a_severed_line_is_lost() {
    let line = Line::open(LineConfig::default()).unwrap();
    let (mut from, mut to) = (device(&line, End::A), device(&line, End::B));
    line.sever(true);
    from.write_all(b"lost").unwrap();
    let limit = Instant::now() + Duration::from_secs(30);
    while line.traffic(End::A).lost < 4 {
        assert!(Instant::now() < limit, "{:?}", line.traffic(End::A));
        std::thread::yield_now();
    }
    line.sever(false);
    from.write_all(b"found").unwrap();
    let mut got = [0; 5];
    to.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"found");
}

#[test]
fn the_names_are_made_where_told_and_removed_with_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let line = Line::open(LineConfig {
        directory: Some(directory.path().to_owned()),
        ..LineConfig::default()
    })
    .unwrap();
    assert_eq!(line.path(End::A), directory.path().join("a"));
    assert!(line.path(End::B).exists());
    drop(line);
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}
