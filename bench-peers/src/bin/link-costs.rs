//! What channels over one link cost in memory: prints the table `link-costs` of `BENCHMARKS.md`.
//!
//! A program of its own, since it counts every allocation.

use bench_peers::counting::{Counting, allocated, take_peak};
use bench_peers::links::*;
use bench_peers::machine::{describe, version_of};
use bench_peers::measure::alone;
use bench_peers::report::{Options, group};
use clap::Parser;
use serde_json::json;

#[global_allocator]
static COUNTING: Counting = Counting;

/// As many channels as the figures are of.
const CHANNELS: usize = 100;
const KIB: usize = 1024;
/// Bytes of a write.
const WRITE: usize = 64 * KIB;
/// Bytes that pass through each channel for the figures of busy ones.
const STREAMED: usize = 4 * 1024 * KIB;

/// Bytes that a channel costs, both ends together.
#[derive(Clone, Copy)]
struct Costs {
    /// Opened, never used.
    idle: u64,
    /// The most, while all are written and read as fast as can be.
    busy: u64,
    /// All full: nobody reads.
    full: u64,
    /// How much was taken from the writer of a full one.
    taken: u64,
    /// Everything has been read.
    after: u64,
}

fn costs<M: Muxed>() -> Costs {
    drop(Streams::<M>::fresh(1, WRITE)); // what is made once
    let begun = allocated();
    let none = Streams::<M>::fresh(0, WRITE);
    let own = allocated() - begun;
    drop(none);
    let each = |bytes: u64| bytes.saturating_sub(begun + own) / CHANNELS as u64;
    let mut streams = Streams::<M>::fresh(CHANNELS, WRITE);
    let idle = each(allocated());
    take_peak();
    streams.stream(CHANNELS, (CHANNELS * STREAMED) as u64);
    let busy = each(take_peak());
    drop(streams);
    let mut streams = Streams::<M>::fresh(CHANNELS, WRITE);
    let taken = streams.stall(0..CHANNELS) / CHANNELS as u64;
    let full = each(allocated());
    streams.recover();
    let after = each(allocated());
    Costs {
        idle,
        busy,
        full,
        taken,
        after,
    }
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let _alone = alone();
    let queues = costs::<Ours<InQueues, ThroughDuplex>>();
    let rings = costs::<Ours<InRings, ThroughDuplex>>();
    let yamux = costs::<Yamux<{ 16 * KIB }>>();
    // Both directions, at both ends.
    let buffers = 4 * u64::from(CAPACITY);
    let all = [
        ("opened, never used", queues.idle, rings.idle, yamux.idle),
        (
            "written and read as fast as can be (the most)",
            queues.busy,
            rings.busy,
            yamux.busy,
        ),
        ("full, nobody reads", queues.full, rings.full, yamux.full),
        ("all read again", queues.after, rings.after, yamux.after),
    ];
    let mut text = String::from(
        "| memory of a channel, both ends, of 100 | queues | rings | of it beyond the rings | yamux | queues over yamux | wanted | |\n\
         |---|---:|---:|---:|---:|---:|---|---|\n",
    );
    let mut values = Vec::new();
    for (what, queues, rings, yamux) in all {
        let ratio = queues as f64 / yamux as f64;
        let met = ratio <= 0.5;
        text += &format!(
            "| {what} | {} B | {} B | {} B | {} B | {ratio:.2} | at most 0.5 | {} |\n",
            group(queues),
            group(rings),
            group(rings.saturating_sub(buffers)),
            group(yamux),
            if met { "ok" } else { "**short**" },
        );
        values.push(
            json!({ "what": what, "queues": queues, "rings": rings, "yamux": yamux, "met": met }),
        );
    }
    text += &format!(
        "\nMemory counts what the allocator was asked for, without what a link costs that has no channel. A full channel \
         holds {} B of its writer's (queues, rings: 64 KiB at either end; yamux: {} B, its window).\n\n",
        group(queues.taken),
        group(yamux.taken),
    );
    for (name, value) in describe() {
        text += &format!("- {name}: {value}\n");
    }
    text += &format!("- peers: yamux {}\n", version_of("yamux"));
    options.publish(&text, &json!({ "rows": values }))
}
