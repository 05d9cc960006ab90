//! The echo server: what it tells about each channel, and its blocking style.
//!
//! [`EchoServer::start`] serves every channel that comes, until it is stopped; [`echo`] serves one.
//! The other style is in [`poll_server`]. A channel of [`bytes`] and one of [`messages`] are served
//! in either.

mod bytes;
mod messages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use channel::{Broker, Channel, Handle, JoinHandle, Key, Poller, Task};
use messages::Messages;
use serde::{Deserialize, Serialize};

use crate::args::Style;
use crate::error::{Error, Result};
use crate::human;
use crate::poll_server;
use crate::speech::Speech;

/// Tasks of the blocking style at one time; further clients wait in the broker's line. A thousand
/// stacks are what a small machine can bear; the poller style has no such limit.
pub const MAX_TASKS: usize = 1024;

/// How a channel ended for the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The client finished, and everything was sent back.
    Orderly,
    /// The client stopped reading before everything was sent back.
    Refused,
    /// What the client sent are no messages that can be taken: why, and what to look at.
    Strange(String),
    /// The client is lost.
    Lost(String),
}

/// One channel that was served.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Served {
    /// The client's broker, if it told its name.
    pub client: String,
    /// Where the client is.
    pub peer: String,
    /// Bytes that were sent back; of messages, without their lengths.
    pub bytes: u64,
    /// Messages that were sent back; null for a stream of bytes.
    pub messages: Option<u64>,
    pub seconds: f64,
    pub end: End,
}

impl Served {
    /// `5 KiB`, or `10 messages (5 KiB)`.
    pub fn amount(&self) -> String {
        human::amount(self.bytes, self.messages)
    }
}

/// Is told about every channel that has ended, on the task that served it.
pub type Observer = Arc<dyn Fn(Served) + Send + Sync>;

/// What is counted of every channel.
struct Visit {
    handle: Handle,
    opened: Instant,
    bytes: u64,
    messages: Option<u64>,
}

impl Visit {
    fn new(channel: &Channel) -> Visit {
        Visit {
            handle: channel.handle(),
            opened: Instant::now(),
            bytes: 0,
            messages: None,
        }
    }

    /// A message of this many bytes was sent back.
    fn message(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        *self.messages.get_or_insert(0) += 1;
    }

    fn ended(self, end: End) -> Served {
        // The client has everything it is going to read: the rest of it is only a farewell.
        self.handle.disconnect();
        Served {
            client: self.handle.peer_name().to_owned(),
            peer: self.handle.peer().to_string(),
            bytes: self.bytes,
            messages: self.messages,
            seconds: self.opened.elapsed().as_secs_f64(),
            end,
        }
    }
}

/// A channel being served, whatever goes over it.
pub enum Session {
    Bytes(Bytes),
    Messages(Box<Messages>),
}

impl Session {
    pub fn new(channel: Channel, speech: Speech) -> Session {
        match speech {
            Speech::Bytes => Session::Bytes(Bytes::new(channel)),
            Speech::Messages { max } => Session::Messages(Box::new(Messages::new(channel, max))),
        }
    }

    pub fn register(&mut self, poller: &Poller, key: Key) {
        match self {
            Session::Bytes(session) => session.register(poller, key),
            Session::Messages(session) => session.register(poller, key),
        }
    }

    /// Sends back what can be, without blocking.
    pub fn turn(&mut self) -> Turn {
        match self {
            Session::Bytes(session) => session.turn(),
            Session::Messages(session) => session.turn(),
        }
    }

    pub fn ended(self, end: End) -> Served {
        match self {
            Session::Bytes(session) => session.ended(end),
            Session::Messages(session) => session.ended(end),
        }
    }
}

/// What a turn of the poller style came to.
pub enum Turn {
    /// A call said that it has to wait: the poller tells when to go on.
    Waiting,
    /// There was more to do, but others wait too.
    More,
    Ended(End),
}

/// Bytes that one channel may move before the others have their turn.
const TURN: usize = 256 * 1024;

/// Sends everything back that comes, until the client has finished; then both sides are done.
pub fn echo(channel: Channel, speech: Speech) -> Served {
    let mut session = Session::new(channel, speech);
    let end = match &mut session {
        Session::Bytes(session) => session.echo(),
        Session::Messages(session) => session.echo(),
    };
    session.ended(end)
}

/// A server that runs until [`stop`](EchoServer::stop).
pub struct EchoServer {
    broker: Broker,
    tasks: Vec<JoinHandle<()>>,
}

impl EchoServer {
    /// Serves every channel that comes to the port.
    pub fn start(
        broker: Broker,
        port: u16,
        speech: Speech,
        style: Style,
        observer: Observer,
    ) -> Result<EchoServer> {
        let tasks = match style {
            Style::Blocking => vec![
                Task::spawn("echo-server", [broker.clone()], move || {
                    accept_for_ever(port, speech, &observer);
                })
                .map_err(Error::Task)?,
            ],
            Style::Poller => poll_server::start(&broker, port, speech, &observer)?,
        };
        Ok(EchoServer { broker, tasks })
    }

    /// Accepts no more, and returns when every channel has ended.
    pub fn stop(mut self) -> Result<()> {
        self.broker.close();
        for task in std::mem::take(&mut self.tasks) {
            task.join()?;
        }
        Ok(())
    }
}

/// Accepts no more: what it listened at is free, also if the process ends at once.
impl Drop for EchoServer {
    fn drop(&mut self) {
        self.broker.close();
    }
}

/// The blocking style: a task that accepts, and one for each channel.
fn accept_for_ever(port: u16, speech: Speech, observer: &Observer) {
    let broker = Task::broker().expect("the task was given its broker");
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    for number in 1_u64.. {
        while tasks.len() >= MAX_TASKS {
            tasks.retain(|task| !task.is_finished());
            std::thread::sleep(Duration::from_millis(1));
        }
        let Ok(channel) = broker.accept(port) else {
            break; // The broker is closed.
        };
        let observer = observer.clone();
        // Without a thread the channel is dropped: an orderly end, which the client sees at once.
        if let Ok(task) = Task::spawn(&format!("echo-{number}"), [], move || {
            observer(echo(channel, speech));
        }) {
            tasks.push(task);
        }
    }
    for task in tasks {
        // A panic in one of them has aborted its channel already.
        let _ = task.join();
    }
}
