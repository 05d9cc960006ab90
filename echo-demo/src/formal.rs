//! The formal test: a client sends the numbers 0 to 255, gets every one back, and both disconnect.
//! As messages, each number is one, and messages of many sizes follow.

mod bytes;
mod messages;

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::args::Test;
use crate::companion::Companion;
use crate::error::{Error, Result};
use crate::human;
use crate::place::links::Crossed;
use crate::place::{Place, ServerRuns};
use crate::report::{Lines, Output, seconds};
use crate::server::{End, Served};
use crate::speech::Speech;

/// How long one number may take to come back before the test has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many numbers there are, each a byte.
const NUMBERS: usize = 256;

#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    endpoint: String,
    port: u16,
    #[serde(rename = "as")]
    speech: Speech,
    passed: bool,
    failure: Option<String>,
    /// Time until server and client had met.
    met_seconds: f64,
    client: ClientSide,
    server_runs: ServerRuns,
    /// What the server saw; null where it runs elsewhere.
    server: Option<&'a Served>,
    /// Null where there is no line of this program's.
    line: Option<Crossed>,
}

/// What the client saw.
#[derive(Debug, Default, Serialize)]
struct ClientSide {
    broker: String,
    met_with: String,
    /// Numbers that came back as they were sent.
    echoed: usize,
    seconds: f64,
    median_round_trip_seconds: f64,
    slowest_round_trip_seconds: f64,
    /// Sizes of the messages that came back whole after the numbers; null for a stream of bytes.
    whole_sizes: Option<Vec<usize>>,
    /// Whether the server ended its stream in an orderly way.
    end_of_stream: bool,
    disconnected: bool,
    /// What the close receipt says of everything that was sent; null for a stream of bytes.
    receipt: Option<String>,
}

impl ClientSide {
    /// The numbers are back, after this time, with these round trips.
    fn measured(&mut self, elapsed: Duration, mut trips: Vec<Duration>) {
        trips.sort_unstable();
        self.seconds = seconds(elapsed);
        self.median_round_trip_seconds = seconds(trips[trips.len() / 2]);
        self.slowest_round_trip_seconds = seconds(trips[trips.len() - 1]);
    }
}

pub fn run(place: &Place, args: &Test, output: Output) -> Result<()> {
    if place.server != ServerRuns::Elsewhere || place.speech != Speech::Bytes {
        place.with_ends()?;
    }
    let (place, server) = Companion::start(place, args.server, output)?;
    let started = Instant::now();
    let broker = place.client()?;
    let channel = place.connect(&broker)?;
    let met = started.elapsed();

    let mut client = ClientSide {
        broker: broker.name().to_owned(),
        met_with: channel.handle().peer_name().to_owned(),
        ..ClientSide::default()
    };
    let talked = match place.speech {
        Speech::Bytes => bytes::talk(channel, place.tells_ends(), &mut client),
        Speech::Messages { max } => {
            let fits = messages::Fits {
                max,
                capacity: place.capacity(),
                rate: place.rate(),
            };
            messages::talk(channel, fits, &mut client)
        }
    };
    // The channel is closed by now, so the server ends whatever happened.
    let served = server.map(Companion::stop).transpose()?;
    let failure = talked
        .and_then(|()| {
            served
                .as_deref()
                .map_or(Ok(()), |served| check(served, &client))
        })
        .err();

    let report = Report {
        command: "test",
        endpoint: place.names().join(" + "),
        port: place.port,
        speech: place.speech,
        passed: failure.is_none(),
        failure,
        met_seconds: seconds(met),
        client,
        server_runs: place.server,
        server: served.iter().flatten().next(),
        line: place.crossed(),
    };
    output.result(&report, &text(&place, &report, met))?;
    report
        .failure
        .map_or(Ok(()), |failure| Err(Error::Failed(failure)))
}

/// The server's part of the verdict.
fn check(served: &[Served], client: &ClientSide) -> Result<(), String> {
    let [served] = served else {
        let n = served.len();
        return Err(format!("the server saw {n} channels, and there was one"));
    };
    if served.end != End::Orderly {
        return Err(format!(
            "the server saw no orderly end: {}",
            how(&served.end)
        ));
    }
    let sizes = client.whole_sizes.as_deref().unwrap_or_default();
    let sent = (NUMBERS + sizes.iter().sum::<usize>()) as u64;
    if served.bytes != sent {
        return Err(format!(
            "the server sent back {} bytes of {sent}",
            served.bytes
        ));
    }
    match served.messages {
        Some(n) if n != (NUMBERS + sizes.len()) as u64 => Err(format!(
            "the server sent back {n} messages of {}",
            NUMBERS + sizes.len()
        )),
        _ => Ok(()),
    }
}

fn how(end: &End) -> String {
    match end {
        End::Orderly => "end of stream".into(),
        End::Refused => "the client stopped reading too early".into(),
        End::Strange(reason) | End::Lost(reason) => reason.clone(),
    }
}

fn text(place: &Place, report: &Report<'_>, met: Duration) -> Lines {
    let time = |seconds| human::time(Duration::from_secs_f64(seconds));
    let client = &report.client;
    let mut lines = Lines::titled(format_args!("Echo test at {}", place.name()));
    lines.item(
        "rendezvous",
        match client.met_with.as_str() {
            "" => format!("connected after {}", human::time(met)),
            name => format!(
                "brokers {:?} and {name:?} met after {}",
                client.broker,
                human::time(met)
            ),
        },
    );
    if client.echoed == NUMBERS {
        let (one_by_one, amount) = match report.speech {
            Speech::Bytes => ("one by one", "bytes"),
            Speech::Messages { .. } => ("one message each", "messages"),
        };
        lines.item(
            "echo",
            format_args!(
                "the numbers 0 to 255 went there {one_by_one}, and each came back: {NUMBERS} {amount} in {}",
                time(client.seconds)
            ),
        );
        lines.item(
            "round trip",
            format_args!(
                "median {}, slowest {}",
                time(client.median_round_trip_seconds),
                time(client.slowest_round_trip_seconds)
            ),
        );
    } else {
        lines.item(
            "echo",
            format_args!("{} of {NUMBERS} numbers came back", client.echoed),
        );
    }
    if let Some(sizes) = &client.whole_sizes {
        let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
        lines.item(
            "sizes",
            match sizes.is_empty() {
                true => "did not get that far".into(),
                false => format!("messages of {} bytes came back whole", sizes.join(", ")),
            },
        );
    }
    let ended = match report.speech {
        _ if !place.tells_ends() => "disconnected; no end of a stream can be told on a bare stream",
        Speech::Bytes => "finished writing, read the server's end of stream, disconnected",
        Speech::Messages { .. } => "finished sending, received the server's end, closed",
    };
    let done = |yes, what| if yes { what } else { "did not get that far" };
    lines.item("client", done(client.disconnected, ended));
    if let Some(receipt) = &client.receipt {
        let all = match receipt.as_str() {
            "complete" => ": the server has read everything",
            _ => "",
        };
        lines.item("receipt", format_args!("{receipt}{all}"));
    }
    match report.server {
        Some(served) => lines.item(
            "server",
            format_args!(
                "sent back {}, then saw: {}; disconnected{}",
                match served.messages {
                    None => format!("{} bytes", served.bytes),
                    Some(_) => served.amount(),
                },
                how(&served.end),
                match report.server_runs {
                    ServerRuns::Spawned => "; it was a second process",
                    _ => "",
                }
            ),
        ),
        None => lines.item(
            "server",
            match report.server_runs {
                ServerRuns::Elsewhere => "another process's; it is seen through the client only",
                _ => "nobody came to it",
            },
        ),
    }
    if let Some(crossed) = &report.line {
        crossed.item(&mut lines);
    }
    lines.verdict(report.failure.as_deref());
    lines
}
