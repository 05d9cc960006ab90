//! Measures between two processes, and beside them between two threads.

use super::other::{First, Other};
use super::{Apart, InProcess, Task};
use crate::machine::pin;
use crate::measure::Sample;
use crate::sockets::{Connects, FromChannel, Measure, ask_anew, measure_on, now, warm_connects};
use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

/// Which of the two processes this is.
#[derive(Clone, Debug)]
pub enum Side {
    /// The one with the clock; the other one is started with these arguments and the amount of work.
    Clock(Vec<String>),
    /// The other one, which the first one started.
    Other,
}

/// What the other process says of the time: nothing.
const NOTHING: Sample = Sample {
    elapsed: Duration::ZERO,
    share: 1.0,
};

fn take_place(cores: Option<[usize; 2]>, process: usize) {
    if let Some(cores) = cores {
        pin(cores[process]);
    }
}

/// Runs the part of the process with the clock in a thread of its own, which may be pinned: neither
/// the next other process nor threads of libraries shall inherit that.
fn with_other(
    arguments: &[String],
    amount: u64,
    part: impl FnOnce(&str) -> Sample + Send,
) -> Sample {
    let amount = amount.to_string();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let arguments = [&arguments[..], &[&amount]].concat();
    let other = Other::start(&arguments);
    let sample = std::thread::scope(|scope| {
        let timing = scope.spawn(|| part(&other.at));
        timing.join().expect("the thread with the clock")
    });
    // They sleep as part of their work.
    Sample {
        share: 1.0,
        ..sample
    }
}

/// Runs this process's part of a measure. Threads are pinned when they are connected: what libraries
/// have started by then runs where the system puts it.
pub fn between<A: Apart, M: Measure>(side: &Side, task: Task, amount: u64) -> Sample {
    match side {
        Side::Clock(arguments) => with_other(arguments, amount, |at| {
            let mut end = A::connect(at, task);
            take_place(task.cores, 0);
            now(M::timed(&mut end, task.size, amount / task.each))
        }),
        Side::Other => {
            let (listening, at) = A::listen(task);
            let first = First::tell(&at);
            let mut end = A::accept(listening, task);
            take_place(task.cores, 1);
            now(M::other(&mut end, task.size, amount / task.each));
            // The end stays open until the other one has all.
            first.wait();
            NOTHING
        }
    }
}

/// Runs this process's part of connecting, asking with a byte and closing, again and again.
pub fn connecting<C>(side: &Side, cores: Option<[usize; 2]>, times: u64) -> Sample
where
    C: Connects,
    C::At: Display + FromStr<Err: Debug>,
{
    match side {
        Side::Clock(arguments) => with_other(arguments, times, |at| {
            let at = at.parse().expect("where it listens");
            C::run_one(async {
                let client = C::client().await;
                // Libraries have started their threads when this thread is pinned.
                C::once(&client, &at, 0).await;
                take_place(cores, 0);
                ask_anew::<C>(&client, &at, times).await
            })
        }),
        Side::Other => {
            let (listening, at) = C::listen();
            let first = First::tell(&at.to_string());
            take_place(cores, 1);
            C::run_one(C::serve(listening, 1 + warm_connects(times) + times));
            first.wait();
            NOTHING
        }
    }
}

/// Runs a measure between two threads of this process, over a channel in memory.
pub fn within<E: FromChannel, M: Measure>(task: Task, amount: u64) -> Sample {
    let cores = task.cores.expect("threads with a core each");
    let ends = InProcess::<E>::channels(task.capacity);
    measure_on::<InProcess<E>, M>(ends, cores, task.size, amount / task.each)
}
