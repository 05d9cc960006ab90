//! One direction of a line: how many bytes may pass now, and what becomes of them. No I/O and no clock.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{LineConfig, Traffic};

/// How many bytes a UART collects before it tells anybody: the 16550's buffer.
const UART_BUFFER: u32 = 16;
/// Start bit, eight bits, stop bit.
const BITS_A_BYTE: u32 = 10;

pub(super) struct Lane {
    pace: Option<Pace>,
    damage: Option<NonZeroU32>,
    loss: Option<NonZeroU32>,
    dice: Dice,
}

impl Lane {
    /// `which`: the two directions of a line meet different fates.
    pub(super) fn new(config: &LineConfig, which: u64) -> Lane {
        Lane {
            pace: config.baud.map(|baud| Pace {
                rate: baud.get().div_ceil(BITS_A_BYTE),
                busy: None,
            }),
            damage: config.damage,
            loss: config.loss,
            dice: Dice(config.seed ^ which.rotate_left(32)),
        }
    }

    /// Bytes are there, now.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Some(pace) = &mut self.pace {
            pace.busy.get_or_insert((now, 0));
        }
    }

    /// How many bytes may pass now.
    pub(super) fn budget(&self, now: Instant) -> usize {
        self.pace
            .as_ref()
            .map_or(usize::MAX, |pace| pace.budget(now))
    }

    /// When some of the bytes that are there may pass. `None`: now, or there are none.
    pub(super) fn due(&self) -> Option<Instant> {
        let pace = self.pace.as_ref()?;
        let (since, passed) = pace.busy?;
        Some(since + pace.time_of(passed + u64::from(UART_BUFFER)))
    }

    /// These bytes pass.
    pub(super) fn pass(&mut self, bytes: &mut Vec<u8>, counters: &Counters) {
        if let Some(Pace {
            busy: Some((_, passed)),
            ..
        }) = &mut self.pace
        {
            *passed += bytes.len() as u64;
        }
        counters
            .bytes
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let (damage, loss, dice) = (self.damage, self.loss, &mut self.dice);
        if damage.is_none() && loss.is_none() {
            return;
        }
        let before = bytes.len();
        // Byte by byte, so that it does not matter in what pieces they come.
        bytes.retain_mut(|byte| {
            if loss.is_some_and(|loss| dice.one_in(loss)) {
                return false;
            }
            if damage.is_some_and(|damage| dice.one_in(damage)) {
                // Any byte but this one.
                *byte ^= 1 + (dice.roll() % 255) as u8;
                counters.damaged.fetch_add(1, Ordering::Relaxed);
            }
            true
        });
        counters.lost((before - bytes.len()) as u64);
    }

    /// The source has nothing more, or the destination takes no more: time that passes until the next
    /// [`begin`](Lane::begin) carries nothing.
    pub(super) fn pause(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.busy = None;
        }
    }
}

/// Counted from when the line became busy, so that neither rounding nor a late look adds up.
struct Pace {
    /// Bytes a second.
    rate: u32,
    /// Since when, and how many bytes have passed since then.
    busy: Option<(Instant, u64)>,
}

impl Pace {
    fn budget(&self, now: Instant) -> usize {
        let Some((since, passed)) = self.busy else {
            return 0;
        };
        let time = now.saturating_duration_since(since);
        let most = time.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        usize::try_from(most - u128::from(passed).min(most)).unwrap_or(usize::MAX)
    }

    fn time_of(&self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000;
        Duration::from_nanos(nanos.div_ceil(u128::from(self.rate)) as u64)
    }
}

/// What [`Traffic`] shows.
#[derive(Debug, Default)]
pub(super) struct Counters {
    bytes: AtomicU64,
    damaged: AtomicU64,
    lost: AtomicU64,
}

impl Counters {
    pub(super) fn lost(&self, bytes: u64) {
        self.lost.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Traffic {
        Traffic {
            bytes: self.bytes.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn one_in(&mut self, many: NonZeroU32) -> bool {
        self.roll().is_multiple_of(u64::from(many.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(baud: u32) -> LineConfig {
        LineConfig {
            baud: NonZeroU32::new(baud),
            ..LineConfig::default()
        }
    }

    #[test]
    fn the_rate_is_exact_however_late_the_looks_are() {
        let mut lane = Lane::new(&config(115_200), 0);
        let start = Instant::now();
        let counters = Counters::default();
        lane.begin(start);
        let mut now = start;
        for step in 0..10_000_u64 {
            now += Duration::from_micros(1 + step * 7919 % 5003);
            let n = lane.budget(now);
            lane.pass(&mut vec![0; n], &counters);
        }
        let exact = (now - start).as_secs_f64() * 11_520.0;
        let passed = counters.get().bytes as f64;
        assert!((exact - passed).abs() <= 1.0, "{passed}, not {exact}");
    }

    #[test]
    fn idle_time_carries_nothing() {
        let mut lane = Lane::new(&config(9600), 0);
        let start = Instant::now();
        lane.begin(start);
        lane.pause();
        let later = start + Duration::from_secs(100);
        assert_eq!(lane.budget(later), 0);
        lane.begin(later);
        assert_eq!(lane.budget(later), 0);
        assert_eq!(lane.budget(later + Duration::from_secs(1)), 960);
    }

    #[test]
    fn a_seed_decides_which_bytes_are_damaged_and_lost() {
        let fate = |seed, pieces: usize| {
            let mut lane = Lane::new(
                &LineConfig {
                    damage: NonZeroU32::new(100),
                    loss: NonZeroU32::new(1000),
                    seed,
                    ..LineConfig::default()
                },
                1,
            );
            let counters = Counters::default();
            let mut out = Vec::new();
            for piece in vec![0_u8; 100_000].chunks(pieces) {
                let mut piece = piece.to_vec();
                lane.pass(&mut piece, &counters);
                out.extend(piece);
            }
            let damaged = out.iter().filter(|byte| **byte != 0).count();
            assert_eq!(counters.get().damaged, damaged as u64);
            assert!((800..1200).contains(&damaged), "{damaged}");
            out
        };
        assert_eq!(fate(7, 1000), fate(7, 333));
        assert_ne!(fate(7, 1000), fate(8, 1000));
    }
}
