//! The echo demo: an echo server and its clients over a channel, at any endpoint.
//!
//! Each command is a module of its own; what they share is below them: [`args`] is the command
//! line, [`place`] where server and client meet, [`speech`] what goes over their channels, [`server`] and
//! [`poll_server`] the echo server in its two styles, [`exchange`] a message there and back,
//! [`companion`] the server that a command brings along, [`report`] how results are printed. No module but
//! [`place`] asks which transport is in use.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod certificates;
mod certs;
mod client;
mod companion;
mod descriptors;
mod error;
mod exchange;
mod formal;
mod human;
#[cfg(target_os = "linux")]
mod interrupt;
mod latency;
mod line;
mod list;
mod load;
mod pattern;
mod place;
mod poll_server;
mod report;
mod serve;
mod server;
mod speech;
#[cfg(test)]
mod tests;
mod usb;

use std::process::ExitCode;
use std::time::Duration;

use args::{Cli, Command, Common};
use channel::Options;
use clap::Parser;
use error::{Error, Result};
use place::{Place, Role};
use report::Output;

fn main() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    let command = command.unwrap_or_else(|| Command::Test(args::Test::default()));
    let output = Output::new(common.json, place::links::takes_stdout(&common, &command));
    descriptors::allow_all();
    let ended = match run(&common, command, output) {
        // Whoever read our output has had enough, as with `| head`.
        Err(Error::ClosedStdout) => Ok(()),
        ended => ended,
    };
    // What goes on in the background would end with the process, and what was sent last with it.
    let ended = ended.and_then(|()| Ok(channel::linger(Options::new().linger())?));
    let status = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            // Not for long, since something is wrong with the other side or with this one.
            let _ = channel::linger(Duration::from_secs(2));
            ExitCode::FAILURE
        }
    };
    place::usb::close_gadgets();
    status
}

fn run(common: &Common, command: Command, output: Output) -> Result<()> {
    let place = |role| Place::new(common, role);
    match command {
        Command::Test(args) => {
            let place = place(Role::Both { spawn: args.spawn })?;
            formal::run(&place.with_one_endpoint("test")?, &args, output)
        }
        Command::Serve(args) => serve::run(&place(Role::Server)?, &args, output),
        Command::Client => {
            let place = place(Role::Client)?;
            client::run(&place.with_one_endpoint("client")?, output)
        }
        Command::Load(args) => {
            let place = place(Role::Both { spawn: args.spawn })?;
            load::run(&place, &args, output)
        }
        Command::Certs(args) => certs::run(&args, output),
        Command::List(args) => list::run(&args, output),
        Command::Usb(command) => usb::run(&command, output),
        Command::Line(args) => line::run(&args, common.wire(), output),
        Command::Bench(args) => {
            let place = place(Role::Both { spawn: args.spawn })?;
            bench::run(&place.with_one_endpoint("bench")?, &args, output)
        }
    }
}
