//! The ring against its peers: prints the table of `BENCHMARKS.md`.

use bench_peers::measure::{Role, Row, Unit, Wanted, run};
use bench_peers::report::{Options, markdown, provenance, to_json};
use bench_peers::rings::*;
use clap::Parser;

const KIB: usize = 1024;
const OURS: &str = "ringbuf-core";
const CHUNKS: &str = "rtrb chunks";
const SLICES: &str = "rtrb slices";
const RINGBUF: &str = "ringbuf";
const MEMCPY: &str = "memcpy";
const LINE: &str = "cache line";

fn size(bytes: usize) -> String {
    match bytes {
        b if b >= KIB * KIB && b % (KIB * KIB) == 0 => format!("{} MiB", b / KIB / KIB),
        b if b >= KIB && b % KIB == 0 => format!("{} KiB", b / KIB),
        b => format!("{b} B"),
    }
}

fn stream_row(cores: [usize; 2], capacity: usize, slice: usize, wanted: f64) -> Row {
    Row::new(
        format!("stream-{slice}-{capacity}"),
        format!(
            "two threads, slices of {}, ring of {}",
            size(slice),
            size(capacity)
        ),
        Unit::GigabytesPerSecond,
    )
    .wanted(Wanted::TimesBestPeer(wanted))
    .grain(stream_grain(slice))
    .with(Role::Ours, OURS, move |n| {
        two_threads::<Ours>(cores, capacity, slice, n)
    })
    .with(Role::Peer, CHUNKS, move |n| {
        two_threads::<RtrbChunks>(cores, capacity, slice, n)
    })
    .with(Role::Peer, SLICES, move |n| {
        two_threads::<RtrbSlices>(cores, capacity, slice, n)
    })
    .with(Role::Peer, RINGBUF, move |n| {
        two_threads::<Ringbuf>(cores, capacity, slice, n)
    })
    .with(Role::Reference, MEMCPY, move |n| {
        stream_memcpy(cores[0], capacity, slice, n)
    })
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let plan = options.plan();
    let cores = [options.cores[0], options.cores[1]];
    let core = cores[0];

    let mut rows = vec![
        Row::new(
            "one-thread-64",
            "one thread, write and read of 64 B, ring of 64 KiB",
            Unit::Nanos,
        )
        .wanted(Wanted::AtMost(10.0))
        .with(Role::Ours, OURS, move |n| {
            one_thread::<Ours>(core, 64 * KIB, 64, n)
        })
        .with(Role::Peer, CHUNKS, move |n| {
            one_thread::<RtrbChunks>(core, 64 * KIB, 64, n)
        })
        .with(Role::Peer, SLICES, move |n| {
            one_thread::<RtrbSlices>(core, 64 * KIB, 64, n)
        })
        .with(Role::Peer, RINGBUF, move |n| {
            one_thread::<Ringbuf>(core, 64 * KIB, 64, n)
        })
        .with(Role::Reference, MEMCPY, move |n| {
            one_thread_memcpy(core, 64 * KIB, 64, n)
        }),
    ];
    for capacity in [64 * KIB, 4 * KIB] {
        for slice in [16, 64, 256] {
            rows.push(stream_row(cores, capacity, slice, 1.2));
        }
    }
    for slice in [KIB, 4 * KIB, 64 * KIB] {
        rows.push(stream_row(cores, 64 * KIB, slice, 1.0));
    }
    rows.push(stream_row(cores, 4096 * KIB, 64 * KIB, 1.0));
    rows.push(
        Row::new(
            "round-trip-8",
            "round trip of 8 B, both spinning",
            Unit::Nanos,
        )
        .wanted(Wanted::Times(1.25, LINE))
        .with(Role::Ours, OURS, move |n| {
            round_trip::<Ours>(cores, 64 * KIB, n)
        })
        .with(Role::Peer, CHUNKS, move |n| {
            round_trip::<RtrbChunks>(cores, 64 * KIB, n)
        })
        .with(Role::Peer, SLICES, move |n| {
            round_trip::<RtrbSlices>(cores, 64 * KIB, n)
        })
        .with(Role::Peer, RINGBUF, move |n| {
            round_trip::<Ringbuf>(cores, 64 * KIB, n)
        })
        .with(Role::Reference, LINE, move |n| cache_line(cores, n)),
    );

    let mut rows = options.choose(rows);
    let neighbours = run(&mut rows, plan);
    let how = format!(
        "threads pinned to cores {} and {}; every contestant waits in the same loop of \
         `core::hint::spin_loop` ({:.0} ns here); slice lengths are not known at compile time; \
         the memcpy column is one thread copying in and out of a buffer of the ring's size, \
         the cache line column two atomics on lines of their own.",
        cores[0],
        cores[1],
        spin_hint()
    );
    let text = format!(
        "{}\n{}",
        markdown(&rows),
        provenance(&rows, plan, neighbours, &["rtrb", "ringbuf"], &how)
    );
    options.publish(&text, &to_json(&rows, plan, neighbours))?;
    neighbours.judge();
    Ok(())
}
