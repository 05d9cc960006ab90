//! How fast the layer is by itself: two ends in one thread, no line between. Prints, asserts nothing.

use std::println;
use std::time::Instant;
use std::vec;
use std::vec::Vec;

use core::time::Duration;

use super::wire::Rng;
use crate::noise::{Noise, NoiseConfig};

/// Run with `cargo test --release -p link-mux noise_speed -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures; meaningful in release builds"]
fn noise_speed() {
    let mut rng = Rng(1);
    let random: Vec<u8> = (0..1 << 16).map(|_| rng.next() as u8).collect();
    let zeros = vec![0; 1 << 16];
    let numbers: Vec<u8> = (0..1u32 << 14).flat_map(u32::to_le_bytes).collect();
    for (what, bytes) in [
        ("random bytes", &random),
        ("zeros", &zeros),
        ("numbers of 4 bytes", &numbers),
    ] {
        for (payload, window) in [(256, 64), (1024, 64), (4096, 64), (4096, 8)] {
            let rate = measure(payload, window, bytes);
            println!("{what}, payload {payload}, window {window}: {rate:.0} MB/s");
        }
    }
}

fn measure(payload: u16, window: u8, bytes: &[u8]) -> f64 {
    const TOTAL: usize = 256 << 20;
    let config = NoiseConfig {
        payload,
        window,
        ..NoiseConfig::for_baud(115_200)
    };
    let mut ends = [1, 2].map(|seed| Noise::new(config.clone(), seed));
    let now = Duration::ZERO;
    for end in &mut ends {
        end.link_up(now);
    }
    let (mut sent, mut got) = (0, 0);
    let mut line = vec![0; 1 << 16];
    let start = Instant::now();
    while got < TOTAL {
        let now = start.elapsed();
        for from in 0..2 {
            let n = ends[from].transmit(now, &mut line, &mut |room| {
                let n = room.len().min(if from == 0 { TOTAL - sent } else { 0 });
                let at = sent % (bytes.len() - room.len());
                room[..n].copy_from_slice(&bytes[at..at + n]);
                sent += n;
                n
            });
            ends[1 - from].receive(now, &line[..n], &mut |bytes| got += bytes.len());
            for end in &mut ends {
                while end.poll_event().is_some() {}
            }
        }
    }
    TOTAL as f64 / start.elapsed().as_secs_f64() / 1e6
}
