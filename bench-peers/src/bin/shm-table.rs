//! Two processes of this machine: prints the table `shm-table` of `BENCHMARKS.md`.

use bench_peers::crowd::raise_descriptor_limit;
use bench_peers::measure::{Plan, Role, Row, Unit, Wanted, judge_the_best, run};
use bench_peers::messages::{Into, grain};
use bench_peers::processes::*;
use bench_peers::report::{Options, group, markdown, provenance, to_json};
use bench_peers::sockets::{BytesEnd, Fed, QueueEnd, RoundTrip};
use clap::Parser;
use std::rc::Rc;
use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// The default capacity of a channel.
const DEFAULT: usize = 64 * KIB;
/// What `--only` knows the channels' memory as.
const MEMORY: &str = "memory";
/// As many channels as that is measured at: five descriptors each.
const CHANNELS: usize = 1000;

/// What a program of this kind can be asked.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Measure on the two cores of `--cores`, instead of the two that are nearest at the moment
    #[arg(long)]
    stay: bool,
    /// Be the other process of that row, contestant and amount of work (the program calls itself so)
    #[arg(long, num_args = 3, hide = true)]
    other: Option<Vec<String>>,
}

/// What all rows are made from.
struct Table(Place);

impl Table {
    fn row(&self, row: Row, size: usize, capacity: usize) -> Making {
        Making::new(row, size, capacity, &self.0)
    }

    fn awake(&self) -> Row {
        let row = Row::new("trip-64", "echo of 64 B, both awake", Unit::Nanos);
        let row = row.wanted(Wanted::AtMost(400.0));
        let row = self.row(row, 64, DEFAULT).ours::<RoundTrip>();
        let row = row.in_memory::<RoundTrip>().unpinned::<RoundTrip>();
        let row = row.spinners::<RoundTrip>().sleepers::<RoundTrip>();
        row.cache_line().row
    }

    /// The same, as compared with a channel in memory.
    fn awake_in_memory(&self) -> Row {
        let title = "the same, beside a channel in memory";
        let row = Row::new("near-64", title, Unit::Nanos);
        let row = row.wanted(Wanted::Times(1.3, "mem channel"));
        self.row(row, 64, DEFAULT)
            .with::<Shm<BytesEnd>, RoundTrip>(Role::Ours, "channel")
            .within::<BytesEnd, RoundTrip>("mem channel")
            .row
    }

    fn rested(&self) -> Row {
        let row = Row::new("rested-64", "echo of 64 B, both asleep", Unit::Nanos);
        let row = row.wanted(Wanted::Times(1.15, "UnixStream")).always(24);
        let row = self.row(row, 64, DEFAULT).ours::<Rested>();
        let row = row.in_memory::<Rested>().unpinned::<Rested>();
        row.sleepers::<Rested>().row
    }

    fn trip(&self, size: usize, capacity: usize) -> Row {
        let key = format!("trip-{}-{}", size, capacity);
        let title = format!("echo of {}, capacity {}", bytes(size), bytes(capacity));
        let row = Row::new(key, title, Unit::Nanos).wanted(Wanted::Times(1.0, "iceoryx2"));
        let row = self.row(row, size, capacity).ours::<RoundTrip>();
        let row = row.borrowed::<RoundTrip>().in_memory::<RoundTrip>();
        row.spinners::<RoundTrip>().sleepers::<RoundTrip>().row
    }

    fn fed(&self) -> Row {
        let title = "messages of 64 B, fed in batches";
        let row = Row::new("fed-64", title, Unit::MillionsPerSecond).grain(grain(64));
        let row = row.wanted(Wanted::AtLeast(60.0, "queue"));
        self.row(row, 64, DEFAULT)
            .with::<Shm<QueueEnd<Into>>, Fed>(Role::Ours, "queue")
            .borrowed::<Fed>()
            .within::<QueueEnd<Into>, Fed>("mem queue")
            .with::<Unix, Fed>(Role::Peer, "UnixStream")
            .with::<ShmemIpc, Fed>(Role::Peer, "shmem-ipc")
            .with::<SharedMemQueue, Fed>(Role::Peer, "shared-mem-queue")
            .row
    }

    fn sent(&self) -> Row {
        let title = "messages of 64 B, sent one by one";
        let row = Row::new("sent-64", title, Unit::MillionsPerSecond).grain(grain(64));
        let row = row.wanted(Wanted::AtLeast(12.0, "queue"));
        self.row(row, 64, DEFAULT).streamed()
    }

    fn messages(&self, size: usize, capacity: usize) -> Row {
        let key = format!("sent-{}-{}", size, capacity);
        let title = format!("messages of {}, capacity {}", bytes(size), bytes(capacity));
        let row = Row::new(key, title, Unit::GigabytesPerSecond).grain(grain(size) * size as u64);
        let row = row.wanted(Wanted::Times(1.0, "iceoryx2"));
        let mut row = self.row(row, size, capacity);
        row.task.each = size as u64;
        row.streamed()
    }

    fn connects(&self) -> Row {
        let title = "connect, echo of 1 B, close";
        let row = Row::new("connect", title, Unit::ThousandsPerSecond);
        let row = row.wanted(Wanted::AtLeast(6.0, "channel"));
        self.row(row, 1, DEFAULT)
            .connecting::<Shm<BytesEnd>>(Role::Ours, "channel")
            .connecting::<Eager>(Role::Reference, "channel eager")
            .connecting::<Unix>(Role::Peer, "UnixStream")
            .row
    }

    fn rows(&self) -> Vec<Row> {
        vec![
            self.awake(),
            self.awake_in_memory(),
            self.rested(),
            self.trip(4 * KIB, DEFAULT),
            self.trip(64 * KIB, DEFAULT),
            self.trip(64 * KIB, MIB),
            self.sent(),
            self.fed(),
            self.messages(4 * KIB, DEFAULT),
            self.messages(4 * KIB, MIB),
            self.messages(64 * KIB, DEFAULT),
            self.messages(64 * KIB, MIB),
            self.connects(),
        ]
    }
}

fn bytes(n: usize) -> String {
    match n {
        n if n < KIB => format!("{n} B"),
        n if n < MIB => format!("{} KiB", n / KIB),
        n => format!("{} MiB", n / MIB),
    }
}

/// A table of what channels take.
fn costs() -> String {
    let mut text = String::from(
        "| memory of a channel, of 1,000 | mapped by both | own of the one that dialled | of the one that \
         listened | beyond two rings | wanted | | descriptors |\n\
         |---|---:|---:|---:|---:|---|---|---:|\n",
    );
    for (idle, how) in [(Idle::Waiting, "waiting"), (Idle::Alone, "alone")] {
        for capacity in [DEFAULT, 4 * KIB] {
            let arguments = ["--other", MEMORY, &capacity.to_string(), how];
            let cost = memory(&arguments, CHANNELS, capacity, idle);
            let rings = 2 * capacity as u64;
            let beyond = cost.mapped + cost.own[0] + cost.own[1] - rings;
            let met = match beyond <= 8 * KIB as u64 {
                true => "ok",
                false => "**short**",
            };
            text += &format!(
                "| {} each way, {how} | {} B | {} B | {} B | {} B | at most 8 KiB | {met} | {:.1}, {:.1} |\n",
                bytes(capacity),
                group(cost.mapped),
                group(cost.own[0]),
                group(cost.own[1]),
                group(beyond),
                cost.descriptors[0],
                cost.descriptors[1],
            );
        }
    }
    text + "\n"
}

fn main() -> std::io::Result<()> {
    let Arguments {
        options,
        stay,
        other,
    } = Arguments::parse();
    raise_descriptor_limit();
    let cores = Rc::new(match stay || other.is_some() {
        true => Cores::fixed([options.cores[0], options.cores[1]]),
        false => Cores::nearest(),
    });
    let place = Place {
        cores: Rc::clone(&cores),
        other: other.is_some(),
    };
    let rows = Table(place).rows();
    if let Some(other) = other {
        let [key, name, amount] = other.try_into().expect("three arguments");
        if key == MEMORY {
            let idle = match amount.as_str() {
                "waiting" => Idle::Waiting,
                _ => Idle::Alone,
            };
            hold(CHANNELS, name.parse().expect("a capacity"), idle);
            return Ok(());
        }
        let row = rows.into_iter().find(|row| row.key == key);
        let amount = amount.parse().expect("a number");
        row.expect("one of the rows").once_by(&name, amount);
        return Ok(());
    }
    let plan = Plan {
        each: Duration::from_millis(options.millis.unwrap_or(20)),
        rounds: options.rounds.unwrap_or(15),
        ..options.plan()
    };
    let wants_memory = options.only.is_empty()
        || options
            .only
            .iter()
            .any(|only| MEMORY.contains(only.as_str()));
    let mut rows = options.choose(rows);
    if options.once(&mut rows) {
        return Ok(());
    }
    let neighbours = run(&mut rows, plan);
    for prefix in ["trip-65536", "sent-4096", "sent-65536"] {
        judge_the_best(&mut rows, prefix);
    }
    let mut peers = vec!["iceoryx2", "shared-mem-queue", "shmem-ipc"];
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
        "two processes, whose threads are pinned when they are connected, to {}; the threads that \
         libraries start run where the system puts them. The receiver of a stream adds up all words of \
         a message; both ends of a round trip look at every eighth word.{absent}",
        cores.describe(),
    );
    let costs = match wants_memory {
        true => costs(),
        false => String::new(),
    };
    // A table for each kind of row: not all contestants are in all of them.
    let kind = |row: &Row| match row.unit {
        Unit::Nanos => "trips",
        Unit::ThousandsPerSecond => "connects",
        _ => "streams",
    };
    let tables: Vec<String> = rows
        .chunk_by(|a, b| kind(a) == kind(b))
        .map(markdown)
        .collect();
    let text = format!(
        "{}\n{costs}{}",
        tables.join("\n"),
        provenance(&rows, plan, neighbours, &peers, &how)
    );
    options.publish(&text, &to_json(&rows, plan, neighbours))?;
    neighbours.judge();
    Ok(())
}
