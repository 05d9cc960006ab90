//! Connections over TCP on this machine: prints the table `tcp-table` of `BENCHMARKS.md`.

use bench_peers::measure::{Plan, Role, Row, Sample, Unit, Wanted, run};
use bench_peers::report::{Options, markdown, markdown_against, provenance, to_json};
use bench_peers::sockets::*;
use clap::Parser;
use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A measure of [`round_trip`]'s kind, with a way to talk.
type Measure = fn([usize; 2], usize, u64) -> Sample;

/// What a row's contestants do.
#[derive(Clone, Copy)]
struct Task {
    cores: [usize; 2],
    size: usize,
}

impl Task {
    fn by(self, measure: Measure) -> impl FnMut(u64) -> Sample + 'static {
        move |amount| measure(self.cores, self.size, amount)
    }
}

fn round_trip_row(cores: [usize; 2], size: usize, title: &str, wanted: f64) -> Row {
    let task = Task { cores, size };
    let row = Row::new(format!("trip-{size}"), title, Unit::Nanos)
        .wanted(Wanted::Speed(wanted, "raw"))
        .with(Role::Reference, "raw", task.by(round_trip::<Raw>))
        .with(Role::Peer, "tokio", task.by(round_trip::<Tokio>))
        .with(Role::Peer, "tokio framed", task.by(round_trip::<Framed>));
    #[cfg(feature = "zmq")]
    let row = row.with(Role::Peer, "ZeroMQ", task.by(round_trip::<ZeroMq>));
    #[cfg(feature = "nng")]
    let row = row.with(Role::Peer, "nng", task.by(round_trip::<Nng>));
    row.with(Role::Ours, "channel", task.by(round_trip::<Bytes<Tcp>>))
        .with(Role::Ours, "queue", task.by(round_trip::<Queue<Tcp>>))
        .with(
            Role::Reference,
            "plain channel",
            task.by(round_trip::<Bytes<Plain>>),
        )
        .with(
            Role::Reference,
            "plain queue",
            task.by(round_trip::<Queue<Plain>>),
        )
}

fn bytes_row(cores: [usize; 2], size: usize, title: &str) -> Row {
    let task = Task { cores, size };
    Row::new(format!("bytes-{size}"), title, Unit::GigabytesPerSecond)
        .wanted(Wanted::Speed(1.0, "raw"))
        .grain(size as u64)
        .with(Role::Reference, "raw", task.by(bytes::<Raw>))
        .with(Role::Peer, "tokio", task.by(bytes::<Tokio>))
        .with(Role::Peer, "tokio framed", task.by(bytes::<Framed>))
        .with(Role::Ours, "channel", task.by(bytes::<Bytes<Tcp>>))
        .with(Role::Reference, "queue", task.by(bytes::<Queue<Tcp>>))
        .with(
            Role::Reference,
            "plain channel",
            task.by(bytes::<Bytes<Plain>>),
        )
}

fn fed_row(cores: [usize; 2]) -> Row {
    let size = 64;
    let task = Task { cores, size };
    let title = "messages of 64 B, batched by the user";
    Row::new("fed-64", title, Unit::MillionsPerSecond)
        .wanted(Wanted::Speed(1.3, "tokio framed"))
        .grain(64)
        .with(Role::Reference, "raw", task.by(fed::<Raw>))
        .with(Role::Peer, "tokio framed", task.by(fed::<Framed>))
        .with(Role::Ours, "queue", task.by(fed::<Queue<Tcp>>))
        .with(Role::Reference, "plain queue", task.by(fed::<Queue<Plain>>))
}

fn sent_row(cores: [usize; 2]) -> Row {
    let size = 64;
    let task = Task { cores, size };
    let title = "messages of 64 B, sent one by one";
    let row = Row::new("sent-64", title, Unit::MillionsPerSecond)
        .wanted(Wanted::AtLeast(2.0, "queue"))
        .grain(64)
        .with(Role::Reference, "raw", task.by(sent::<Raw>))
        .with(Role::Peer, "tokio framed", task.by(sent::<Framed>));
    #[cfg(feature = "zmq")]
    let row = row.with(Role::Peer, "ZeroMQ", task.by(sent::<ZeroMq>));
    #[cfg(feature = "nng")]
    let row = row.with(Role::Peer, "nng", task.by(sent::<Nng>));
    row.with(Role::Ours, "queue", task.by(sent::<Queue<Tcp>>))
        .with(
            Role::Reference,
            "plain queue",
            task.by(sent::<Queue<Plain>>),
        )
}

fn connects_rows(cores: [usize; 2]) -> [Row; 2] {
    let by = |measure: fn([usize; 2], u64) -> Sample| move |times| measure(cores, times);
    let row = |key: &str, title: &str, wanted| {
        let row = Row::new(key, title, Unit::Nanos)
            .wanted(Wanted::Speed(wanted, "raw"))
            .with(Role::Reference, "raw", by(connects::<Raw>));
        row.with(Role::Peer, "tokio", by(connects::<Tokio>))
    };
    let full = row("connect", "connect, echo of 1 B, close", 0.5);
    #[cfg(feature = "zmq")]
    let full = full.with(Role::Peer, "ZeroMQ", by(connects::<ZeroMq>));
    #[cfg(feature = "nng")]
    let full = full.with(Role::Peer, "nng", by(connects::<Nng>));
    let full = full
        .with(Role::Ours, "channel", by(connects::<Bytes<Tcp>>))
        .with(
            Role::Reference,
            "plain channel",
            by(connects::<Bytes<Plain>>),
        );
    let eager = row("eager", "connect eagerly, echo of 1 B, close", 0.8);
    [
        full,
        eager.with(Role::Ours, "channel", by(connects::<Eager>)),
    ]
}

/// Ours over TLS beside tokio-rustls, with certificates on both sides: a table of its own.
fn tls_rows(cores: [usize; 2]) -> Vec<Row> {
    let task = |size| Task { cores, size };
    let row = |key: &str, title: &str, unit| Row::new(key, title, unit);
    let trips = [(64, "echo of 64 B"), (MIB, "echo of 1 MiB")].map(|(size, title)| {
        row(&format!("tls-trip-{size}"), title, Unit::Nanos)
            .with(
                Role::Peer,
                "tokio-rustls",
                task(size).by(round_trip::<TokioTls>),
            )
            .with(Role::Peer, "framed", task(size).by(round_trip::<FramedTls>))
            .with(
                Role::Ours,
                "channel",
                task(size).by(round_trip::<Bytes<Tls>>),
            )
            .with(Role::Ours, "queue", task(size).by(round_trip::<Queue<Tls>>))
    });
    let size = 64 * KIB;
    let stream = row(
        "tls-bytes-65536",
        "bytes, writes of 64 KiB",
        Unit::GigabytesPerSecond,
    )
    .grain(size as u64)
    .with(Role::Peer, "tokio-rustls", task(size).by(bytes::<TokioTls>))
    .with(Role::Peer, "framed", task(size).by(bytes::<FramedTls>))
    .with(Role::Ours, "channel", task(size).by(bytes::<Bytes<Tls>>));
    let fed = row(
        "tls-fed-64",
        "messages of 64 B, batched by the user",
        Unit::MillionsPerSecond,
    )
    .grain(64)
    .with(Role::Peer, "framed", task(64).by(fed::<FramedTls>))
    .with(Role::Ours, "queue", task(64).by(fed::<Queue<Tls>>));
    let sent = row(
        "tls-sent-64",
        "messages of 64 B, sent one by one",
        Unit::MillionsPerSecond,
    )
    .grain(64)
    .with(Role::Peer, "framed", task(64).by(sent::<FramedTls>))
    .with(Role::Ours, "queue", task(64).by(sent::<Queue<Tls>>));
    let connect = row("tls-connect", "connect, echo of 1 B, close", Unit::Nanos)
        .with(Role::Peer, "tokio-rustls", move |n| {
            connects::<TokioTls>(cores, n)
        })
        .with(Role::Ours, "channel", move |n| {
            connects::<Bytes<Tls>>(cores, n)
        });
    trips
        .into_iter()
        .chain([stream, fed, sent, connect])
        .collect()
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let plan = Plan {
        each: Duration::from_millis(options.millis.unwrap_or(60)),
        ..options.plan()
    };
    let cores = [options.cores[0], options.cores[1]];
    let [full, eager] = connects_rows(cores);
    let mut rows = vec![
        round_trip_row(cores, 64, "echo of 64 B", 0.95),
        round_trip_row(cores, 4 * KIB, "echo of 4 KiB", 0.95),
        round_trip_row(cores, MIB, "echo of 1 MiB", 1.5),
        bytes_row(cores, 64 * KIB, "bytes, writes of 64 KiB"),
        bytes_row(cores, MIB, "bytes, writes of 1 MiB"),
        fed_row(cores),
        sent_row(cores),
        full,
        eager,
    ];
    rows.extend(tls_rows(cores));
    let mut rows = options.choose(rows);
    if options.once(&mut rows) {
        return Ok(());
    }
    let neighbours = run(&mut rows, plan);
    let mut peers = vec!["tokio", "tokio-util", "tokio-rustls", "rustls"];
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
        "client and server are two threads of one process, pinned to cores {} and {}; the threads that \
         libraries start run where the system puts them. In brackets: how many times as fast as raw.{absent}",
        cores[0], cores[1],
    );
    let (secured, bare): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.key.starts_with("tls"));
    let mut tables = Vec::new();
    if !bare.is_empty() {
        tables.push(markdown_against(&bare, "raw"));
    }
    if !secured.is_empty() {
        tables.push("Over TLS, with certificates on both sides:\n".into());
        tables.push(markdown(&secured));
    }
    let rows: Vec<Row> = bare.into_iter().chain(secured).collect();
    let text = format!(
        "{}\n{}",
        tables.join("\n"),
        provenance(&rows, plan, neighbours, &peers, &how)
    );
    options.publish(&text, &to_json(&rows, plan, neighbours))?;
    neighbours.judge();
    Ok(())
}
