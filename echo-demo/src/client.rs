//! `client`: standard input goes to the server, what comes back to standard output.
//!
//! The two directions run on two tasks, so that neither waits for the other: a client that first
//! sent everything and read then would fill every buffer on the way and stand still.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use channel::{Reader, Task, Writer};
use serde::Serialize;

use crate::args::Style;
use crate::error::{Error, Result};
use crate::human;
use crate::pattern::Digest;
use crate::place::Place;
use crate::report::{Lines, Output, seconds};
use crate::server::EchoServer;

/// Read from standard input at once: what a pipe of Linux holds.
const BLOCK: usize = 64 * 1024;

#[derive(Serialize)]
struct Report {
    command: &'static str,
    endpoint: String,
    port: u16,
    passed: bool,
    failure: Option<String>,
    sent_bytes: u64,
    received_bytes: u64,
    seconds: f64,
}

pub fn run(place: &Place, output: Output) -> Result<()> {
    if place.in_process() {
        let (broker, _) = place.server()?;
        // It ends with the process.
        EchoServer::start(broker, place.port, Style::Blocking, Arc::new(drop))?;
    }
    let broker = place.client()?;
    let (mut reader, writer) = place.connect(&broker)?.split();
    let interactive = io::stdin().is_terminal() && !output.is_json();
    if interactive {
        note(format_args!(
            "connected to {}; type lines, Ctrl-D ends",
            place.name()
        ));
    }

    let started = Instant::now();
    let finished = Arc::new(AtomicBool::new(false));
    let sender = Task::spawn("standard-input", [], {
        let finished = finished.clone();
        move || send(io::stdin(), writer, &finished)
    })
    .map_err(Error::Task)?;

    let received = match output.is_json() {
        true => receive(&mut reader, &mut io::sink()),
        false => receive(&mut reader, &mut io::stdout().lock()),
    }?;
    // Acquire, with the release before the end of stream was sent.
    if !finished.load(Ordering::Acquire) && !sender.is_finished() {
        return Err(Error::EndedEarly(human::size(received.bytes)));
    }
    let (sent, trouble) = sender.join()?;
    if let Some(error) = trouble {
        return Err(error);
    }
    let failure = (sent != received).then(|| match sent.bytes == received.bytes {
        true => format!(
            "the {} bytes that came back differ from those sent",
            sent.bytes
        ),
        false => format!("{} bytes of {} came back", received.bytes, sent.bytes),
    });
    let report = Report {
        command: "client",
        endpoint: place.endpoint.to_string(),
        port: place.port,
        passed: failure.is_none(),
        failure,
        sent_bytes: sent.bytes,
        received_bytes: received.bytes,
        seconds: seconds(started.elapsed()),
    };
    if output.is_json() {
        output.result(&report, &Lines::default())?;
    } else if interactive {
        note(format_args!(
            "{} bytes sent, {} came back",
            sent.bytes, received.bytes
        ));
    }
    report
        .failure
        .map_or(Ok(()), |failure| Err(Error::Failed(failure)))
}

/// Beside the bytes, never among them.
fn note(text: std::fmt::Arguments<'_>) {
    // Whether anybody sees it does not matter.
    let _ = writeln!(io::stderr(), "echo-demo: {text}");
}

/// Sends all of `input`, then finishes. Tells what was sent, and what prevented the rest.
fn send(
    mut input: impl Read,
    mut writer: Writer,
    finished: &AtomicBool,
) -> (Digest, Option<Error>) {
    let mut digest = Digest::new();
    let mut block = vec![0; BLOCK];
    let trouble = loop {
        let n = match input.read(&mut block) {
            Ok(0) => break None,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => break Some(Error::Stdin(error)),
        };
        match writer.write_all(&block[..n]) {
            Ok(()) => digest.add(&block[..n]),
            Err(cut) => break Some(Error::Cut(cut.error.to_string())),
        }
    };
    // Release: the end that the peer makes of this is seen by the receiving task, which then finds
    // this set.
    finished.store(true, Ordering::Release);
    // If it fails, the receiving direction tells why.
    let _ = writer.finish();
    (digest, trouble)
}

/// Copies what comes to `out`, piece by piece as it comes, until the server ends its stream.
fn receive(reader: &mut Reader, out: &mut impl Write) -> Result<Digest> {
    let mut digest = Digest::new();
    loop {
        let n = match reader.fill_buf() {
            Ok([]) => return Ok(digest),
            Ok(arrived) => {
                out.write_all(arrived)
                    .and_then(|()| out.flush())
                    .map_err(Error::stdout)?;
                digest.add(arrived);
                arrived.len()
            }
            Err(error) => return Err(Error::Cut(error.to_string())),
        };
        reader.consume(n);
    }
}
