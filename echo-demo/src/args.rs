//! The command line.

mod commands;
mod values;

use std::num::NonZeroU32;
use std::time::Duration;

use channel::Endpoint;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub use commands::{Bench, Certs, Line, List, Load, Serve, Style, Test, Usb};
use message_queue::DEFAULT_MAX_MESSAGE;

use crate::error::Result;
use crate::human;
use crate::place;
use crate::place::links::Wire;
use crate::speech::Speech;

/// An echo server and its clients, over one channel interface and any transport.
///
/// Without a command it runs the formal test: the numbers 0 to 255 to an echo server and back.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Examples:
  echo-demo                             the formal test, in memory
  echo-demo --as messages               the same, and messages of many sizes
  echo-demo client                      type lines and get them back
  cat file | echo-demo client | cmp - file
  echo-demo test --transport tcp --spawn
                                        over TCP, the server in a second process
  echo-demo serve --transport shm       for other processes of this machine, through shared
  echo-demo client --transport shm      memory (Linux); in another terminal
  echo-demo list                        who is there
  echo-demo test --transport serial --baud 115200 --damage 1/10000
                                        over a slow and bad serial line, made for the test
  echo-demo line                        such a line for two terminals
  echo-demo serve --transport usb       a USB device that serves (Linux with a device controller)
  echo-demo --transport usb             its host: finds the device, and runs the formal test
  echo-demo client -e 'pipe://?run=ssh%20box%20echo-demo%20serve%20-e%20pipe://'
                                        through ssh; the server is started there
  echo-demo load --transport mem,tcp --clients 200 --bytes 1MiB
  echo-demo bench --size 64,16KiB --seconds 2 --json
  echo-demo serve --endpoint tcp://127.0.0.1:7000/echo --endpoint 'tcp+plain://127.0.0.1:7001'
  echo-demo client --endpoint tcp://127.0.0.1:7000/echo
  echo hello | nc -N 127.0.0.1 7001     any program, at a plain endpoint

Exit status: 0 passed, 2 the command line could not be parsed, 1 everything else.";

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Common {
    /// Where the server is reached [default: mem://echo]
    ///
    /// Written SCHEME://AUTHORITY/BROKER?OPTIONS, as in tcp://127.0.0.1:7000/echo; tcp+plain:// is a
    /// bare stream that any program can speak; shm://NAME is shared memory, between processes of one
    /// machine; serial:///dev/ttyUSB0?baud=115200 is this end of a serial line; usb:// is any USB device that serves,
    /// usb://VID:PID?serial=NUMBER this one, and usb-gadget://NAME makes this machine a device; pipe:// is, for
    /// `serve`, standard input and output, and 'pipe://?run=COMMAND' those of a command that serves so. In memory (mem://NAME), and at
    /// a network port 0, which means any free one, nobody else can be: there a client brings its own server.
    /// `serve` and `load` take several.
    #[arg(
        long = "endpoint",
        short,
        global = true,
        value_name = "ENDPOINT",
        conflicts_with = "transports"
    )]
    pub endpoints: Vec<Endpoint>,

    /// Only what to talk over: mem, shm, serial, pipe (these three: Linux), usb, tcp, tls, tcp+plain, tls+plain
    ///
    /// `test`, `load` and `bench` bring their own server and meet it at any free place. `serve` and
    /// `client` meet at the usual one: shm://echo, tcp://127.0.0.1:7000/echo,
    /// tcp+plain://127.0.0.1:7001, tls://127.0.0.1:7002/echo, tls+plain://127.0.0.1:7003. For tls see `certs`.
    ///
    /// serial is a line that the command makes itself, of two pseudo-terminals; --baud and --damage make it slow and
    /// bad. pipe is a pair of pipes; with --spawn, and for `serve`, the server's standard input and output. `client`
    /// brings its own server there.
    ///
    /// usb is, for `serve`, a gadget: this machine as a device. All others look for a device that serves; if there is
    /// none, and this machine has a device controller (wired to one of its own ports), `test`, `load` and `bench` are
    /// both.
    #[arg(
        long = "transport",
        short,
        global = true,
        value_name = "SCHEME",
        value_delimiter = ',',
        value_parser = place::transports::parse
    )]
    pub transports: Vec<Endpoint>,

    /// With --transport serial, and for `line`: how fast the line is [default: as fast as the system]
    #[arg(long, global = true, value_name = "BAUD")]
    pub baud: Option<NonZeroU32>,

    /// With --transport serial, and for `line`: damage one byte in N, as in 1/10000
    #[arg(long, global = true, value_name = "1/N", value_parser = values::one_in)]
    pub damage: Option<NonZeroU32>,

    /// The port of the server's broker [default: 7]
    #[arg(long, short, global = true)]
    pub port: Option<u16>,

    /// Receive buffer of each side, rounded up to a power of two [default: 64KiB]
    #[arg(long, short, global = true, value_name = "BYTES", value_parser = human::parse_size)]
    pub capacity: Option<usize>,

    /// What goes over the channel; both sides should be given the same
    #[arg(long = "as", global = true, value_enum, default_value_t = As::Bytes, value_name = "WHAT")]
    pub what: As,

    /// The largest message that is sent or taken [default: 16MiB]
    #[arg(long, global = true, value_name = "BYTES", value_parser = values::max_message)]
    pub max_message: Option<usize>,

    /// How long to wait for the other side to be met: 5, 0.5s, 200ms
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = human::parse_time)]
    pub timeout: Duration,

    /// Print one JSON document and nothing else
    #[arg(long, global = true)]
    pub json: bool,
}

impl Common {
    /// What a line that is made for this run does to the bytes.
    pub fn wire(&self) -> Wire {
        Wire {
            baud: self.baud,
            damage: self.damage,
        }
    }

    /// What is to be spoken.
    pub fn speech(&self) -> Result<Speech> {
        let speech = match self.what {
            As::Bytes => Speech::Bytes,
            As::Messages => Speech::Messages {
                max: self.max_message.unwrap_or(DEFAULT_MAX_MESSAGE),
            },
        };
        speech.needs_messages("--max-message", self.max_message.is_some())?;
        Ok(speech)
    }
}

/// The two things that can go over a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// A stream of bytes, in no particular pieces
    Bytes,
    /// Whole messages: a 4-byte big-endian length before each
    Messages,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The formal test: 0 to 255 to the server and back, both sides disconnect (the default)
    Test(Test),
    /// Run an echo server for clients of other processes
    Serve(Serve),
    /// Send standard input to the server and print what comes back
    ///
    /// At a terminal: a line at a time, Ctrl-D ends it. In a pipe: exactly the same bytes. With
    /// --as messages each line, without its end, is a message. With --json what comes back is checked
    /// and not printed.
    Client,
    /// Many clients at once, every byte checked; of messages, their latencies too
    Load(Load),
    /// Measure round trips and throughput
    Bench(Bench),
    /// Who is there: the brokers of this user that listen in shared memory (Linux), and USB devices that serve
    ///
    /// Removes on the way what killed processes have left.
    List(List),
    /// USB devices that serve: list them, watch them come and go, and let users open them
    #[command(subcommand)]
    Usb(Usb),
    /// A serial line without hardware: two devices for two terminals (Linux)
    ///
    /// Prints their paths, and is the line between them until Ctrl-C. --baud and --damage make it slow and bad.
    Line(Line),
    /// Make certificates to try TLS with
    ///
    /// An authority, and a certificate each for server and client. Prints the commands to use them.
    Certs(Certs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    // shows E2
    #[test]
    fn common_options_stand_before_and_after_the_command() {
        let after = Cli::parse_from(["echo-demo", "test", "--port", "9", "--json"]).common;
        let before = Cli::parse_from(["echo-demo", "--port", "9", "--json", "test"]).common;
        assert_eq!((after.port, after.json), (Some(9), true));
        assert_eq!((before.port, before.json), (Some(9), true));
    }
}
