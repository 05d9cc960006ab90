//! The echo demo: an echo server and its clients over a channel, at any endpoint.
//!
//! Each command is a module of its own; what they share is below them: [`args`] is the command
//! line, [`place`] where server and client meet, [`speech`] what goes over their channels, [`server`] and
//! [`poll_server`] the echo server in its two styles, [`exchange`] a message there and back,
//! [`report`] how results are printed. No module but [`place`] asks which transport is in use.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod client;
mod error;
mod exchange;
mod formal;
mod human;
mod latency;
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

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;
use error::Error;
use place::Place;
use report::Output;

fn main() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    let output = Output::new(common.json);
    let command = command.unwrap_or(Command::Test);
    let run = || match (command, Place::new(&common)?) {
        (Command::Test, place) => formal::run(&place, output),
        (Command::Serve(args), place) => serve::run(&place, &args, output),
        (Command::Client, place) => client::run(&place, output),
        (Command::Load(args), place) => load::run(&place, &args, output),
        (Command::Bench(args), place) => bench::run(&place, &args, output),
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has had enough, as with `| head`.
        Err(Error::ClosedStdout) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}
