//! The message queue against its peers: prints the third table of `BENCHMARKS.md`.

use bench_peers::measure::{Role, Row, Sample, Unit, Wanted, judge_the_best, run};
use bench_peers::messages::*;
use bench_peers::report::{Options, markdown, provenance, to_json};
use bench_peers::rings::cache_line;
use clap::Parser;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// The default capacity of a channel.
const DEFAULT: usize = 64 * KIB;
/// The capacities that large messages are measured with.
const CAPACITIES: [usize; 3] = [DEFAULT, MIB, 4 * MIB];

fn bytes(n: usize) -> String {
    match n {
        n if n < KIB => format!("{n} B"),
        n if n < MIB => format!("{} KiB", n / KIB),
        n => format!("{} MiB", n / MIB),
    }
}

/// A measure of [`stream`] or [`round_trip`]'s kind.
type Measure = fn([usize; 2], usize, usize, u64) -> Sample;

/// What a row's contestants do.
#[derive(Clone, Copy)]
struct Task {
    cores: [usize; 2],
    capacity: usize,
    size: usize,
    /// How many units of work a message is.
    each: u64,
}

impl Task {
    fn by(self, measure: Measure) -> impl FnMut(u64) -> Sample + 'static {
        move |amount| measure(self.cores, self.capacity, self.size, amount / self.each)
    }
}

/// Adds the contestants that all rows have, each with `$measure`.
macro_rules! all_contestants {
    ($row:expr, $task:expr, $measure:ident) => {{
        let (row, task) = ($row, $task);
        let row = row
            .with(
                Role::Ours,
                "halves",
                task.by($measure::<Halves<Sent, Into>>),
            )
            .with(Role::Ours, "shared", task.by($measure::<Shared>))
            .with(
                Role::Ours,
                "ref",
                task.by($measure::<Halves<Sent, Borrowed>>),
            )
            .with(
                Role::Ours,
                "vector",
                task.by($measure::<Halves<Sent, Vector>>),
            );
        peers!(row, task, $measure)
    }};
}

macro_rules! peers {
    ($row:expr, $task:expr, $measure:ident) => {{
        let (row, task) = ($row, $task);
        let row = row
            .with(Role::Peer, "kanal", task.by($measure::<Kanal>))
            .with(Role::Peer, "crossbeam", task.by($measure::<Crossbeam>));
        #[cfg(feature = "zmq")]
        let row = row.with(Role::Peer, "ZeroMQ", task.by($measure::<ZeroMq>));
        #[cfg(feature = "nng")]
        let row = row.with(Role::Peer, "nng", task.by($measure::<Nng>));
        row
    }};
}

/// Small messages, counted.
fn count_rows(cores: [usize; 2]) -> [Row; 2] {
    let task = Task {
        cores,
        capacity: DEFAULT,
        size: 16,
        each: 1,
    };
    let row = |key: &str, title: &str, times| {
        Row::new(key, title, Unit::MillionsPerSecond)
            .wanted(Wanted::Times(times, "kanal"))
            .grain(grain(task.size))
    };
    let sent = row("stream-16", "messages of 16 B", 1.2);
    let fed = row("fed-16", "messages of 16 B, fed in batches", 3.0)
        .with(Role::Ours, "fed", task.by(stream::<Halves<Fed, Into>>))
        .with(
            Role::Ours,
            "fed, ref",
            task.by(stream::<Halves<Fed, Borrowed>>),
        );
    [
        all_contestants!(sent, task, stream),
        peers!(fed, task, stream),
    ]
}

/// Larger ones, measured in bytes.
fn stream_row(cores: [usize; 2], size: usize, capacity: usize, wanted: Wanted) -> Row {
    let task = Task {
        cores,
        capacity,
        size,
        each: size as u64,
    };
    let row = Row::new(
        format!("stream-{}-{}", bytes(size), bytes(capacity)).replace(' ', ""),
        format!("messages of {}, capacity {}", bytes(size), bytes(capacity)),
        Unit::GigabytesPerSecond,
    )
    .wanted(wanted)
    .grain(grain(size) * task.each);
    let mut row = all_contestants!(row, task, stream);
    if size <= 4 * KIB {
        row = row
            .with(Role::Reference, "fed", task.by(stream::<Halves<Fed, Into>>))
            .with(
                Role::Reference,
                "fed, ref",
                task.by(stream::<Halves<Fed, Borrowed>>),
            );
    } else {
        row = row
            .with(
                Role::Reference,
                "ref, unseen",
                task.by(stream_unseen::<Halves<Sent, Borrowed>>),
            )
            .with(
                Role::Reference,
                "kanal, unseen",
                task.by(stream_unseen::<Kanal>),
            );
    }
    row
}

fn round_trip_row(cores: [usize; 2], size: usize, capacity: usize, wanted: f64) -> Row {
    let task = Task {
        cores,
        capacity,
        size,
        each: 1,
    };
    let row = Row::new(
        format!("trip-{}-{}", bytes(size), bytes(capacity)).replace(' ', ""),
        format!(
            "round trip of {}, capacity {}",
            bytes(size),
            bytes(capacity)
        ),
        Unit::Nanos,
    )
    .wanted(Wanted::AtMost(wanted));
    all_contestants!(row, task, round_trip)
        .with(Role::Reference, "cache line", move |n| cache_line(cores, n))
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let plan = options.plan();
    let cores = [options.cores[0], options.cores[1]];

    let mut rows = Vec::from(count_rows(cores));
    for (size, times) in [(256, 1.5), (4 * KIB, 1.0)] {
        rows.push(stream_row(
            cores,
            size,
            DEFAULT,
            Wanted::TimesBestPeer(times),
        ));
    }
    for (size, wanted) in [
        (64 * KIB, Wanted::TimesBestPeer(0.8)),
        (MIB, Wanted::AtLeast(7.0, "halves")),
    ] {
        for capacity in CAPACITIES {
            rows.push(stream_row(cores, size, capacity, wanted));
        }
    }
    for (size, capacity, wanted) in [
        (16, DEFAULT, 300.0),
        (4 * KIB, DEFAULT, 1_800.0),
        (64 * KIB, DEFAULT, 30_000.0),
        (64 * KIB, MIB, 30_000.0),
    ] {
        rows.push(round_trip_row(cores, size, capacity, wanted));
    }

    let mut rows = options.choose(rows);
    let neighbours = run(&mut rows, plan);
    for prefix in ["stream-64KiB", "stream-1MiB", "trip-64KiB"] {
        judge_the_best(&mut rows, prefix);
    }
    let mut peers = vec!["kanal", "crossbeam-channel"];
    let mut absent = String::new();
    for (name, there, crates) in [
        ("ZeroMQ", cfg!(feature = "zmq"), ["zmq", "zeromq-src"]),
        ("nng", cfg!(feature = "nng"), ["nng", "nng-sys"]),
    ] {
        match there {
            true => peers.extend(crates),
            false => absent += &format!(" {name} was not built."),
        }
    }
    let how = format!(
        "all calls block; the two threads are pinned to cores {} and {}. Peers may have as many messages \
         in flight as the capacity holds, and at least two. The receiver of a stream adds up all words of \
         a message, except in the columns \"unseen\", where it does not look; both ends of a round trip \
         look at every eighth word. The cache line column is what one there and one back costs two \
         spinning threads.{absent}",
        cores[0], cores[1],
    );
    let text = format!(
        "{}\n{}",
        markdown(&rows),
        provenance(&rows, plan, neighbours, &peers, &how)
    );
    options.publish(&text, &to_json(&rows, plan, neighbours))?;
    neighbours.judge();
    Ok(())
}
