//! `serve`: an echo server for clients of other processes.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::args::Serve;
use crate::error::{Error, Result};
use crate::place::{Place, links};
use crate::report::Output;
use crate::server::{EchoServer, End, Served};

/// Channels that have ended and were not told about yet; when the terminal cannot follow, the
/// server waits for it.
const UNTOLD: usize = 1024;

/// What the server's tasks, and the one that reads standard input, have to say.
enum Told {
    Served(Served),
    EndOfInput,
}

/// What a server tells, in the order in which it happens.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Listening {
        endpoints: Vec<String>,
        port: u16,
        #[serde(rename = "as")]
        speech: String,
        /// Null where there are no messages.
        max_message: Option<usize>,
    },
    Served(Served),
}

pub fn run(place: &Place, args: &Serve, output: Output) -> Result<()> {
    if place.is_private() {
        return Err(Error::NobodyElse {
            at: place.endpoints[0].clone(),
        });
    }
    if let Some(at) = place.stdio().filter(|_| io::stdin().is_terminal()) {
        return Err(Error::StdioTerminal { at: at.clone() });
    }
    let (broker, endpoints) = place.server()?;
    let (told, untold) = mpsc::sync_channel(UNTOLD);
    // After the last one that counts nobody listens; the server is stopped then.
    let observer = {
        let told = told.clone();
        Arc::new(move |served| drop(told.send(Told::Served(served))))
    };
    let server = EchoServer::start(
        broker.clone(),
        place.port,
        place.speech,
        args.server,
        observer,
    )?;
    tell(
        output,
        &Event::Listening {
            endpoints: place.for_clients(&endpoints),
            port: place.port,
            speech: place.speech.name().to_owned(),
            max_message: place.speech.max_message(),
        },
    )?;
    place.notes().iter().for_each(|note| output.note(note));
    if place.stdio().is_some() {
        tell_end_of_input(told, links::wait_for_stdio_end)?;
    } else if args.until_eof {
        tell_end_of_input(told, read_input)?;
    } else {
        drop(told);
    }
    let mut left = args.count.unwrap_or(u64::MAX);
    // It ends when the last task of the server has: after the broker was closed.
    for told in &untold {
        match told {
            // Here and not where it was read: else the process could be over before it is closed.
            Told::EndOfInput => {
                broker.close();
                if !place.tells_ends() {
                    // There is always a channel, and nobody will say that it has ended.
                    return Ok(());
                }
            }
            Told::Served(served) => {
                tell(output, &Event::Served(served))?;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
    }
    drop(untold);
    server.stop()
}

fn read_input() {
    // An input that cannot be read has ended as well.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// `wait`: until standard input has ended.
fn tell_end_of_input(told: SyncSender<Told>, wait: fn()) -> Result<()> {
    let reading = thread::Builder::new().name("standard-input".into());
    let read = move || {
        wait();
        // Nobody listens if the server has ended before.
        let _ = told.send(Told::EndOfInput);
    };
    reading.spawn(read).map(drop).map_err(Error::Task)
}

/// A server has no end to wait for: so with --json each event is a document in a line of its own.
fn tell(output: Output, event: &Event) -> Result<()> {
    if output.is_json() {
        let line = serde_json::to_string(event).expect("keys are text and numbers are finite");
        return output.line(&line);
    }
    match event {
        Event::Listening {
            endpoints,
            port,
            speech,
            ..
        } => {
            for at in endpoints {
                output.line(&format!("echo server of {speech} at {at}, port {port}"))?;
            }
            output.line("Ctrl-C ends it")
        }
        Event::Served(served) => output.line(&format!(
            "{}{}: {} back in {:.3} s, {}",
            served.peer,
            match served.client.as_str() {
                "" => String::new(),
                name => format!(" ({name})"),
            },
            served.amount(),
            served.seconds,
            match &served.end {
                End::Orderly => "then end of stream",
                End::Refused => "then it stopped reading",
                End::Strange(reason) | End::Lost(reason) => reason,
            }
        )),
    }
}
