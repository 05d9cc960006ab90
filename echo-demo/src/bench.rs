//! `bench`: round trips and throughput at several sizes. Every figure is measured in this run.

mod measure;

use std::time::Duration;

use measure::{Flow, bytes, clock_cost, messages};
use serde::Serialize;

use crate::args::{Bench, Style};
use crate::companion::Companion;
use crate::error::{Error, Result};
use crate::exchange::Exchange;
use crate::human;
use crate::latency::{Latency, Times};
use crate::place::links::Crossed;
use crate::place::{Place, ServerRuns};
use crate::report::{Lines, Output, seconds};
use crate::speech::Speech;

#[derive(Serialize)]
struct Report {
    command: &'static str,
    endpoint: String,
    port: u16,
    #[serde(rename = "as")]
    speech: Speech,
    /// Whether small messages left together when throughput was measured.
    batch: bool,
    capacity: usize,
    server_runs: ServerRuns,
    /// Null where it runs elsewhere.
    server: Option<Style>,
    seconds_per_size: f64,
    /// One look at the clock, which is part of every round trip.
    clock_ns: f64,
    optimized_build: bool,
    sizes: Vec<Row>,
    /// Null where there is no line of this program's.
    line: Option<Crossed>,
}

#[derive(Serialize)]
struct Row {
    size: usize,
    round_trips: u64,
    latency_ns: Latency,
    echoed_bytes: u64,
    seconds: f64,
    /// Bytes that came back, per second; each of them crossed the channel twice.
    bytes_per_second: f64,
    /// Of messages: each is one.
    writes_per_second: f64,
    /// Null for a stream of bytes.
    messages_per_second: Option<f64>,
}

pub fn run(place: &Place, args: &Bench, output: Output) -> Result<()> {
    place.speech.needs_messages("--batch", args.batch)?;
    let sizes = match args.sizes.is_empty() {
        true => usual_sizes(place.rate()),
        false => args.sizes.clone(),
    };
    for &size in &sizes {
        place.speech.check_size(size)?;
    }
    place.with_ends()?;
    if place.server != ServerRuns::Elsewhere {
        place.with_many_channels("`bench` opens some, one after the other; leave `+plain` out")?;
    }
    let (place, server) = Companion::start(place, args.server, output)?;
    let broker = place.client()?;
    let bar = output.progress(2 * sizes.len() as u64, "{bar:40} {msg}, {elapsed} gone");
    let half = args.seconds / 2;

    let mut rows = Vec::new();
    for &size in &sizes {
        bar.set_message(format!("{}: round trips", human::size(size as u64)));
        bar.tick();
        let channel = place.connect(&broker)?;
        let times = match place.speech {
            Speech::Bytes => bytes::round_trips(channel, size, half),
            Speech::Messages { max } => {
                let exchange = Exchange::new(channel, max, place.capacity());
                messages::round_trips(exchange, size, half)
            }
        }
        .map_err(|error| cut(size, &error))?;
        bar.inc(1);
        bar.set_message(format!("{}: throughput", human::size(size as u64)));
        let channel = place.connect(&broker)?;
        let flow = match place.speech {
            Speech::Bytes => bytes::throughput(channel, size, half),
            Speech::Messages { max } => messages::throughput(channel, max, size, args.batch, half),
        }?
        .map_err(|error| cut(size, &error))?;
        bar.inc(1);
        rows.push(row(place.speech, size, &times, &flow));
    }
    bar.finish_and_clear();
    if let Some(server) = server {
        server.stop()?;
    }

    let report = Report {
        command: "bench",
        endpoint: place.names().join(" + "),
        port: place.port,
        speech: place.speech,
        batch: args.batch,
        capacity: place.capacity(),
        server_runs: place.server,
        server: (place.server != ServerRuns::Elsewhere).then_some(args.server),
        seconds_per_size: seconds(args.seconds),
        clock_ns: clock_cost().as_nanos() as f64,
        optimized_build: !cfg!(debug_assertions),
        sizes: rows,
        line: place.crossed(),
    };
    output.result(&report, &text(&place, &report))
}

/// The sizes that are measured unless others are asked for; over a slow line, those that take no longer than a
/// tenth of a second.
fn usual_sizes(rate: Option<u64>) -> Vec<usize> {
    let most = rate.map_or(u64::MAX, |rate| rate / 10);
    let mut sizes = vec![1, 64, 1 << 10, 16 << 10, 64 << 10];
    sizes.retain(|size| *size == 1 || *size as u64 <= most);
    sizes
}

fn cut(size: usize, error: &dyn std::fmt::Display) -> Error {
    Error::Cut(format!(
        "{error} (at {} a message)",
        human::size(size as u64)
    ))
}

fn row(speech: Speech, size: usize, times: &Times, flow: &Flow) -> Row {
    let per_second = |n: u64| n as f64 / seconds(flow.elapsed).max(1e-9);
    Row {
        size,
        round_trips: times.count(),
        latency_ns: times.latency().expect("at least one was measured"),
        echoed_bytes: flow.bytes,
        seconds: seconds(flow.elapsed),
        bytes_per_second: per_second(flow.bytes),
        writes_per_second: per_second(flow.sends),
        messages_per_second: speech.max_message().map(|_| per_second(flow.sends)),
    }
}

fn text(place: &Place, report: &Report) -> Lines {
    let mut lines = Lines::titled(format_args!("Bench at {}", place.name()));
    lines.item("capacity", human::size(report.capacity as u64));
    match report.server {
        Some(style) => lines.item("server", format_args!("{style}, {}", report.server_runs)),
        None => lines.item("server", report.server_runs),
    }
    lines.item(
        "round trip",
        format_args!(
            "one message there and back; {:.0} ns of it are the clock's",
            report.clock_ns
        ),
    );
    lines.item(
        "throughput",
        match report.batch {
            false => "bytes that came back while more were sent; each crossed twice",
            true => {
                "bytes that came back while more were sent, small messages together; each crossed twice"
            }
        },
    );
    if let Some(crossed) = &report.line {
        crossed.item(&mut lines);
    }
    if !report.optimized_build {
        lines.item("NOTE", "a debug build; for figures use cargo run --release");
    }
    let sends = match report.speech {
        Speech::Bytes => "writes/s",
        Speech::Messages { .. } => "messages/s",
    };
    lines.line("");
    lines.line(format_args!(
        "{:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {:>10}",
        "message", "trips", "p50", "p90", "p99", "p99.9", "max", "throughput", sends
    ));
    for row in &report.sizes {
        let latency = &row.latency_ns;
        let time = |nanos| human::time(Duration::from_nanos(nanos));
        lines.line(format_args!(
            "{:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {:>10}",
            human::size(row.size as u64),
            human::count(row.round_trips as f64),
            time(latency.p50),
            time(latency.p90),
            time(latency.p99),
            time(latency.p99_9),
            time(latency.max),
            human::rate(row.echoed_bytes, Duration::from_secs_f64(row.seconds)),
            human::count(row.writes_per_second)
        ));
    }
    lines
}
