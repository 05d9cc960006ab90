//! What can go wrong, and what to do next.

use std::io;

use channel::{
    AcceptError, BrokerError, ConnectError, DialError, Endpoint, ListenError, TaskPanicked,
};
use thiserror::Error;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "{at} can be reached from inside this process only, so nobody would ever come: run `echo-demo client`, \
         `load` or `bench` (in memory they bring their own server), or serve where others can \
         connect, with --endpoint (transports of this build: {known})"
    )]
    NobodyElse { at: Endpoint, known: String },

    #[error("{}", no_broker(.error, .at))]
    Broker { at: Endpoint, error: BrokerError },

    #[error("cannot serve at {at}: {error}{}", where_then(.error))]
    Listen { at: Endpoint, error: ListenError },

    #[error("{error}; {}", what_next(.error, .at))]
    Connect { at: Endpoint, error: ConnectError },

    #[error(
        "a blocking server has one task per channel and takes {max} at once: give fewer --clients, or \
         take --server poller"
    )]
    TooManyTasks { max: usize },

    #[error(
        "all buffers together would take {buffers}, the limit is {max}: give fewer --clients or a \
         smaller --capacity"
    )]
    TooMuch { buffers: String, max: String },

    #[error("{0}; nobody came to the server of this test")]
    Accept(#[from] AcceptError),

    #[error("cannot start another task: {0}; is there a limit on threads (ulimit -u)?")]
    Task(io::Error),

    #[error("{0}; this is a bug, please report it")]
    Panicked(#[from] TaskPanicked),

    #[error("{flag} is about messages, and these are bytes: add --as messages, or leave it out")]
    OnlyMessages { flag: &'static str },

    #[error(
        "messages of {size} are over the limit of {max}: give both sides a larger --max-message, or \
         a smaller --size"
    )]
    OverLimit { size: String, max: String },

    #[error(
        "line {number} is longer than a message may be ({max} bytes): give both sides a larger \
         --max-message"
    )]
    LongLine { number: u64, max: usize },

    #[error("the server ended the stream after {after}, while there was more to send; {hint}")]
    EndedEarly { after: String, hint: &'static str },

    #[error("the channel was cut: {0}")]
    Cut(String),

    #[error("cannot read standard input: {0}; give a file or a pipe that can be read")]
    Stdin(io::Error),

    #[error("cannot write to standard output: {0}; is the disk full?")]
    Stdout(io::Error),

    /// Nobody reads our output any more: no failure.
    #[error("standard output is closed")]
    ClosedStdout,

    /// What was measured or checked is not as it should be. The report that says so is printed.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// About an attempt to write to standard output.
    pub fn stdout(error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Error::ClosedStdout,
            _ => Error::Stdout(error),
        }
    }
}

fn no_broker(error: &BrokerError, at: &Endpoint) -> String {
    match error {
        BrokerError::Capacity(error) => format!("--capacity: {error}"),
        BrokerError::BadName { .. } => format!("{at} names no broker: {error}"),
        error => error.to_string(),
    }
}

fn where_then(error: &ListenError) -> &'static str {
    match error {
        ListenError::UnknownScheme { .. } => "; pick one of them with --endpoint SCHEME://...",
        _ => "",
    }
}

fn what_next(error: &ConnectError, at: &Endpoint) -> String {
    match error {
        ConnectError::Dial {
            error: DialError::UnknownScheme { .. },
            ..
        } => "pick one of them with --endpoint SCHEME://...".into(),
        ConnectError::Dial {
            error: DialError::Capacity(_),
            ..
        } => "change --capacity".into(),
        ConnectError::TimedOut { .. } => {
            format!(
                "is `echo-demo serve --endpoint {at}` running, with the same --port? --timeout waits longer"
            )
        }
        _ => format!("is `echo-demo serve --endpoint {at}` running?"),
    }
}
