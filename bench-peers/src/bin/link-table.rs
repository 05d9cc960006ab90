//! Many channels over one link, in memory: prints the table `link-table` of `BENCHMARKS.md`.

use bench_peers::links::*;
use bench_peers::machine::{keep_memory, pin};
use bench_peers::measure::{Role, Row, Sample, Unit, Wanted, run};
use bench_peers::report::{Options, markdown, provenance, to_json};
use clap::Parser;
use std::cell::{LazyCell, RefCell};
use std::rc::Rc;

const KIB: usize = 1024;
/// 2 GiB/s, in the table's unit.
const TWO_GIBIBYTES: f64 = 2.15;
/// Bytes of a frame of yamux: its default, and that of ours.
const FRAME: usize = 16 * KIB;
/// Bytes of a write.
const WRITE: usize = 64 * KIB;
/// Bytes of a small message.
const SMALL: usize = 64;
/// As many channels as "many" are.
const MANY: usize = 100;

/// Streams on so many channels.
fn streaming<M: Muxed>(channels: usize, write: usize) -> impl FnMut(u64) -> Sample {
    let mut streams = None;
    move |amount| {
        let streams = streams.get_or_insert_with(|| Streams::<M>::new(channels, write));
        streams.stream(channels, amount)
    }
}

/// Small messages, so many on a channel before it is the next one's turn.
fn sending<M: Muxed>(batch: usize) -> impl FnMut(u64) -> Sample {
    let mut streams = None;
    move |amount| {
        let streams = streams.get_or_insert_with(|| Streams::<M>::new(MANY, SMALL));
        streams.messages(amount, batch)
    }
}

fn count(channels: usize) -> String {
    match channels {
        1 => "1 channel".to_owned(),
        n => format!("{n} channels"),
    }
}

fn row(key: String, title: String) -> Row {
    Row::new(key, title, Unit::GigabytesPerSecond).grain((MANY * WRITE) as u64)
}

/// The mux alone: what one end transmits into a buffer, the other receives from it.
fn alone(channels: usize) -> Row {
    let (key, title) = (format!("alone-{channels}"), count(channels));
    row(key, format!("writes of 64 KiB, {title}, through a buffer"))
        .with(
            Role::Ours,
            "rings",
            streaming::<Ours<InRings, Direct>>(channels, WRITE),
        )
        .with(
            Role::Ours,
            "queues",
            streaming::<Ours<InQueues, Direct>>(channels, WRITE),
        )
}

/// Beside the peer, over the same link in memory.
fn beside(channels: usize, write: usize) -> Row {
    let key = format!("beside-{channels}-{write}");
    let (writes, channels_) = (write / KIB, count(channels));
    row(key, format!("writes of {writes} KiB, {channels_}"))
        .wanted(Wanted::Times(2.0, "yamux"))
        .with(
            Role::Ours,
            "rings",
            streaming::<Ours<InRings, ThroughDuplex>>(channels, write),
        )
        .with(
            Role::Ours,
            "queues",
            streaming::<Ours<InQueues, ThroughDuplex>>(channels, write),
        )
        .with(
            Role::Peer,
            "yamux",
            streaming::<Yamux<FRAME>>(channels, write),
        )
        .with(
            Role::Reference,
            "yamux, 64 KiB frames",
            streaming::<Yamux<WRITE>>(channels, write),
        )
}

fn small(batch: usize) -> Row {
    let title = format!("messages of 64 B, 100 channels, {batch} on each in turn");
    Row::new(format!("small-{batch}"), title, Unit::MillionsPerSecond)
        .with(
            Role::Ours,
            "rings",
            sending::<Ours<InRings, ThroughDuplex>>(batch),
        )
        .with(
            Role::Ours,
            "queues",
            sending::<Ours<InQueues, ThroughDuplex>>(batch),
        )
        .with(Role::Peer, "yamux", sending::<Yamux<FRAME>>(batch))
}

/// All but one are written and read. The one is full and nobody reads it, or it is idle: of the same pair, as
/// where memory happens to lie makes more of a difference.
fn stalled() -> Row {
    type Pair = Ours<InRings, ThroughDuplex>;
    let shared = Rc::new(LazyCell::new(|| {
        RefCell::new(Streams::<Pair>::new(MANY, WRITE))
    }));
    let working = |stalled: bool| {
        let shared = Rc::clone(&shared);
        move |amount| {
            let mut streams = shared.borrow_mut();
            match stalled {
                true => drop(streams.stall(MANY - 1..MANY)),
                false => streams.recover(),
            }
            streams.stream(MANY - 1, amount)
        }
    };
    let title = "writes of 64 KiB, 99 channels beside a stalled one";
    row("stalled".into(), title.into())
        .wanted(Wanted::Times(0.95, "99 alone"))
        .with(Role::Ours, "rings", working(true))
        .with(Role::Reference, "99 alone", working(false))
}

fn rows() -> Vec<Row> {
    let many = alone(MANY).with(
        Role::Reference,
        "1 channel",
        streaming::<Ours<InRings, Direct>>(1, WRITE),
    );
    vec![
        alone(1).wanted(Wanted::AtLeast(TWO_GIBIBYTES, "rings")),
        many.wanted(Wanted::Times(0.5, "1 channel")),
        beside(1, WRITE),
        beside(MANY, WRITE),
        beside(1, KIB),
        beside(MANY, KIB),
        small(1).wanted(Wanted::AtLeast(2.0, "rings")),
        small(16),
        stalled(),
    ]
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    pin(options.cores[0]);
    keep_memory();
    let plan = options.plan();
    let mut rows = options.choose(rows());
    if options.once(&mut rows) {
        return Ok(());
    }
    let neighbours = run(&mut rows, plan);
    let how = format!(
        "one thread on core {} plays both ends and their applications. A channel holds 64 KiB each way at \
         either end (yamux: a window of 256 KiB, its least), the link in memory 32 KiB each way; frames have \
         up to 16 KiB, the default of both. Connections of yamux are polled by hand, so that no executor \
         costs anything, its streams when their wakers were told; the allocator keeps what is freed. Every byte of the first megabytes is \
         looked at, the first and the last of each read afterwards.",
        options.cores[0]
    );
    let text = format!(
        "{}\n{}",
        markdown(&rows),
        provenance(&rows, plan, neighbours, &["yamux"], &how)
    );
    options.publish(&text, &to_json(&rows, plan, neighbours))?;
    neighbours.judge();
    Ok(())
}
