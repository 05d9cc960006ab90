//! The formal test: a client sends the numbers 0 to 255, gets every one back, and both disconnect.

use std::time::{Duration, Instant};

use channel::{Channel, JoinHandle, ReadError, Task};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::human;
use crate::place::Place;
use crate::report::{Lines, Output, seconds};
use crate::server::{End, Served, echo};

/// How long one number may take to come back before the test has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many numbers there are, each a byte.
const NUMBERS: usize = 256;

#[derive(Debug, Serialize)]
struct Report<'a> {
    command: &'static str,
    endpoint: &'a str,
    port: u16,
    passed: bool,
    failure: Option<String>,
    /// Time until server and client had met.
    met_seconds: f64,
    client: ClientSide,
    /// What the server saw; null where it is another process's.
    server: Option<&'a Served>,
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
    /// Whether the server ended its stream in an orderly way.
    end_of_stream: bool,
    disconnected: bool,
}

pub fn run(place: &Place, output: Output) -> Result<()> {
    let started = Instant::now();
    let server = place.in_process().then(|| serve_one(place)).transpose()?;
    let broker = place.client()?;
    let channel = place.connect(&broker)?;
    let met = started.elapsed();

    let mut client = ClientSide {
        broker: broker.name().to_owned(),
        met_with: channel.handle().peer_name().to_owned(),
        ..ClientSide::default()
    };
    let talked = talk(channel, &mut client);
    // The channel is closed by now, so the server ends whatever happened.
    let served = server.map(JoinHandle::join).transpose()?.transpose()?;
    let failure = talked
        .and_then(|()| served.as_ref().map_or(Ok(()), check))
        .err();

    let report = Report {
        command: "test",
        endpoint: &place.endpoint.to_string(),
        port: place.port,
        passed: failure.is_none(),
        failure,
        met_seconds: seconds(met),
        client,
        server: served.as_ref(),
    };
    output.result(&report, &text(place, &report, met))?;
    report
        .failure
        .map_or(Ok(()), |failure| Err(Error::Failed(failure)))
}

/// A task that serves one channel.
fn serve_one(place: &Place) -> Result<JoinHandle<Result<Served>>> {
    let (broker, _) = place.server()?;
    let (port, limit) = (place.port, place.limit + PATIENCE);
    Task::spawn("echo-server", [broker], move || {
        let broker = Task::broker().expect("the task was given its broker");
        Ok(echo(broker.accept_timeout(port, limit)?))
    })
    .map_err(Error::Task)
}

/// The client's part. An error says what was not as it should be.
fn talk(mut channel: Channel, seen: &mut ClientSide) -> Result<(), String> {
    let started = Instant::now();
    let mut trips = Vec::with_capacity(NUMBERS);
    for number in 0..=u8::MAX {
        let sent = Instant::now();
        channel
            .write_all_timeout(&[number], PATIENCE)
            .map_err(|error| format!("number {number} could not be sent: {error}"))?;
        let mut back = [0];
        channel
            .read_exact_timeout(&mut back, PATIENCE)
            .map_err(|error| format!("number {number} did not come back: {error}"))?;
        if back != [number] {
            return Err(format!("number {number} came back as {}", back[0]));
        }
        trips.push(sent.elapsed());
        seen.echoed += 1;
    }
    seen.seconds = seconds(started.elapsed());
    trips.sort_unstable();
    seen.median_round_trip_seconds = seconds(trips[NUMBERS / 2]);
    seen.slowest_round_trip_seconds = seconds(trips[NUMBERS - 1]);

    channel
        .finish()
        .map_err(|error| format!("the client could not finish: {error}"))?;
    match channel.read_timeout(&mut [0], PATIENCE) {
        Ok(0) => seen.end_of_stream = true,
        Ok(_) => return Err("the server sent more than it was sent".into()),
        Err(ReadError::TimedOut) => {
            return Err("the server did not end its stream after the client had finished".into());
        }
        Err(error) => return Err(format!("the server did not end in an orderly way: {error}")),
    }
    channel.disconnect();
    seen.disconnected = channel.disconnected();
    if !matches!(channel.try_read(&mut [0]), Err(ReadError::Disconnected)) {
        return Err("the channel could be read after the client had disconnected".into());
    }
    Ok(())
}

/// The server's part of the verdict.
fn check(served: &Served) -> Result<(), String> {
    if served.end != End::Orderly {
        return Err(format!(
            "the server saw no orderly end: {}",
            how(&served.end)
        ));
    }
    if served.bytes != NUMBERS as u64 {
        return Err(format!(
            "the server sent back {} numbers of {NUMBERS}",
            served.bytes
        ));
    }
    Ok(())
}

fn how(end: &End) -> String {
    match end {
        End::Orderly => "end of stream".into(),
        End::Refused => "the client stopped reading too early".into(),
        End::Lost(reason) => reason.clone(),
    }
}

fn text(place: &Place, report: &Report<'_>, met: Duration) -> Lines {
    let time = |seconds| human::time(Duration::from_secs_f64(seconds));
    let client = &report.client;
    let mut lines = Lines::titled(format_args!("Echo test at {}", place.name()));
    lines.item(
        "rendezvous",
        format_args!(
            "brokers {:?} and {:?} met after {}",
            client.broker,
            client.met_with,
            human::time(met)
        ),
    );
    if client.echoed == NUMBERS {
        lines.item(
            "echo",
            format_args!(
                "the numbers 0 to 255 went there one by one, and each came back: {NUMBERS} bytes in {}",
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
    let done = |yes, what| if yes { what } else { "did not get that far" };
    lines.item(
        "client",
        done(
            client.disconnected,
            "finished writing, read the server's end of stream, disconnected",
        ),
    );
    match report.server {
        Some(served) => lines.item(
            "server",
            format_args!(
                "sent back {} bytes, then saw: {}; disconnected",
                served.bytes,
                how(&served.end)
            ),
        ),
        None => lines.item(
            "server",
            "another process's; it is seen through the client only",
        ),
    }
    lines.verdict(report.failure.as_deref());
    lines
}
