//! Ten thousand idle connections, and the same talking: prints the table `idle-table` of
//! `BENCHMARKS.md`.

use bench_peers::crowd::{KINDS, Kind, SIZE, Usage, Watched, raise_descriptor_limit, serve};
use bench_peers::machine::describe;
use bench_peers::measure::{alone, quantile};
use bench_peers::report::{Options, group};
use clap::Parser;
use serde_json::json;
use std::time::{Duration, Instant};

/// What a program of this kind can be asked.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Connections
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Questions of each
    #[arg(long, default_value_t = 100)]
    times: u32,
    /// Seconds of idleness that are watched
    #[arg(long, default_value_t = 10)]
    idle: u64,
    /// Be the server of this contestant (the program calls itself so)
    #[arg(long)]
    serve: Option<String>,
}

/// What was found about a contestant.
struct Found {
    name: &'static str,
    burst: Duration,
    /// The server before the burst, after it, after some idle time, and after the talking.
    usage: [Usage; 4],
    fastest: Duration,
    slowest: Duration,
    middle: Duration,
}

fn settled(server: &Watched, descriptors: usize) -> Usage {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let usage = server.usage();
        if usage.descriptors >= descriptors {
            // What the last accept has begun is through.
            std::thread::sleep(Duration::from_millis(500));
            return server.usage();
        }
        assert!(Instant::now() < until, "the server has {usage:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn measure(kind: &Kind, arguments: &Arguments) -> Found {
    let server = Watched::start(kind.name);
    // What is made once is made for this one.
    let mut first = (kind.connect)(&server.at, 1);
    first.echo(10);
    let before = server.usage();
    let begun = Instant::now();
    let mut crowd = (kind.connect)(&server.at, arguments.count);
    let burst = begun.elapsed();
    // Where the backlog was full, a client may hold for connected what the server has not taken in; it does
    // when it is spoken to.
    crowd.echo(1);
    let connected = settled(&server, before.descriptors + arguments.count);
    std::thread::sleep(Duration::from_secs(arguments.idle));
    let idle = server.usage();
    let times = crowd.echo(arguments.times);
    assert_eq!(times.len(), arguments.count);
    let talked = settled(&server, before.descriptors + arguments.count);
    let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    let at = |place| Duration::from_secs_f64(quantile(&seconds, place));
    Found {
        name: kind.name,
        burst,
        usage: [before, connected, idle, talked],
        fastest: at(0.0),
        middle: at(0.5),
        slowest: at(1.0),
    }
}

/// KiB a connection.
fn each(arguments: &Arguments, more: u64, less: u64) -> f64 {
    more.saturating_sub(less) as f64 / arguments.count as f64 / 1024.0
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let descriptors = raise_descriptor_limit();
    if let Some(name) = &arguments.serve {
        let kind = KINDS.iter().find(|kind| kind.name == *name);
        serve(kind.expect("a contestant").serve);
        return Ok(());
    }
    assert!(
        arguments.count as u64 + 100 < descriptors,
        "{descriptors} descriptors are too few; use --count"
    );
    let _alone = alone();
    let who = &arguments.options.who;
    let kinds = KINDS
        .iter()
        .filter(|kind| who.is_empty() || who.iter().any(|who| who == kind.name));
    let found: Vec<Found> = kinds.map(|kind| measure(kind, &arguments)).collect();

    let mut text = String::from(
        "| server | memory each | private | after talking | threads | CPU while idle | burst | \
         fastest | middle | slowest | slowest / fastest |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut rows = Vec::new();
    for one in &found {
        let [before, connected, idle, talked] = one.usage;
        let kib = |more, less| each(&arguments, more, less);
        let resident = kib(idle.resident, before.resident);
        let private = kib(idle.private, before.private);
        let after = kib(talked.resident, before.resident);
        let cpu = idle.cpu - connected.cpu;
        let ratio = one.slowest.as_secs_f64() / one.fastest.as_secs_f64();
        text += &format!(
            "| {} | {resident:.2} KiB | {private:.2} KiB | {after:.2} KiB | {} → {} | {} µs | {:.2} s | \
             {:.2} s | {:.2} s | {:.2} s | {ratio:.2} |\n",
            one.name,
            before.threads,
            talked.threads,
            group(cpu.as_micros() as u64),
            one.burst.as_secs_f64(),
            one.fastest.as_secs_f64(),
            one.middle.as_secs_f64(),
            one.slowest.as_secs_f64(),
        );
        rows.push(json!({
            "name": one.name, "resident_kib": resident, "private_kib": private,
            "resident_kib_after": after, "threads": [before.threads, talked.threads],
            "idle_cpu_us": cpu.as_micros() as u64, "burst_s": one.burst.as_secs_f64(),
            "fastest_s": one.fastest.as_secs_f64(), "slowest_s": one.slowest.as_secs_f64(),
        }));
    }
    text += &format!(
        "\n{} connections, made in one burst by another process; memory is the server's, more than with one \
         connection, when each has asked once and they have been idle for {} s, and again after each has asked {} times with \
         {SIZE} B, all of them at once.\n\n",
        group(arguments.count as u64),
        arguments.idle,
        arguments.times,
    );
    for (name, value) in describe() {
        text += &format!("- {name}: {value}\n");
    }
    arguments.options.publish(&text, &json!({ "rows": rows }))
}
