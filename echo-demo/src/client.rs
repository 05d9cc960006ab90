//! `client`: standard input goes to the server, what comes back to standard output.
//!
//! The two directions run on two tasks, so that neither waits for the other: a client that first
//! sent everything and read then would fill every buffer on the way and stand still.

mod bytes;
mod messages;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use channel::{JoinHandle, Task};
use serde::Serialize;

use crate::args::Style;
use crate::companion::Companion;
use crate::error::{Error, Result};
use crate::pattern::Digest;
use crate::place::Place;
use crate::report::{Lines, Output, seconds};
use crate::speech::Speech;

#[derive(Serialize)]
struct Report {
    command: &'static str,
    endpoint: String,
    port: u16,
    #[serde(rename = "as")]
    speech: Speech,
    passed: bool,
    failure: Option<String>,
    sent_bytes: u64,
    received_bytes: u64,
    /// Null for a stream of bytes.
    sent_messages: Option<u64>,
    received_messages: Option<u64>,
    seconds: f64,
}

/// What went in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tally {
    digest: Digest,
    /// Bytes, without the lengths of messages.
    bytes: u64,
    messages: Option<u64>,
}

impl Tally {
    fn new(speech: Speech) -> Tally {
        Tally {
            digest: Digest::new(),
            bytes: 0,
            messages: speech.max_message().map(|_| 0),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.digest.add(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Where a message ends counts too: its length goes into the digest.
    fn message(&mut self, message: &[u8]) {
        self.digest.add(&(message.len() as u64).to_le_bytes());
        self.bytes(message);
        *self.messages.get_or_insert(0) += 1;
    }

    /// `512 bytes`, or `10 messages of 512 bytes together`.
    fn amount(&self) -> String {
        match self.messages {
            None => format!("{} bytes", self.bytes),
            Some(messages) => format!("{messages} messages of {} bytes together", self.bytes),
        }
    }
}

/// The sending direction: what was sent, and what prevented the rest.
type Sent = (Tally, Option<Error>);

pub fn run(place: &Place, output: Output) -> Result<()> {
    if let Some(at) = place.stdio() {
        return Err(Error::StdioTaken { at: at.clone() });
    }
    if place.speech != Speech::Bytes {
        place.with_ends()?;
    }
    // It ends with the process.
    let (place, _server) = Companion::start(place, Style::Blocking, output)?;
    let broker = place.client()?;
    let channel = place.connect(&broker)?;
    let interactive = io::stdin().is_terminal() && !output.is_json();
    if interactive {
        output.note(format_args!(
            "connected to {}; type lines, Ctrl-D ends",
            place.name()
        ));
    }

    let started = Instant::now();
    let out: Box<dyn Write> = match output.is_json() {
        true => Box::new(io::sink()),
        false => Box::new(io::stdout().lock()),
    };
    let (sender, received) = match place.speech {
        Speech::Bytes => bytes::talk(channel, out, place.tells_ends()),
        Speech::Messages { max } => messages::talk(channel, max, out),
    }?;
    let Some((sent, trouble)) = sender.ended()? else {
        return Err(Error::EndedEarly {
            after: received.amount(),
            hint: place.speech.is_it_understood(),
        });
    };
    if let Some(error) = trouble {
        return Err(error);
    }
    let failure = (sent != received).then(|| match sent.bytes == received.bytes {
        true => format!(
            "what came back, {}, differs from what was sent",
            sent.amount()
        ),
        false => format!(
            "{} were sent, {} came back; {}",
            sent.amount(),
            received.amount(),
            place.speech.is_it_understood()
        ),
    });
    let report = Report {
        command: "client",
        endpoint: place.names().join(" + "),
        port: place.port,
        speech: place.speech,
        passed: failure.is_none(),
        failure,
        sent_bytes: sent.bytes,
        received_bytes: received.bytes,
        sent_messages: sent.messages,
        received_messages: received.messages,
        seconds: seconds(started.elapsed()),
    };
    if output.is_json() {
        output.result(&report, &Lines::default())?;
    } else if interactive {
        output.note(format_args!(
            "{} sent, {} came back",
            sent.amount(),
            received.amount()
        ));
    }
    report
        .failure
        .map_or(Ok(()), |failure| Err(Error::Failed(failure)))
}

/// The task that reads standard input.
struct Sender {
    task: JoinHandle<Sent>,
    finished: Arc<AtomicBool>,
}

impl Sender {
    /// `send` gets all of standard input away, and calls what it is given before it finishes.
    fn start(send: impl FnOnce(&dyn Fn()) -> Sent + Send + 'static) -> Result<Sender> {
        let finished = Arc::new(AtomicBool::new(false));
        let task = Task::spawn("standard-input", [], {
            let finished = finished.clone();
            // Release: the end that the peer makes of this is seen by the receiving task, which
            // then finds this set.
            move || send(&|| finished.store(true, Ordering::Release))
        })
        .map_err(Error::Task)?;
        Ok(Sender { task, finished })
    }

    /// Whether everything was sent.
    fn has_finished(&self) -> bool {
        // Acquire, with the release when it was.
        self.finished.load(Ordering::Acquire)
    }

    /// What was sent, unless it is still being sent, though the server has ended its stream.
    fn ended(self) -> Result<Option<Sent>> {
        if !self.has_finished() && !self.task.is_finished() {
            return Ok(None);
        }
        Ok(Some(self.task.join()?))
    }
}
