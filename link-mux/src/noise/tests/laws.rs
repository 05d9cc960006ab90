//! What holds whatever a line does: what is delivered is a prefix of what was sent (checked at every byte by the
//! ends of `world`), and once the line is good enough, everything arrives.

use std::println;
use std::vec::Vec;

use core::time::Duration;

use proptest::prelude::*;

use super::wire::{Harm, Rng};
use super::world::World;
use crate::noise::{NoiseConfig, NoiseEvent};

fn config(payload: u16, window: u8) -> NoiseConfig {
    NoiseConfig {
        payload,
        window,
        patience: Duration::from_secs(5),
    }
}

const CLEAN: Harm = Harm {
    damage: 0,
    lose: 0,
    insert: 0,
    repeat: 0,
};

/// Without errors everything arrives, in one session.
#[test]
fn a_clean_line() {
    let mut world = World::new(&config(128, 8), 1, [20_000, 10_000], CLEAN);
    assert!(world.run(Duration::from_secs(60), World::is_done));
    for end in &world.ends {
        assert_eq!(end.events, [NoiseEvent::Up]);
    }
    // Nothing was sent twice.
    assert!(world.lines[0].sent < 20_000 * 115 / 100 + 200);
}

// shows T5
#[test]
fn a_noisy_line_brings_everything() {
    for seed in 0..24 {
        println!("seed {seed}");
        let mut rng = Rng(seed);
        let harm = Harm {
            damage: 300 + rng.below(3000),
            lose: 300 + rng.below(3000),
            insert: 300 + rng.below(3000),
            repeat: 1000 + rng.below(10_000),
        };
        let config = config(64 + rng.below(200) as u16, 2 + rng.below(63) as u8);
        let totals = [rng.below(6000) as u64, rng.below(6000) as u64];
        let mut world = World::new(&config, seed, totals, harm);
        for end in &mut world.ends {
            end.out = [1, 7, 64, 300, 5000][rng.below(5)];
            end.bite = [1, 50, 5000][rng.below(3)];
        }
        for line in &mut world.lines {
            line.buffer = [1, 100, 4096][rng.below(3)];
        }
        assert!(
            world.run(Duration::from_secs(300), World::is_done),
            "{harm:?} {config:?}"
        );
        for end in &world.ends {
            assert_eq!(end.events, [NoiseEvent::Up]);
        }
    }
}

/// The goodput of a line with one byte in `damage` damaged, as a part of its rate. In virtual time, so that it
/// says something about the protocol and nothing about the machine.
fn goodput(baud: u32, damage: usize, both: bool, buffer: usize, delay: Duration, seed: u64) -> f64 {
    let rate = f64::from(baud) / 10.0;
    let total = (rate * 10.0).min(500_000.0) as u64;
    let harm = Harm { damage, ..CLEAN };
    let back = if both { total } else { 0 };
    let mut world = World::new(&NoiseConfig::for_baud(baud), seed, [total, back], harm);
    for line in &mut world.lines {
        line.byte = Duration::from_secs_f64(1.0 / rate);
        line.delay = delay;
        line.buffer = buffer;
    }
    let start = world.now;
    assert!(world.run(Duration::from_secs(60), World::is_done));
    total as f64 / rate / (world.ends[1].got_at - start).as_secs_f64()
}

/// At 115,200 baud with 1 byte in 10,000 damaged, the stream gets at least 0.88 of the line: in one
/// direction or both, with much or little buffered by the system.
#[test]
fn the_goodput_of_a_noisy_line() {
    let delay = Duration::from_millis(1);
    for (both, buffer) in [(false, 4096), (false, 512), (true, 4096), (true, 512)] {
        let part = goodput(115_200, 10_000, both, buffer, delay, 7);
        println!("both {both}, buffer {buffer}: {part:.3}");
        assert!(part > 0.88, "{part}");
    }
}

/// Figures for the documentation: run with `--ignored --nocapture`.
#[test]
#[ignore = "prints a table"]
fn goodput_table() {
    for baud in [9600, 115_200, 921_600] {
        for damage in [0, 10_000, 2000] {
            for (both, buffer, delay) in [
                (false, 4096, 1),
                (false, 64, 1),
                (false, 12 << 10, 1),
                (false, 1 << 16, 1),
                (true, 4096, 1),
                (false, 4096, 16),
            ] {
                let delay = Duration::from_millis(delay);
                let parts: Vec<f64> = (0..5)
                    .map(|seed| goodput(baud, damage, both, buffer, delay, seed))
                    .collect();
                let mean = parts.iter().sum::<f64>() / 5.0;
                let least = parts.iter().copied().fold(1.0, f64::min);
                println!(
                    "{baud:8} baud, 1 in {damage:6}, both {both:5}, buffer {buffer:5}, delay {delay:?}: {mean:.3}, least {least:.3}"
                );
            }
        }
    }
}

/// The numbers of packets wrap.
#[test]
fn numbers_wrap() {
    let harm = Harm {
        damage: 20_000,
        ..CLEAN
    };
    let total = (1 << 16) * 3 + 5000;
    let mut world = World::new(&config(64, 64), 3, [total, 100], harm);
    world.ends[0].bite = 3;
    assert!(world.run(Duration::from_secs(10_000), World::is_done));
    for end in &world.ends {
        assert_eq!(end.events, [NoiseEvent::Up]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Any harm, any limits, different ones at the two ends, any cuts: a prefix at all times; and when the line
    /// has become good, everything arrives.
    #[test]
    fn whatever_the_line_does(
        seed: u64,
        payloads in [64u16..600, 64u16..600],
        windows in [2u8..=64, 2u8..=64],
        totals in [0u64..4000, 0u64..4000],
        harm in [20usize..2000, 20usize..2000, 20usize..2000, 64usize..20_000],
        outs in [1usize..2000, 1usize..2000],
        bad in 0u64..20,
    ) {
        let [damage, lose, insert, repeat] = harm;
        let harm = Harm { damage, lose, insert, repeat };
        let mut world = World::new(&config(payloads[0], windows[0]), seed, totals, harm);
        let other = config(payloads[1], windows[1]);
        world.ends[1].noise = crate::noise::Noise::new(other, seed ^ 0x55);
        world.ends[1].noise.link_up(world.now);
        for (end, out) in world.ends.iter_mut().zip(outs) {
            end.out = out;
        }
        world.run(Duration::from_secs(bad), World::is_done);
        for line in &mut world.lines {
            line.harm = CLEAN;
        }
        prop_assert!(world.run(Duration::from_secs(120), World::is_done));
    }
}
