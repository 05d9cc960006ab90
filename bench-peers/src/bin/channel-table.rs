//! The channel against its peers: prints the second table of `BENCHMARKS.md`.

use bench_peers::measure::{Role, Row, Unit, Wanted, run};
use bench_peers::pipes::*;
use bench_peers::report::{Options, markdown, provenance, to_json};
use bench_peers::rings::cache_line;
use clap::Parser;

const KIB: usize = 1024;
/// The capacity of everybody who lets us choose: our default, and the operating
/// system's for its pipes.
const CAPACITY: usize = 64 * KIB;

fn peers(
    mut row: Row,
    work: impl Fn(&'static str) -> Box<dyn FnMut(u64) -> bench_peers::measure::Sample>,
) -> Row {
    row = row.with(Role::Ours, "channel", work("channel"));
    for name in ["pipe", "UnixStream", "piper", "crossbeam", "kanal"] {
        row = row.with(Role::Peer, name, work(name));
    }
    row
}

fn echo_row(place: Place, slice: usize) -> Row {
    let (key, words, wanted) = match place {
        Place::Two(_) => ("two", "a core each", Wanted::AtMost(250.0)),
        Place::One(_) => ("one", "both on one core", Wanted::Times(1.0, "kanal")),
        Place::Free => ("free", "not pinned", Wanted::Nothing),
    };
    let row = Row::new(
        format!("echo-{slice}-{key}"),
        format!("echo of {slice} B, {words}"),
        Unit::Nanos,
    )
    .wanted(wanted);
    let row = peers(row, |name| match name {
        "channel" => Box::new(move |n| echo::<Ours>(place, CAPACITY, slice, n)),
        "pipe" => Box::new(move |n| echo::<OsPipe>(place, CAPACITY, slice, n)),
        "UnixStream" => Box::new(move |n| echo::<Unix>(place, CAPACITY, slice, n)),
        "piper" => Box::new(move |n| echo::<Piper>(place, CAPACITY, slice, n)),
        "crossbeam" => Box::new(move |n| echo::<Crossbeam>(place, CAPACITY, slice, n)),
        _ => Box::new(move |n| echo::<Kanal>(place, CAPACITY, slice, n)),
    });
    match place {
        Place::Two(cores) => row.with(Role::Reference, "cache line", move |n| cache_line(cores, n)),
        _ => row,
    }
}

fn stream_row(place: Place, slice: usize, wanted: f64) -> Row {
    let title = match slice {
        s if s < KIB => format!("writes of {s} B"),
        s => format!("writes of {} KiB", s / KIB),
    };
    let row = Row::new(format!("stream-{slice}"), title, Unit::GigabytesPerSecond)
        .wanted(Wanted::TimesBestPeer(wanted))
        .grain(stream_grain(slice));
    peers(row, |name| match name {
        "channel" => Box::new(move |n| stream::<Ours>(place, CAPACITY, slice, n)),
        "pipe" => Box::new(move |n| stream::<OsPipe>(place, CAPACITY, slice, n)),
        "UnixStream" => Box::new(move |n| stream::<Unix>(place, CAPACITY, slice, n)),
        "piper" => Box::new(move |n| stream::<Piper>(place, CAPACITY, slice, n)),
        "crossbeam" => Box::new(move |n| stream::<Crossbeam>(place, CAPACITY, slice, n)),
        _ => Box::new(move |n| stream::<Kanal>(place, CAPACITY, slice, n)),
    })
    .with(Role::Reference, "kanal, unseen", move |n| {
        stream_unseen::<Kanal>(place, CAPACITY, slice, n)
    })
    .with(Role::Reference, "kanal, 1 MiB", move |n| {
        stream::<Kanal>(place, 1024 * KIB, slice, n)
    })
    .with(Role::Reference, "channel, 1 MiB", move |n| {
        stream::<Ours>(place, 1024 * KIB, slice, n)
    })
    .with(Role::Reference, "channel, 4 MiB", move |n| {
        stream::<Ours>(place, 4096 * KIB, slice, n)
    })
}

fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let plan = options.plan();
    let two = Place::Two([options.cores[0], options.cores[1]]);
    let one = Place::One(options.cores[0]);

    let mut rows = Vec::new();
    for place in [two, one, Place::Free] {
        for slice in [1, 64] {
            rows.push(echo_row(place, slice));
        }
    }
    for (slice, wanted) in [(64, 1.5), (KIB, 1.5), (16 * KIB, 1.0), (64 * KIB, 1.0)] {
        rows.push(stream_row(two, slice, wanted));
    }

    let mut rows = options.choose(rows);
    let neighbours = run(&mut rows, plan);
    let how = format!(
        "all calls block; the writing and the reading thread of a stream are pinned to cores {} and {}. \
         Capacity 64 KiB each way, 1 MiB and 4 MiB in the columns that say so, of the Unix sockets what the system gives. crossbeam and kanal carry \
         a `Vec<u8>` a write (made by copying, as a write does; received as a pointer, not copied out), as \
         many as the capacity holds. The receiver of a stream adds up the words that it got, \
         except in the column \"unseen\", where the bytes never come near its core. The cache line \
         column is what one there and one back costs two spinning threads. piper is driven by `futures_lite::future::block_on`.",
        options.cores[0], options.cores[1],
    );
    let text = format!(
        "{}\n{}",
        markdown(&rows),
        provenance(
            &rows,
            plan,
            neighbours,
            &["piper", "futures-lite", "crossbeam-channel", "kanal"],
            &how
        )
    );
    options.publish(&text, &to_json(&rows, plan, neighbours))?;
    neighbours.judge();
    Ok(())
}
