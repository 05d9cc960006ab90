//! What each command takes of its own.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::values;
use crate::human;

#[derive(Debug, Args)]
pub struct Test {
    /// How its own server is written
    #[arg(long, value_enum, default_value_t = Style::Blocking)]
    pub server: Style,

    /// Start a second process as the server, and end it afterwards
    #[arg(long)]
    pub spawn: bool,
}

impl Default for Test {
    fn default() -> Test {
        Test {
            server: Style::Blocking,
            spawn: false,
        }
    }
}

#[derive(Debug, Args)]
pub struct Serve {
    /// How the server is written
    #[arg(long, value_enum, default_value_t = Style::Poller)]
    pub server: Style,

    /// End after this many channels, instead of never
    #[arg(long, value_name = "CHANNELS", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// End when standard input does, and the last channel has
    #[arg(long)]
    pub until_eof: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// The runtime directory, as in ?dir= of an endpoint [default: this user's]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Usb {
    /// The devices that serve: their endpoints and serial numbers
    List,
    /// Tell when a device that serves comes, and when it goes
    Watch {
        /// End after this many events, instead of never
        #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
        count: Option<u64>,
    },
    /// Print the udev rule that lets users open devices (Linux)
    Rule {
        /// The device's vendor and product, as in 1d6b:0104 [default: every device that serves]
        #[arg(value_name = "VID:PID", value_parser = values::usb_id)]
        device: Option<(u16, u16)>,
    },
}

#[derive(Debug, Args)]
pub struct Line {
    /// Where the devices, `a` and `b`, are made [default: in a new directory]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// End when standard input does
    #[arg(long)]
    pub until_eof: bool,
}

#[derive(Debug, Args)]
pub struct Certs {
    /// Where ca.pem, server.pem, server.key, client.pem and client.key are written
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,

    /// The host names and addresses of the server; give it again or separate by commas
    #[arg(
        long = "host",
        value_name = "HOST",
        value_delimiter = ',',
        default_value = "127.0.0.1,localhost,::1"
    )]
    pub hosts: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Load {
    /// How many clients, all connected at the same time
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,

    /// How much each of them sends and gets back [default: 1MiB; over a slow line, less]
    #[arg(long, short, value_name = "BYTES", value_parser = human::parse_size)]
    pub bytes: Option<usize>,

    /// With --as messages: how large each message is; the last one is the rest [default: 1KiB]
    #[arg(long = "size", short, value_name = "BYTES", value_parser = values::some_size)]
    pub size: Option<usize>,

    /// Each client's bytes follow from this and the client's number
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// How its own server is written
    #[arg(long, value_enum, default_value_t = Style::Poller)]
    pub server: Style,

    /// Start a second process as the server, and end it afterwards
    #[arg(long)]
    pub spawn: bool,
}

#[derive(Debug, Args)]
pub struct Bench {
    /// Bytes per round trip, and per write or message; give it again or separate by commas [default:
    /// 1,64,1024,16KiB,64KiB; over a slow line, the smaller ones]
    #[arg(
        long = "size",
        short,
        value_name = "BYTES",
        value_delimiter = ',',
        value_parser = values::bench_size
    )]
    pub sizes: Vec<usize>,

    /// Time per size: half for round trips, half for throughput
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::bench_time)]
    pub seconds: Duration,

    /// With --as messages: send many small ones together when throughput is measured
    #[arg(long)]
    pub batch: bool,

    /// How its own server is written
    #[arg(long, value_enum, default_value_t = Style::Blocking)]
    pub server: Style,

    /// Start a second process as the server, and end it afterwards
    #[arg(long)]
    pub spawn: bool,
}

/// The two styles of server; what goes over the channel is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// One task per channel; its calls block
    Blocking,
    /// Two tasks for all channels, each waiting at a poller
    Poller,
}

impl std::fmt::Display for Style {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Style::Blocking => "one task per channel",
            Style::Poller => "two tasks with pollers",
        })
    }
}
