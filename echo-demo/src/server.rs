//! The echo server: what it tells about each channel, and its blocking style.
//!
//! [`EchoServer::start`] serves every channel that comes, until it is stopped; [`echo`] serves one.
//! The other style is in [`poll_server`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Handle, JoinHandle, ReadError, Reader, Task, WriteError, Writer};
use serde::Serialize;

use crate::args::Style;
use crate::error::{Error, Result};
use crate::poll_server;

/// Tasks of the blocking style at one time; further clients wait in the broker's line. A thousand
/// stacks are what a small machine can bear; the poller style has no such limit.
pub const MAX_TASKS: usize = 1024;

/// How a channel ended for the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The client finished, and everything was sent back.
    Orderly,
    /// The client stopped reading before everything was sent back.
    Refused,
    /// The client is lost.
    Lost(String),
}

/// One channel that was served.
#[derive(Clone, Debug, Serialize)]
pub struct Served {
    /// The client's broker, if it told its name.
    pub client: String,
    /// Where the client is.
    pub peer: String,
    pub bytes: u64,
    pub seconds: f64,
    pub end: End,
}

/// Is told about every channel that has ended, on the task that served it.
pub type Observer = Arc<dyn Fn(Served) + Send + Sync>;

/// A channel being served: nothing is buffered here. What cannot be sent back yet stays where it
/// arrived, so a client that does not read is not read from either.
pub struct Session {
    pub reader: Reader,
    pub writer: Writer,
    handle: Handle,
    opened: Instant,
    pub bytes: u64,
}

impl Session {
    pub fn new(channel: Channel) -> Session {
        let handle = channel.handle();
        let (reader, writer) = channel.split();
        Session {
            reader,
            writer,
            handle,
            opened: Instant::now(),
            bytes: 0,
        }
    }

    pub fn ended(self, end: End) -> Served {
        // The client has everything it is going to read: the rest of it is only a farewell.
        self.handle.disconnect();
        Served {
            client: self.handle.peer_name().to_owned(),
            peer: self.handle.peer().to_string(),
            bytes: self.bytes,
            seconds: self.opened.elapsed().as_secs_f64(),
            end,
        }
    }
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> End {
        End::Lost(error.to_string())
    }
}

impl From<WriteError> for End {
    fn from(error: WriteError) -> End {
        match error {
            WriteError::PeerClosed => End::Refused,
            error => End::Lost(error.to_string()),
        }
    }
}

/// Sends everything back that comes, until the client has finished; then both sides are done.
pub fn echo(channel: Channel) -> Served {
    let mut session = Session::new(channel);
    let end = loop {
        let arrived = match session.reader.fill_buf() {
            Ok([]) => break End::Orderly,
            Ok(arrived) => arrived,
            Err(error) => break error.into(),
        };
        match session.writer.write(arrived) {
            Ok(n) => {
                session.reader.consume(n);
                session.bytes += n as u64;
            }
            Err(error) => break error.into(),
        }
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
        style: Style,
        observer: Observer,
    ) -> Result<EchoServer> {
        let tasks = match style {
            Style::Blocking => vec![
                Task::spawn("echo-server", [broker.clone()], move || {
                    accept_for_ever(port, &observer);
                })
                .map_err(Error::Task)?,
            ],
            Style::Poller => poll_server::start(&broker, port, &observer)?,
        };
        Ok(EchoServer { broker, tasks })
    }

    /// Accepts no more, and returns when every channel has ended.
    pub fn stop(self) -> Result<()> {
        self.broker.close();
        for task in self.tasks {
            task.join()?;
        }
        Ok(())
    }
}

/// The blocking style: a task that accepts, and one for each channel.
fn accept_for_ever(port: u16, observer: &Observer) {
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
            observer(echo(channel));
        }) {
            tasks.push(task);
        }
    }
    for task in tasks {
        // A panic in one of them has aborted its channel already.
        let _ = task.join();
    }
}
