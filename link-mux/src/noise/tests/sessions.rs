//! Sessions that end and begin: restarts, silence, unplugging, and what older sessions left in the line.

use std::println;
use std::vec::Vec;

use core::time::Duration;

use super::wire::{Harm, Rng};
use super::world::{End, World};
use crate::noise::NoiseEvent::{Down, Up};
use crate::noise::{Noise, NoiseConfig};

const PATIENCE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);

fn config() -> NoiseConfig {
    NoiseConfig {
        payload: 100,
        window: 8,
        patience: PATIENCE,
    }
}

/// The program at one end is killed at any moment and started again: the other end is told, and both start
/// anew; what the old session left in the line disturbs nobody.
// shows T5
#[test]
fn restart_of_one_side() {
    for seed in 0..60 {
        println!("seed {seed}");
        let mut rng = Rng(seed);
        let harm = Harm {
            damage: [0, 2000][rng.below(2)],
            ..Harm::default()
        };
        let mut world = World::new(&config(), seed, [5000, 3000], harm);
        let moment = Duration::from_micros(rng.below(900_000) as u64);
        world.run(moment, |_| false);
        let was_up = world.ends[0].up;
        world.ends[1] = End::new(config(), rng.next(), 3000);
        let later = world.now + Duration::from_millis(rng.below(300) as u64);
        world.run(later - world.now, |_| false);
        world.ends[1].noise.link_up(world.now);
        assert!(world.run(MINUTE, World::is_done));
        let expected: &[_] = if was_up { &[Up, Down, Up] } else { &[Up] };
        assert_eq!(world.ends[0].events, expected);
        assert_eq!(world.ends[1].events, [Up]);
    }
}

/// The line is cut for a while: who awaits something is told after the patience, and both find each other again.
#[test]
fn a_line_that_is_cut() {
    for (cut, seed) in [([true, true], 1), ([true, false], 2), ([false, true], 3)] {
        let mut world = World::new(&config(), seed, [4000, 4000], Harm::default());
        assert!(world.run(MINUTE, |world| world.ends[1].got > 1000));
        let at = world.now;
        for (line, cut) in world.lines.iter_mut().zip(cut) {
            line.cut = cut;
        }
        assert!(world.run(MINUTE, |world| !world.ends.iter().all(|end| end.up)));
        assert!(world.now >= at + PATIENCE, "{:?}", world.now - at);
        assert!(world.now <= at + PATIENCE * 2, "{:?}", world.now - at);
        world.run(MINUTE, |_| false);
        assert!(!world.ends.iter().any(|end| end.up));
        for line in &mut world.lines {
            line.cut = false;
        }
        assert!(world.run(MINUTE, World::is_done));
        for end in &world.ends {
            assert_eq!(end.events, [Up, Down, Up]);
        }
    }
}

/// An idle line is silent, and nobody misses anything there.
#[test]
fn an_idle_line() {
    let mut world = World::new(&config(), 1, [100, 0], Harm::default());
    assert!(world.run(MINUTE, World::is_done));
    let sent = world.lines.each_ref().map(|line| line.sent);
    for end in &world.ends {
        assert_eq!(end.noise.deadline(), None);
    }
    world.run(MINUTE * 60, |_| false);
    assert_eq!(world.lines.each_ref().map(|line| line.sent), sent);
    // After an hour, the first packet is not late, even if it takes long to be answered.
    world.ends[0].total = 200;
    world.lines[1].cut = true;
    assert!(world.run(MINUTE, |world| world.ends[1].got == 200));
    world.run(PATIENCE / 2, |_| false);
    world.lines[1].cut = false;
    assert!(world.run(MINUTE, World::is_done));
    assert_eq!(world.ends[0].events, [Up]);
}

/// Unplugged and plugged again, at one end or at both.
#[test]
fn unplugged() {
    let mut world = World::new(&config(), 9, [4000, 4000], Harm::default());
    assert!(world.run(MINUTE, |world| world.ends[1].got > 1000));
    world.ends[0].noise.link_down();
    let sent = world.lines[0].sent;
    world.run(MINUTE, |_| false);
    assert_eq!(world.lines[0].sent, sent, "said something while unplugged");
    assert_eq!(world.ends[0].noise.deadline(), None);
    assert!(world.ends[0].noise.is_settled());
    assert_eq!(world.ends[0].events, [Up, Down]);
    let now = world.now;
    world.ends[0].noise.link_up(now);
    assert!(world.run(MINUTE, World::is_done));
    for end in &world.ends {
        assert_eq!(end.events, [Up, Down, Up]);
    }
    // Both, and so quickly that nobody has seen that it was down.
    for end in &mut world.ends {
        end.noise.link_down();
        end.noise.link_up(now + MINUTE * 2);
    }
    world.now = now + MINUTE * 2;
    world.step();
    assert!(world.run(MINUTE, World::is_done));
    for end in &world.ends {
        assert_eq!(end.events, [Up, Down, Up, Down, Up]);
    }
}

/// Everything that an older session sent comes again, at the beginning of a new one and in the middle of it: it is
/// dropped, and but for the hellos, which tell of another session, nothing comes of it.
#[test]
fn stale_bytes() {
    // An older session of the same two programs, whose bytes somebody kept.
    let mut old = [1, 2].map(|seed| End::new(config(), seed, 2000));
    let mut rng = Rng(1);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let now = Duration::from_secs(1);
    for end in &mut old {
        end.noise.link_up(now);
    }
    let mut buf = [0; 1 << 14];
    for round in 0..40 {
        let from = round % 2;
        let n = old[from].transmit(now, &mut buf);
        old[1 - from].receive(now, &buf[..n]);
        old.iter_mut().for_each(|end| end.poll_events(&mut rng));
        kept.extend(
            buf[..n]
                .split_inclusive(|&byte| byte == 0)
                .map(<[u8]>::to_vec),
        );
    }
    assert!(old[1].got == 2000 && old[0].got == 2000);
    let is_hello = |packet: &Vec<u8>| packet.len() == 27 && packet[1] == 0x10;
    assert!(kept.iter().any(is_hello));

    let mut world = World::new(&config(), 5, [20_000, 20_000], Harm::default());
    let inject = |world: &mut World, hellos: bool| {
        for packet in kept.iter().filter(|packet| hellos || !is_hello(packet)) {
            for end in &mut world.ends {
                let now = world.now;
                end.receive(now, &[0]);
                end.receive(now, packet);
                end.poll_events(&mut world.rng);
            }
        }
    };
    inject(&mut world, true);
    for _ in 0..50 {
        world.run(Duration::from_millis(20), |_| false);
        inject(&mut world, false);
    }
    assert!(world.run(MINUTE, World::is_done));
    assert_eq!(world.ends[0].events, [Up]);
    assert_eq!(world.ends[1].events, [Up]);
    inject(&mut world, true);
    assert!(world.run(MINUTE, World::is_done));
}

/// Any amount of garbage, at any moment: no memory is taken, nothing delivered, and what follows is read right.
#[test]
fn floods_of_garbage() {
    let mut world = World::new(&config(), 5, [20_000, 20_000], Harm::default());
    let mut garbage = std::vec![0; 1 << 20];
    for round in 0..8 {
        let kind = round % 4;
        for byte in &mut garbage {
            *byte = match kind {
                0 => world.rng.next() as u8,
                1 => 0,
                2 => 0xFF,
                _ => (world.rng.next() % 4) as u8,
            };
        }
        let now = world.now;
        for end in &mut world.ends {
            end.receive(now, &garbage);
        }
        world.run(Duration::from_millis(200), |_| false);
    }
    assert!(world.run(MINUTE, World::is_done));
    for end in &world.ends {
        assert_eq!(end.events, [Up]);
    }
}

/// Each end hears what it sends itself, as on a bus: it pays no heed to that.
#[test]
fn an_echoing_line() {
    let mut ends = [1, 2].map(|seed| End::new(config(), seed, 2000));
    let mut rng = Rng(1);
    let now = Duration::from_secs(1);
    for end in &mut ends {
        end.noise.link_up(now);
    }
    let mut buf = [0; 1 << 14];
    for round in 0..40 {
        let from = round % 2;
        let n = ends[from].transmit(now, &mut buf);
        for end in &mut ends {
            for packet in buf[..n].split_inclusive(|&byte| byte == 0) {
                end.receive(now, packet);
                end.poll_events(&mut rng);
            }
        }
    }
    for end in &ends {
        assert_eq!(end.got, 2000);
        assert!(end.up);
        assert_eq!(end.events.iter().filter(|event| **event == Up).count(), 1);
    }
}

/// A session that came and went between two questions is not told of.
#[test]
fn events_are_of_the_present() {
    let now = Duration::from_secs(1);
    let mut ends = [1, 2].map(|seed| Noise::new(config(), seed));
    let mut buf = [0; 1000];
    let mut begin = |ends: &mut [Noise; 2]| {
        ends.iter_mut().for_each(|end| end.link_up(now));
        for from in [0, 1, 0, 1, 0, 1, 0, 1] {
            let n = ends[from].transmit(now, &mut buf, &mut |_| 0);
            ends[1 - from].receive(now, &buf[..n], &mut |_| ());
        }
    };
    begin(&mut ends);
    begin(&mut ends);
    for end in &mut ends {
        assert_eq!(end.poll_event(), Some(Up));
        assert_eq!(end.poll_event(), None);
    }
    // Another one has followed already.
    begin(&mut ends);
    for end in &mut ends {
        assert_eq!(end.poll_event(), Some(Down));
        assert_eq!(end.poll_event(), Some(Up));
        assert_eq!(end.poll_event(), None);
        end.link_up(now);
        end.link_down();
        assert_eq!(end.poll_event(), Some(Down));
        assert_eq!(end.poll_event(), None);
    }
}
