//! `bench`: round trips and throughput at several sizes. Every figure is measured in this run.

mod measure;

use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use measure::{Flow, clock_cost};
use serde::Serialize;

use crate::args::{Bench, Style};
use crate::error::{Error, Result};
use crate::human;
use crate::place::Place;
use crate::report::{Lines, Output, seconds};
use crate::server::EchoServer;

#[derive(Serialize)]
struct Report {
    command: &'static str,
    endpoint: String,
    port: u16,
    capacity: usize,
    /// Null where the server is another process's.
    server: Option<Style>,
    seconds_per_size: f64,
    /// One look at the clock, which is part of every round trip.
    clock_ns: f64,
    optimized_build: bool,
    sizes: Vec<Row>,
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
    writes_per_second: f64,
}

#[derive(Serialize)]
struct Latency {
    min: u64,
    mean: f64,
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

impl From<&Histogram<u64>> for Latency {
    fn from(histogram: &Histogram<u64>) -> Latency {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Latency {
            min: histogram.min(),
            mean: histogram.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: histogram.max(),
        }
    }
}

pub fn run(place: &Place, args: &Bench, output: Output) -> Result<()> {
    let server = match place.in_process() {
        false => None,
        true => {
            let (broker, _) = place.server()?;
            let start = EchoServer::start(broker, place.port, args.server, Arc::new(drop));
            Some(start?)
        }
    };
    let broker = place.client()?;
    let bar = output.progress(
        2 * args.sizes.len() as u64,
        "{bar:40} {msg}, {elapsed} gone",
    );
    let half = args.seconds / 2;

    let mut rows = Vec::new();
    for &size in &args.sizes {
        bar.set_message(format!("{}: round trips", human::size(size as u64)));
        bar.tick();
        let histogram = measure::round_trips(place.connect(&broker)?, size, half)
            .map_err(|error| cut(size, &error))?;
        bar.inc(1);
        bar.set_message(format!("{}: throughput", human::size(size as u64)));
        let flow = measure::throughput(place.connect(&broker)?, size, half)?
            .map_err(|error| cut(size, &error))?;
        bar.inc(1);
        rows.push(row(size, &histogram, &flow));
    }
    bar.finish_and_clear();
    if let Some(server) = server {
        server.stop()?;
    }

    let report = Report {
        command: "bench",
        endpoint: place.endpoint.to_string(),
        port: place.port,
        capacity: place.capacity(),
        server: place.in_process().then_some(args.server),
        seconds_per_size: seconds(args.seconds),
        clock_ns: clock_cost().as_nanos() as f64,
        optimized_build: !cfg!(debug_assertions),
        sizes: rows,
    };
    output.result(&report, &text(place, &report))
}

fn cut(size: usize, error: &dyn std::fmt::Display) -> Error {
    Error::Cut(format!(
        "{error} (at {} a message)",
        human::size(size as u64)
    ))
}

fn row(size: usize, histogram: &Histogram<u64>, flow: &Flow) -> Row {
    let per_second = |n: u64| n as f64 / seconds(flow.elapsed).max(1e-9);
    Row {
        size,
        round_trips: histogram.len(),
        latency_ns: histogram.into(),
        echoed_bytes: flow.bytes,
        seconds: seconds(flow.elapsed),
        bytes_per_second: per_second(flow.bytes),
        writes_per_second: per_second(flow.writes),
    }
}

fn text(place: &Place, report: &Report) -> Lines {
    let mut lines = Lines::titled(format_args!("Bench at {}", place.name()));
    lines.item("capacity", human::size(report.capacity as u64));
    match report.server {
        Some(style) => lines.item("server", format_args!("{style}, in this process")),
        None => lines.item("server", "another process's"),
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
        "bytes that came back while more were sent; each crossed twice",
    );
    if !report.optimized_build {
        lines.item("NOTE", "a debug build; for figures use cargo run --release");
    }
    lines.line("");
    lines.line(format_args!(
        "{:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12} {:>10}",
        "message", "trips", "p50", "p90", "p99", "p99.9", "max", "throughput", "writes/s"
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
