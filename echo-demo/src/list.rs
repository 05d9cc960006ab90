//! `list`: who is there, on this machine.

use serde::Serialize;

use crate::args::List;
use crate::error::Result;
use crate::place::shared_memory::{self, Listening};
use crate::place::usb::{self, Device};
use crate::report::{Lines, Output};

#[derive(Serialize)]
struct Report {
    command: &'static str,
    brokers: Vec<Listening>,
    /// USB devices that serve; null where nobody can tell, or a directory was asked for.
    devices: Option<Vec<Device>>,
}

pub fn run(args: &List, output: Output) -> Result<()> {
    let devices = match args.directory {
        None => usb::devices().ok(),
        Some(_) => None,
    };
    let report = Report {
        command: "list",
        brokers: shared_memory::list(args.directory.as_deref())?,
        devices,
    };
    let devices = report.devices.as_deref().unwrap_or_default();
    let text = match (&*report.brokers, devices) {
        ([], [_, ..]) => crate::usb::text(devices),
        (brokers, []) => text(brokers),
        (brokers, _) => {
            let mut lines = text(brokers);
            lines.line("");
            lines.all(crate::usb::text(devices));
            lines
        }
    };
    output.result(&report, &text)
}

fn text(brokers: &[Listening]) -> Lines {
    if brokers.is_empty() {
        let mut lines = Lines::default();
        lines.line("nobody listens; `echo-demo serve --transport shm` would");
        return lines;
    }
    let mut lines = Lines::titled("Listening in shared memory");
    for one in brokers {
        let process = match one.pid {
            Some(pid) => format!("process {pid}"),
            None => "a process of another container, or a busy one".into(),
        };
        lines.line(format_args!(
            "  {}  {process}, user {}",
            one.endpoint, one.uid
        ));
    }
    lines
}
