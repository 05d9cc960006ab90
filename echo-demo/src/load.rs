//! `load`: many clients at once, every byte checked.
//!
//! A few driver tasks hold the clients' channels at pollers: the number of threads does not grow
//! with the number of clients. All are connected before the first byte is sent.

mod bytes;
mod client;
mod driver;
mod messages;
mod text;

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use channel::{JoinHandle, Task};
use driver::{Driven, Driver};
use serde::Serialize;

use crate::args::{Load, Style};
use crate::companion::Companion;
use crate::error::{Error, Result};
use crate::human;
use crate::latency::{Latency, Times};
use crate::place::links::Crossed;
use crate::place::{Place, ServerRuns};
use crate::report::{Output, seconds};
use crate::server::{End, MAX_TASKS, Served};
use crate::speech::Speech;

/// Driver tasks: two, for the same reason as the server's.
const DRIVERS: u32 = 2;
/// Failures that are printed; all are counted.
const SHOWN: usize = 5;
/// The size of a message unless another one is asked for.
const USUAL_SIZE: usize = 1024;
/// What each client sends, unless another amount is asked for, or the line is slow.
const USUAL_BYTES: usize = 1 << 20;
/// How many seconds a slow line should be busy then.
const SLOW_SECONDS: u64 = 5;
/// All buffers together, at most: more is a slip of the finger, and address space ends somewhere.
const MAX_BUFFERS: u64 = 1 << 40;

#[derive(Serialize)]
struct Report {
    command: &'static str,
    /// The clients take them in turn.
    endpoints: Vec<String>,
    port: u16,
    #[serde(rename = "as")]
    speech: Speech,
    passed: bool,
    clients: u32,
    bytes_per_client: usize,
    /// Bytes that came back and were right.
    verified_bytes: u64,
    connected_clients: u32,
    connect_seconds: f64,
    seconds: f64,
    verified_bytes_per_second: f64,
    /// Null for a stream of bytes, as are the next three.
    message_size: Option<usize>,
    /// Messages that came back and were right.
    verified_messages: Option<u64>,
    verified_messages_per_second: Option<f64>,
    /// There and back while others were under way: of one message of each client at a time.
    latency_ns: Option<Latency>,
    fastest_client_seconds: f64,
    slowest_client_seconds: f64,
    failed_clients: usize,
    failures: Vec<String>,
    server_runs: ServerRuns,
    /// Null where it runs elsewhere.
    server: Option<Tally>,
    /// Null where there is no line of this program's.
    line: Option<Crossed>,
}

impl Report {
    /// What was wrong.
    fn verdict(&self) -> String {
        if self.failed_clients > 0 {
            return format!("{} of {} clients failed", self.failed_clients, self.clients);
        }
        "the server saw other ends than the clients; this is a bug, please report it".into()
    }
}

/// What the server counted.
#[derive(Serialize)]
struct Tally {
    style: Style,
    channels: u64,
    bytes: u64,
    /// Null for a stream of bytes.
    messages: Option<u64>,
    orderly_ends: u64,
}

impl Tally {
    fn of(served: &[Served], place: &Place, style: Style) -> Tally {
        let messages = served.iter().filter_map(|one| one.messages).sum();
        Tally {
            style,
            channels: served.len() as u64,
            bytes: served.iter().map(|one| one.bytes).sum(),
            messages: place.speech.max_message().map(|_| messages),
            orderly_ends: served.iter().filter(|one| one.end == End::Orderly).count() as u64,
        }
    }
}

pub fn run(place: &Place, args: &Load, output: Output) -> Result<()> {
    place.speech.needs_messages("--size", args.size.is_some())?;
    let size = args.size.unwrap_or(USUAL_SIZE);
    place.speech.check_size(size)?;
    // Besides its buffer, each side may have a message that is not whole.
    let kept = place.speech.max_message().map_or(0, |_| size);
    let buffers = u64::from(args.clients) * 2 * (place.capacity() + kept) as u64;
    if buffers > MAX_BUFFERS {
        return Err(Error::TooMuch {
            buffers: human::size(buffers),
            max: human::size(MAX_BUFFERS),
        });
    }
    let ours = place.server != ServerRuns::Elsewhere;
    if ours && args.server == Style::Blocking && args.clients as usize > MAX_TASKS {
        return Err(Error::TooManyTasks { max: MAX_TASKS });
    }
    place.with_ends()?;
    if args.clients > 1 {
        place.with_many_channels("give --clients 1, or leave `+plain` out")?;
    }
    let (place, server) = Companion::start(place, args.server, output)?;
    let broker = place.client()?;
    let bytes = args
        .bytes
        .unwrap_or_else(|| usual_bytes(place.rate(), args.clients));
    let total = u64::from(args.clients) * bytes as u64;
    let bar = output.progress(
        total,
        "{bar:40} {percent:>3}% of {total_bytes}, {elapsed} gone",
    );

    let started = Instant::now();
    let drivers = DRIVERS.min(args.clients);
    let barrier = Arc::new(Barrier::new(drivers as usize));
    let tasks: Vec<JoinHandle<Driven>> = (0..drivers)
        .map(|first| {
            let numbers = (first..args.clients).step_by(drivers as usize);
            let driver = Driver {
                place: place.clone(),
                broker: broker.clone(),
                seed: args.seed,
                bytes: bytes as u64,
                size,
                bar: bar.clone(),
            };
            let barrier = barrier.clone();
            Task::spawn(&format!("clients-{}", first + 1), [], move || {
                driver.drive(numbers, &barrier)
            })
            .map_err(Error::Task)
        })
        .collect::<Result<_>>()?;
    let mut driven = Vec::new();
    for task in tasks {
        driven.push(task.join()?);
    }
    let elapsed = started.elapsed();
    bar.finish_and_clear();
    let served = server.map(Companion::stop).transpose()?;
    let tally = served.map(|served| Tally::of(&served, &place, args.server));

    if driven.iter().all(|d| d.connected == 0)
        && let Some(error) = driven.iter_mut().find_map(|d| d.refused.take())
    {
        // Nobody is there: then that is all there is to say.
        return Err(error);
    }
    let report = summary(&place, args, (bytes, size), driven, elapsed, tally);
    output.result(&report, &text::text(&place, args, &report))?;
    if report.passed {
        Ok(())
    } else {
        Err(Error::Failed(report.verdict()))
    }
}

fn summary(
    place: &Place,
    args: &Load,
    (bytes, size): (usize, usize),
    driven: Vec<Driven>,
    elapsed: Duration,
    server: Option<Tally>,
) -> Report {
    let connected = driven.iter().map(|d| d.connected).sum();
    let connecting = driven.iter().map(|d| d.connecting).max();
    let connecting = connecting.unwrap_or_default();
    let verified = driven.iter().map(|d| d.verified).sum();
    let messages = driven.iter().map(|d| d.messages).sum();
    let mut timed = Times::new();
    driven.iter().for_each(|d| timed.merge(&d.times));
    let mut outcomes: Vec<_> = driven.into_iter().flat_map(|d| d.outcomes).collect();
    outcomes.sort_by_key(|(number, _)| *number);
    let times: Vec<Duration> = outcomes
        .iter()
        .filter_map(|(_, o)| o.clone().ok())
        .collect();
    let failures: Vec<String> = outcomes
        .iter()
        .filter_map(|(number, o)| Some(format!("client {number}: {}", o.as_ref().err()?)))
        .collect();
    let of_messages = |n: u64| place.speech.max_message().map(|_| n);
    let talking = elapsed.saturating_sub(connecting);
    let orderly = server
        .as_ref()
        .is_none_or(|tally| tally.orderly_ends == u64::from(args.clients));
    Report {
        command: "load",
        endpoints: place.names(),
        port: place.port,
        speech: place.speech,
        passed: failures.is_empty() && orderly,
        clients: args.clients,
        bytes_per_client: bytes,
        verified_bytes: verified,
        connected_clients: connected,
        connect_seconds: seconds(connecting),
        seconds: seconds(talking),
        verified_bytes_per_second: verified as f64 / seconds(talking).max(1e-9),
        message_size: of_messages(size as u64).map(|_| size),
        verified_messages: of_messages(messages),
        verified_messages_per_second: of_messages(messages)
            .map(|n| n as f64 / seconds(talking).max(1e-9)),
        latency_ns: timed.latency(),
        fastest_client_seconds: seconds(times.iter().min().copied().unwrap_or_default()),
        slowest_client_seconds: seconds(times.iter().max().copied().unwrap_or_default()),
        failed_clients: failures.len(),
        failures: failures.into_iter().take(SHOWN).collect(),
        server_runs: place.server,
        server,
        line: place.crossed(),
    }
}

/// What a client sends unless it is told: over a slow line, what all together send in some seconds.
fn usual_bytes(rate: Option<u64>, clients: u32) -> usize {
    let share = rate.map_or(u64::MAX, |rate| SLOW_SECONDS * rate / u64::from(clients));
    usize::try_from(share).map_or(USUAL_BYTES, |share| share.clamp(64, USUAL_BYTES))
}
