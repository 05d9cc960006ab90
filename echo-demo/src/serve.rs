//! `serve`: an echo server for clients of other processes.

use std::sync::mpsc;

use serde::Serialize;

use crate::args::Serve;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::report::Output;
use crate::server::{EchoServer, End, Served};
use crate::speech::Speech;

/// Channels that have ended and were not told about yet; when the terminal cannot follow, the
/// server waits for it.
const UNTOLD: usize = 1024;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Listening {
        endpoint: String,
        port: u16,
        #[serde(rename = "as")]
        speech: Speech,
        /// Null where there are no messages.
        max_message: Option<usize>,
    },
    Served(&'a Served),
}

pub fn run(place: &Place, args: &Serve, output: Output) -> Result<()> {
    if place.in_process() {
        return Err(Error::NobodyElse {
            at: place.endpoint.clone(),
            known: place.domain.schemes().join(", "),
        });
    }
    let (broker, endpoint) = place.server()?;
    let (told, untold) = mpsc::sync_channel(UNTOLD);
    // After the last one that counts nobody listens; the server is stopped then.
    let observer = std::sync::Arc::new(move |served| drop(told.send(served)));
    let server = EchoServer::start(broker, place.port, place.speech, args.server, observer)?;
    tell(
        output,
        &Event::Listening {
            endpoint: endpoint.to_string(),
            port: place.port,
            speech: place.speech,
            max_message: place.speech.max_message(),
        },
    )?;
    let count = args.count.unwrap_or(u64::MAX);
    for (_, served) in (0..count).zip(&untold) {
        tell(output, &Event::Served(&served))?;
    }
    drop(untold);
    server.stop()
}

/// A server has no end to wait for: so with --json each event is a document in a line of its own.
fn tell(output: Output, event: &Event<'_>) -> Result<()> {
    if output.is_json() {
        let line = serde_json::to_string(event).expect("keys are text and numbers are finite");
        return output.line(&line);
    }
    let line = match event {
        Event::Listening {
            endpoint,
            port,
            speech,
            ..
        } => {
            let what = speech.name();
            format!("echo server of {what} at {endpoint}, port {port}; Ctrl-C ends it")
        }
        Event::Served(served) => format!(
            "{} ({}): {} back in {:.3} s, {}",
            served.peer,
            served.client,
            served.amount(),
            served.seconds,
            match &served.end {
                End::Orderly => "then end of stream",
                End::Refused => "then it stopped reading",
                End::Strange(reason) | End::Lost(reason) => reason,
            }
        ),
    };
    output.line(&line)
}
