//! Two ends of a link in a simulated world with a time of its own: slow, late, cut, damaged, restarted; and what must
//! hold of every channel whatever happens.
//!
//! Shows C1 (nothing lost, doubled or foreign), C4 to C6 (ends, losses), C9 (receipts), T4 (sharing, plugging) and T5
//! (damaged lines).
//!
//! Everything follows from a seed. `SIM_SEED=123 cargo test -p link-mux --test simulator -- --exact replay --nocapture`
//! tells what happens in one run; `scripts/sim` makes very many.

mod app;
mod draw;
mod end;
mod events;
mod faults;
mod figures;
mod laws;
mod line;
mod plan;
mod program;
mod rng;
mod starvation;
mod tap;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use figures::Figures;
use world::World;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Nobody reads more of them.
const MOST_FAILURES: usize = 20;

/// One run. The error is the law that was broken.
fn run(seed: u64) -> Result<Figures, String> {
    let run = || World::new(seed, false).run();
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| text_of(&*panic))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// Runs these seeds; the first failures are told, with how to see them again.
fn check(seeds: impl Iterator<Item = u64>) -> Figures {
    let mut sum = Figures::default();
    let mut failures = Vec::new();
    for seed in seeds {
        match run(seed) {
            Ok(figures) => sum.add(&figures),
            Err(what) => failures.push(format!("SIM_SEED={seed}: {what}")),
        }
        if failures.len() >= 5 {
            break;
        }
    }
    assert!(
        failures.is_empty(),
        "{}\nto be seen with: SIM_SEED=... cargo test -p link-mux --test simulator -- --exact replay --nocapture",
        failures.join("\n")
    );
    sum
}

#[test]
fn the_first_thousand_seeds() {
    println!("{}", check(0..1000));
}

#[test]
fn the_second_thousand_seeds() {
    println!("{}", check(1000..2000));
}

#[test]
fn a_seed_is_the_same_run_again() {
    for seed in 0..60 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// Tells what happens in the run of `SIM_SEED`.
#[test]
fn replay() {
    if let Some(seed) = number("SIM_SEED") {
        println!("{}", World::new(seed, true).run());
    }
}

/// `SIM_SEEDS` seeds from `SIM_FIRST` on, on `SIM_THREADS` threads; one in ten twice.
#[test]
#[ignore = "takes minutes: scripts/sim"]
fn campaign() {
    let (first, count) = (
        number("SIM_FIRST").unwrap_or(0),
        number("SIM_SEEDS").unwrap_or(100_000),
    );
    let threads = number("SIM_THREADS").unwrap_or(1);
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Figures::default());
    let failures = Mutex::new(Vec::new());
    // A broken law is told below, once.
    std::panic::set_hook(Box::new(|_| ()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failures.lock().unwrap().len() >= MOST_FAILURES {
                        return;
                    }
                    let figures = run(seed);
                    if seed.is_multiple_of(10) && run(seed) != figures {
                        let what = "another run when it is run again".to_owned();
                        failures.lock().unwrap().push((seed, what));
                    }
                    match figures {
                        Ok(figures) => sum.lock().unwrap().add(&figures),
                        Err(what) => failures.lock().unwrap().push((seed, what)),
                    }
                }
            });
        }
    });
    println!("{}", sum.into_inner().unwrap());
    let failures = failures.into_inner().unwrap();
    for (seed, what) in &failures {
        println!("SIM_SEED={seed}: {what}");
    }
    println!("{:<36} {:>14}", "failures", failures.len());
    if !failures.is_empty() {
        std::process::exit(1);
    }
}
