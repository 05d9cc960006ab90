//! When things are done: acknowledgements, timers, and the figures for a line.

use core::time::Duration;

use crate::noise::rtt::Rtt;
use crate::noise::{Noise, NoiseConfig};

const MS: Duration = Duration::from_millis(1);

/// Two ends that are up, at a time of their own.
fn ends() -> [Noise; 2] {
    let mut ends = [1, 2].map(|seed| Noise::new(NoiseConfig::for_baud(115_200), seed));
    let mut buf = [0; 1000];
    for end in &mut ends {
        end.link_up(MS);
    }
    for _ in 0..4 {
        for from in 0..2 {
            let n = ends[from].transmit(MS, &mut buf, &mut |_| 0);
            ends[1 - from].receive(MS, &buf[..n], &mut |_| ());
            while ends[1 - from].poll_event().is_some() {}
        }
    }
    ends
}

/// Sends packets of one byte each; returns how many bytes went over the line.
fn send(from: &mut Noise, to: &mut Noise, now: Duration, mut packets: usize) -> usize {
    let mut buf = [0; 1000];
    let n = from.transmit(now, &mut buf, &mut |_| {
        let n = packets.min(1);
        packets -= n;
        n
    });
    to.receive(now, &buf[..n], &mut |_| ());
    n
}

/// One packet waits 5 ms for something to take its acknowledgement along, two do not wait.
#[test]
fn acknowledgements_wait_a_little() {
    let [mut a, mut b] = ends();
    let now = Duration::from_secs(1);
    send(&mut a, &mut b, now, 1);
    assert!(!a.is_settled() && !b.is_settled());
    assert_eq!(b.deadline(), Some(now + 5 * MS));
    assert_eq!(send(&mut b, &mut a, now + 4 * MS, 0), 0);
    assert_eq!(send(&mut b, &mut a, now + 5 * MS, 0), 10);
    assert!(a.is_settled() && b.is_settled());
    assert_eq!(a.deadline(), None);

    send(&mut a, &mut b, now + 6 * MS, 2);
    assert_eq!(send(&mut b, &mut a, now + 6 * MS, 0), 10);
    assert!(a.is_settled());

    // An answer takes it along.
    send(&mut a, &mut b, now + 7 * MS, 1);
    assert_eq!(send(&mut b, &mut a, now + 7 * MS, 1), 14);
    assert!(a.deadline().is_some() && b.deadline().is_some());
    assert_eq!(send(&mut a, &mut b, now + 12 * MS, 0), 10);
    assert!(a.is_settled() && b.is_settled());
}

/// The wait follows what was measured, doubles twice while nothing answers, and stays within a quarter of the patience.
#[test]
fn the_wait_for_an_answer() {
    let mut rtt = Rtt::new(Duration::from_secs(8));
    assert_eq!(rtt.timeout(), 300 * MS);
    rtt.sample(40 * MS);
    assert_eq!(rtt.timeout(), (40 + 80 + 5) * MS);
    for _ in 0..50 {
        rtt.sample(40 * MS);
    }
    assert!(
        rtt.timeout() >= 55 * MS && rtt.timeout() < 56 * MS,
        "{:?}",
        rtt.timeout()
    );
    let steady = rtt.timeout();
    rtt.expired();
    assert_eq!(rtt.timeout(), steady * 2);
    rtt.expired();
    assert_eq!(rtt.timeout(), steady * 4);
    rtt.answered();
    assert_eq!(rtt.timeout(), steady);
    for _ in 0..100 {
        rtt.expired();
    }
    // A line that is merely bad is asked again soon.
    assert_eq!(rtt.timeout(), steady * 4);
    rtt.answered();
    // Jitter makes it more patient.
    for n in 0..50 {
        rtt.sample((20 + n % 2 * 100) * MS);
    }
    assert!(rtt.timeout() > 200 * MS);
    rtt.expired();
    rtt.expired();
    assert!(rtt.timeout() > 800 * MS);
    let mut hasty = Rtt::new(400 * MS);
    assert_eq!(hasty.timeout(), 100 * MS);
    hasty.expired();
    assert_eq!(hasty.timeout(), 100 * MS);
}

/// The figures that the documentation names.
#[test]
fn figures_for_a_line() {
    let config = NoiseConfig::for_baud(115_200);
    assert_eq!((config.payload, config.window), (253, 64));
    assert_eq!(config.patience, Duration::from_secs(5));
    assert_eq!(NoiseConfig::for_baud(9600).payload, 64);
    assert_eq!(NoiseConfig::for_baud(3_000_000).payload, 512);
    for baud in [0, 1, 300, u32::MAX] {
        let config = NoiseConfig::for_baud(baud);
        assert!((64..=512).contains(&config.payload) && config.window == 64);
        assert!(config.patience >= Duration::from_secs(5));
    }
}
