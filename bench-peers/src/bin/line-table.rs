//! Links over pseudo-terminals and a serial line, and links that have nothing to do: prints the table `line-table` of
//! `BENCHMARKS.md`.

use bench_peers::lines::*;
use bench_peers::measure::{Plan, Role, Row, Unit, Wanted, median, quantile, run};
use bench_peers::report::{Options, group, markdown, provenance, to_json};
use bench_peers::sockets::{bytes, round_trip};
use clap::Parser;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// Bytes of a write, and of a read.
const WRITE: usize = 64 * 1024;
/// Bytes of a message that is echoed.
const SMALL: usize = 64;

/// Adds the contestants, each with `$measure` of messages of `$size` bytes.
macro_rules! contestants {
    ($row:expr, $cores:expr, $direction:ty, $measure:ident, $size:expr) => {{
        let (cores, size) = ($cores, $size);
        $row.with(Role::Ours, "mux", move |n| {
            $measure::<Linked<Mux, $direction>>(cores, size, n)
        })
        .with(Role::Reference, "mux, noise", move |n| {
            $measure::<Linked<Noise, $direction>>(cores, size, n)
        })
        .with(Role::Reference, "mux, noise, 512 B", move |n| {
            $measure::<Linked<Packets, $direction>>(cores, size, n)
        })
        .with(Role::Reference, "plain", move |n| {
            $measure::<Linked<Plain, $direction>>(cores, size, n)
        })
        .with(Role::Reference, "raw, hops", move |n| {
            $measure::<Hops<$direction>>(cores, size, n)
        })
        .with(Role::Peer, "raw", move |n| {
            $measure::<Bare<$direction>>(cores, size, n)
        })
    }};
}

fn streaming(key: &str, title: &str) -> Row {
    Row::new(key, title, Unit::MegabytesPerSecond)
        .grain(WRITE as u64)
        .wanted(Wanted::Times(0.6, "raw"))
}

fn rows(cores: [usize; 2]) -> Vec<Row> {
    let title = "writes of 64 KiB, from the terminal";
    let from = streaming("from", title);
    let title = "writes of 64 KiB, to the terminal";
    let to = streaming("to", title);
    let trips = Row::new("trip-64", "echo of 64 B", Unit::Nanos);
    vec![
        contestants!(from, cores, ToMaster, bytes, WRITE),
        contestants!(to, cores, ToSlave, bytes, WRITE),
        contestants!(trips, cores, ToMaster, round_trip, SMALL),
    ]
}

/// A serial line's rate.
const BAUD: u32 = 115_200;
/// One byte in so many is damaged.
const DAMAGE: u32 = 10_000;
/// Bytes that pass over a line: ten seconds' worth.
const PASSED: usize = 110_000;
/// As many times each, with seeds of their own.
const TIMES: u64 = 5;

/// A table of what a slow line carries. All lines at the same time: they take next to no time of the processor.
fn slow() -> (String, Vec<Value>) {
    let cases = [
        ("nothing is damaged", None, false),
        (
            "one byte in 10,000 is damaged",
            NonZeroU32::new(DAMAGE),
            false,
        ),
        ("nothing is damaged, both ways at once", None, true),
        (
            "one byte in 10,000 is damaged, both ways at once",
            NonZeroU32::new(DAMAGE),
            true,
        ),
    ];
    let all: Vec<Vec<Passed>> = std::thread::scope(|scope| {
        let running: Vec<Vec<_>> = cases
            .iter()
            .map(|(_, damage, both)| {
                let pass = |seed| pass(BAUD, *damage, *both, PASSED, seed);
                (1..=TIMES)
                    .map(|seed| scope.spawn(move || pass(seed)))
                    .collect()
            })
            .collect();
        let finish = |runs: Vec<ScopedJoinHandle<'_, Passed>>| {
            runs.into_iter()
                .map(|run| run.join().expect("everything arrives"))
                .collect()
        };
        running.into_iter().map(finish).collect()
    });
    let mut text = String::from(
        "| a serial line of 115,200 baud | arrived, of 110,000 B | of the line's rate | lowest of 5 | bytes damaged | on the line, there and back | wanted | |\n\
         |---|---:|---:|---:|---:|---:|---|---|\n",
    );
    let mut values = Vec::new();
    for ((what, ..), runs) in cases.iter().zip(all) {
        let shares: Vec<f64> = runs.iter().map(|run| run.of_line(BAUD)).collect();
        let mean = |of: fn(&Passed) -> u64| runs.iter().map(of).sum::<u64>() / TIMES;
        let (share, lowest) = (median(&shares), quantile(&shares, 0.0));
        let damaged = mean(|run| run.traffic.iter().map(|way| way.damaged).sum());
        let there = mean(|run| run.traffic[0].bytes);
        let back = mean(|run| run.traffic[1].bytes);
        let met = if share >= 0.8 { "ok" } else { "**short**" };
        text += &format!(
            "| {what} | all | **{share:.3}** | {lowest:.3} | {damaged} | {} B, {} B | at least 0.8 | {met} |\n",
            group(there),
            group(back),
        );
        values.push(json!({ "what": what, "share": share, "lowest": lowest, "damaged": damaged, "there": there, "back": back }));
    }
    (text + "\n", values)
}

/// How long links are watched that have nothing to do.
const IDLE: Duration = Duration::from_secs(10);

/// A table of the processor's time that nothing takes.
fn nothing() -> (String, Vec<Value>) {
    let cases = [
        (
            "an idle link, both ends, a reader asleep",
            idle_link::<Mux>(IDLE),
        ),
        (
            "the same with the layer for noise",
            idle_link::<Noise>(IDLE),
        ),
        (
            "an absent device, a listener and somebody who dials",
            absent_device(IDLE),
        ),
    ];
    let mut text = String::from("| CPU time in 10 s | | wanted | |\n|---|---:|---|---|\n");
    let mut values = Vec::new();
    for (what, spent) in cases {
        let millis = spent.as_secs_f64() * 1e3;
        let met = if millis <= 10.0 { "ok" } else { "**short**" };
        text += &format!("| {what} | {millis:.1} ms | at most 10 ms | {met} |\n");
        values.push(json!({ "what": what, "millis": millis }));
    }
    (text + "\n", values)
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let plan = Plan {
        each: Duration::from_millis(options.millis.unwrap_or(50)),
        rounds: options.rounds.unwrap_or(11),
        ..options.plan()
    };
    let wants = |what: &str| {
        let only = &options.only;
        only.is_empty() || only.iter().any(|only| what.contains(only.as_str()))
    };
    let mut rows = options.choose(rows([options.cores[0], options.cores[1]]));
    if options.once(&mut rows) {
        return Ok(());
    }
    let neighbours = run(&mut rows, plan);
    let (slow, slow_values) = if wants("slow") {
        slow()
    } else {
        Default::default()
    };
    let (nothing, idle_values) = if wants("idle") {
        nothing()
    } else {
        Default::default()
    };
    let how = format!(
        "the threads that write and read are pinned to cores {} and {}; drivers, and the kernel's threads that move \
         a terminal's bytes, run where the system puts them. A measurement makes a new terminal.",
        options.cores[0], options.cores[1]
    );
    let text = format!(
        "{}\n{slow}{nothing}{}",
        markdown(&rows),
        provenance(&rows, plan, neighbours, &[], &how)
    );
    let mut value = to_json(&rows, plan, neighbours);
    value["slow"] = slow_values.into();
    value["idle"] = idle_values.into();
    options.publish(&text, &value)?;
    neighbours.judge();
    Ok(())
}
