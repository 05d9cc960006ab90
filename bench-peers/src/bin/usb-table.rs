//! Channels over USB beside a bare loop, in a virtual machine that has a bus: prints the table `usb-table` of
//! `BENCHMARKS.md`.
//!
//! It starts itself there, by `lab/run`, and should be linked statically.

use bench_peers::machine::NeighbourWatch;
use bench_peers::measure::alone;
use bench_peers::report::Options;
use bench_peers::usb::{Found, GADGET, INSIDE, SPEEDS, Speed, measure, obey, tables};
use clap::Parser;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio, exit};

/// The machine is ended after so many seconds.
const LIMIT: &str = "1800";

fn main() -> std::io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(GADGET) => obey(),
        Some(INSIDE) => {
            let speed = arguments.remove(2);
            arguments.remove(1);
            measure(&Options::parse_from(arguments), &speed);
        }
        _ => outside(&arguments[1..])?,
    }
    Ok(())
}

/// On the machine itself: measures at each speed, one after the other.
fn outside(arguments: &[String]) -> std::io::Result<()> {
    let options = Options::parse();
    let _alone = alone();
    let watch = NeighbourWatch::start();
    let mut all = Vec::new();
    for speed in SPEEDS {
        all.push(in_machine(speed, arguments)?);
    }
    let neighbours = watch.stop();
    let (text, value) = tables(&all, &options, neighbours);
    options.publish(&text, &value)
}

/// Runs this program in a machine whose bus has that speed.
fn in_machine(speed: Speed, arguments: &[String]) -> std::io::Result<Found> {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/run");
    let mut command = Command::new(lab);
    command.args([
        "--speed",
        speed.name,
        "--virtual-time",
        "--buses",
        "3",
        "--time",
        LIMIT,
        "--",
    ]);
    command.arg(std::env::current_exe()?);
    command.args([INSIDE, speed.name]).args(inside(arguments));
    let mut machine = command.stdout(Stdio::piped()).spawn()?;
    let mut printed = String::new();
    for line in BufReader::new(machine.stdout.take().expect("a pipe")).lines() {
        printed += &(line?.trim_end_matches('\r').to_owned() + "\n");
    }
    let ended = machine.wait()?;
    match Found::parse(speed, &printed) {
        Some(found) if ended.success() => Ok(found),
        _ => {
            eprint!("{printed}");
            eprintln!(
                "usb-table: nothing was measured at {} speed ({ended})",
                speed.name
            );
            exit(1);
        }
    }
}

/// The arguments that go inside: those that name no file.
fn inside(arguments: &[String]) -> Vec<&String> {
    let mut rest = arguments.iter();
    let mut inside = Vec::new();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--json" | "--markdown" => drop(rest.next()),
            _ => inside.push(argument),
        }
    }
    inside
}
