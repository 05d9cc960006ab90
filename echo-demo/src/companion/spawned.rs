//! A second process of this program as the server: `serve --json --until-eof`.
//!
//! It is told to end by the end of its standard input, so it ends too if this process is killed. What
//! it prints is read to the end all the time: it never waits for us. Where its standard input and output are the link to
//! it, it prints on standard error.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use ::channel::Endpoint;
use clap::ValueEnum;
use serde_json::Value;

use crate::args::Style;
use crate::error::{Error, Result};
use crate::place::{Place, links};
use crate::serve::Event;
use crate::server::Served;

/// How long the second process may take to listen, and to end after its last channel: much longer than
/// it needs on a machine under load.
const PATIENCE: Duration = Duration::from_secs(30);

/// The second process. Dropping it ends it at once.
pub struct Spawned {
    child: Child,
    said: Receiver<Said>,
    /// Its standard input and output, where they are a link.
    link: Option<links::Held>,
}

/// What the second process prints, a line each.
enum Said {
    Listening(Vec<String>),
    Served(Served),
    Error(String),
}

impl Spawned {
    /// Starts it; tells where it listens.
    pub fn start(place: &Place, style: Style) -> Result<(Spawned, Vec<Endpoint>)> {
        let program = env::current_exe().map_err(Error::Spawn)?;
        let mut command = Command::new(program);
        command.args(arguments(place, style));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let stdio = place.stdio();
        command.stderr(match stdio {
            // It says the same on standard output, for us.
            None => Stdio::null(),
            Some(_) => Stdio::piped(),
        });
        let mut child = command.spawn().map_err(Error::Spawn)?;
        let stdout = child.stdout.take().expect("it is piped");
        let (tell, said) = channel();
        let mut spawned = Spawned {
            child,
            said,
            link: None,
        };
        let (says, attached): (Box<dyn Read + Send>, _) = match stdio {
            None => (Box::new(stdout), None),
            Some(at) => {
                let stdin = spawned.child.stdin.take().expect("it is piped");
                let (at, held) = place.links.attach(at, stdout, stdin)?;
                spawned.link = held;
                let stderr = spawned.child.stderr.take().expect("it is piped");
                (Box::new(stderr), Some(at))
            }
        };
        let reading = thread::Builder::new().name("second-process".into());
        reading
            .spawn(move || read(says, |said| tell.send(said).is_ok()))
            .map_err(Error::Task)?;

        let endpoints = match spawned.next()? {
            Some(Said::Listening(endpoints)) => endpoints,
            _ => return Err(Error::SecondProcess("it did not listen".into())),
        };
        if endpoints.len() != place.endpoints.len() {
            return Err(Error::SecondProcess("it listens elsewhere".into()));
        }
        let parsed = endpoints.iter().map(|at| match (at.parse(), &attached) {
            (Ok(at), Some(here)) if links::is_stdio(&at) => Ok(here.clone()),
            (parsed, _) => parsed,
        });
        let parsed = Result::map_err(parsed.collect(), Error::Endpoint)?;
        Ok((spawned, parsed))
    }

    /// What it says next; `None` when it has ended.
    fn next(&self) -> Result<Option<Said>> {
        match self.said.recv_timeout(PATIENCE) {
            Ok(Said::Error(error)) => Err(Error::SecondProcess(error)),
            Ok(said) => Ok(Some(said)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(Error::SecondProcess(format!(
                "it said nothing for {PATIENCE:?}"
            ))),
        }
    }

    /// Accepts no more, waits until every channel has ended, and tells what became of each.
    pub fn stop(mut self) -> Result<Vec<Served>> {
        drop((self.child.stdin.take(), self.link.take()));
        let mut all = Vec::new();
        while let Some(said) = self.next()? {
            if let Said::Served(served) = said {
                all.push(served);
            }
        }
        let status = self.child.wait().map_err(Error::Spawn)?;
        match status.success() {
            true => Ok(all),
            false => Err(Error::SecondProcess(status.to_string())),
        }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // Both do nothing after `stop`. Nobody is left to tell if they fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same place and speech, for `serve`.
fn arguments(place: &Place, style: Style) -> Vec<String> {
    let style = style.to_possible_value().expect("no style is hidden");
    let mut arguments = vec![
        "serve".to_owned(),
        "--json".to_owned(),
        "--until-eof".to_owned(),
        format!("--server={}", style.get_name()),
        format!("--port={}", place.port),
        format!("--capacity={}", place.options.capacity(None)),
        format!("--as={}", place.speech.name()),
    ];
    arguments.extend(place.endpoints.iter().map(|at| format!("--endpoint={at}")));
    let max = place.speech.max_message();
    arguments.extend(max.map(|max| format!("--max-message={max}")));
    arguments
}

/// Reads to the end, or until nobody wants to know any more.
fn read(says: impl Read, tell: impl Fn(Said) -> bool) {
    for line in BufReader::new(says).lines() {
        let Ok(line) = line else { return };
        let said = match serde_json::from_str(&line) {
            Ok(Event::Listening { endpoints, .. }) => Said::Listening(endpoints),
            Ok(Event::Served(served)) => Said::Served(served),
            Err(_) => Said::Error(error_in(&line)),
        };
        if !tell(said) {
            return;
        }
    }
}

/// What `{"error": "..."}` says, or else the line itself.
fn error_in(line: &str) -> String {
    let document: Option<Value> = serde_json::from_str(line).ok();
    let error = document.as_ref().and_then(|value| value["error"].as_str());
    error.unwrap_or(line).to_owned()
}
