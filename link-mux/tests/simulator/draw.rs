//! How the parts of a plan are drawn.

use link_mux::{Config, End};

use crate::plan::{EndPlan, Job, LinePlan, MS, Pace, S, SidePlan, Told, What};
use crate::rng::Rng;

pub fn line(rng: &mut Rng, rate: u64) -> LinePlan {
    LinePlan {
        delay: rng.scaled(1_000, 100 * MS),
        // Most lines are as fast in one direction as in the other.
        rate: if rng.chance(70) {
            rate
        } else {
            rng.between(rate.div_ceil(8), rate)
        },
        pieces: rng.pick(&[1, 2, 5]),
        flips: 0,
        losses: 0,
        inserts: 0,
    }
}

pub fn end(rng: &mut Rng, most: u64) -> EndPlan {
    let max_frame = rng.scaled(64, most);
    EndPlan {
        config: Config {
            max_frame: max_frame as u32,
            max_channels: rng.scaled(1, 300) as u16,
            max_credit: if rng.chance(75) {
                64 << 20
            } else {
                rng.between(9_000, 20_000)
            },
            keep_alive: None,
        },
        out: rng.between(64, (2 * max_frame).min(most).max(64)) as usize,
        lazy: rng.chance(60),
        refuses: rng.pick(&[0, 0, 0, 30]),
        late: rng.pick(&[0, 0, MS, S]),
    }
}

pub fn jobs(rng: &mut Rng, rate: u64) -> Vec<Job> {
    // Most runs are short, so that there can be many.
    let (most, grains) = if rng.chance(98) {
        (2_500, 20)
    } else {
        (20_000, 200)
    };
    let count = rng.scaled(1, 20);
    let most = most.min(rate * 4) / count;
    let spread = rng.pick(&[0, 50 * MS, 2 * S]);
    let both = rng.chance(70);
    (0..count)
        .map(|_| {
            let mut sides = [side(rng, most), side(rng, most)];
            for writer in 0..2 {
                // So much moves at once.
                let grain = sides[writer]
                    .grain(true)
                    .min(sides[1 - writer].grain(false));
                sides[writer].bytes = sides[writer].bytes.min(grain * grains);
            }
            Job {
                opener: if both { rng.below(2) as usize } else { 0 },
                at: rng.between(0, spread),
                patience: rng.chance(10).then(|| rng.below(S)),
                sides,
            }
        })
        .collect()
}

fn side(rng: &mut Rng, most: u64) -> SidePlan {
    SidePlan {
        inbound: rng.scaled(1, 8_192) as u32,
        outbound: rng.scaled(1, 8_192) as u32,
        bytes: rng.between(0, most),
        end: ending(rng, 15),
        writes: pace(rng),
        reads: pace(rng),
        stop: rng
            .chance(20)
            .then(|| (rng.between(0, most), ending(rng, 50))),
    }
}

fn ending(rng: &mut Rng, aborts: u64) -> End {
    if rng.chance(aborts) {
        End::Abort
    } else {
        End::Orderly
    }
}

fn pace(rng: &mut Rng) -> Pace {
    match rng.below(4) {
        0 => Pace {
            bytes: rng.between(1, 20) as usize,
            pause: rng.scaled(MS / 10, 20 * MS),
        },
        1 => Pace {
            bytes: rng.between(20, 4_000) as usize,
            pause: rng.scaled(MS, 500 * MS),
        },
        _ => Pace {
            bytes: rng.between(1, 4_000) as usize,
            pause: 0,
        },
    }
}

pub fn fault(rng: &mut Rng, noise: bool) -> What {
    let told = [told(rng), told(rng)];
    match rng.below(if noise { 3 } else { 2 }) {
        0 => {
            // Nothing passes before both know: otherwise the line would have lost bytes of a session.
            let both = told[0].knows().max(told[1].knows());
            What::Cut(told.map(|told| match told.down {
                Some(_) => Told {
                    up: both + rng.below(S),
                    ..told
                },
                None => told,
            }))
        }
        1 => What::Restart {
            end: rng.below(2) as usize,
            // What the new program says does not arrive before it is known that the old one is gone.
            boot: told[0].knows() + rng.scaled(1, 3 * S),
            told: told[0],
        },
        _ => What::Outage {
            lasts: rng.scaled(1, 3 * S),
            lines: rng.pick(&[[true, true], [true, false], [false, true]]),
        },
    }
}

fn told(rng: &mut Rng) -> Told {
    let first = rng.scaled(1, 3 * S);
    if rng.chance(25) {
        return Told {
            down: None,
            up: first,
        };
    }
    Told {
        down: Some(first),
        up: first + rng.scaled(1, 3 * S),
    }
}
