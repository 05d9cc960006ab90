//! What can go wrong, and what to do next.

mod hints;

use std::io;
use std::path::PathBuf;

use channel::{
    BrokerError, ConnectError, Endpoint, EndpointError, ListenError, StillLingering, TaskPanicked,
};
use thiserror::Error;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "{at} can be reached from inside this process only, so nobody would ever come: run `echo-demo client`, \
         `load` or `bench` (in memory they bring their own server), or serve where others can \
         connect: add --transport tcp (or shm: this machine alone, Linux), or --endpoint tcp://127.0.0.1:7000/echo"
    )]
    NobodyElse { at: Endpoint },

    #[error(
        "{at} can be reached from inside this process only, and --spawn starts a second one: leave --spawn \
         out, or take another transport, as in --transport tcp"
    )]
    NoSecondProcess { at: Endpoint },

    #[error(
        "{flag} is about a line that this program makes itself: add --transport serial, or leave it out; a device has its \
         speed in its endpoint, as in serial:///dev/ttyUSB0?baud=9600"
    )]
    OnlyOwnLine { flag: &'static str },

    #[error(
        "{at} would be the standard input and output of this process, which `client` has for what is typed and comes \
         back: write the command that serves, as in 'pipe://?run=echo-demo%20serve%20-e%20pipe://'"
    )]
    StdioTaken { at: Endpoint },

    #[error(
        "{at} is standard input and output, and that is a terminal: to be started by the program at the other end, as in \
         `echo-demo client --endpoint 'pipe://?run=echo-demo%20serve%20-e%20pipe://'`"
    )]
    StdioTerminal { at: Endpoint },

    #[error("{at} is a bare stream, and carries one channel at a time: {hint}")]
    OneChannel { at: Endpoint, hint: &'static str },

    #[error(
        "{at} is a bare stream, on which nobody can tell the other end that a stream has ended, and the server would \
         wait for that: leave `+plain` out"
    )]
    Endless { at: Endpoint },

    #[error("cannot make a line of our own: {0}; --transport mem needs nothing of the system")]
    Link(io::Error),

    #[error("`{command}` takes one --endpoint or --transport; `serve` and `load` take several")]
    OneEndpoint { command: &'static str },

    #[error(
        "the endpoints name two brokers, `{first}` and `{second}`, and a server is one: give them the \
         same name"
    )]
    TwoNames { first: String, second: String },

    #[error(
        "{at} names another port than {port}, and a server has one: leave out --port, or give all the \
         same"
    )]
    TwoPorts { at: Endpoint, port: u16 },

    #[error(transparent)]
    Endpoint(EndpointError),

    #[error("cannot tell who is there: {0}")]
    List(io::Error),

    #[error("cannot use USB: {0}")]
    Usb(io::Error),

    #[error("cannot write `{}`: {error}{}", .path.display(), hints::other_directory(.error))]
    Write { path: PathBuf, error: io::Error },

    #[error("no certificate can be made: {0}")]
    NoCertificate(String),

    #[error("cannot start a second process: {0}; without --spawn the server runs in this one")]
    Spawn(io::Error),

    #[error("the server, a second process, failed: {0}")]
    SecondProcess(String),

    #[error("{}", hints::no_broker(.error, .at))]
    Broker { at: Endpoint, error: BrokerError },

    #[error("cannot serve at {at}: {error}{}", hints::where_then(.error, .at))]
    Listen { at: Endpoint, error: ListenError },

    #[error("{error}{}", hints::what_next(.error, .at))]
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

    #[error("{0}; what was sent last may be lost")]
    Lingering(#[from] StillLingering),

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
