//! `list`: who is there, on this machine.

use serde::Serialize;

use crate::args::List;
use crate::error::Result;
use crate::place::shared_memory::{self, Listening};
use crate::report::{Lines, Output};

#[derive(Serialize)]
struct Report {
    command: &'static str,
    brokers: Vec<Listening>,
}

pub fn run(args: &List, output: Output) -> Result<()> {
    let report = Report {
        command: "list",
        brokers: shared_memory::list(args.directory.as_deref())?,
    };
    output.result(&report, &text(&report.brokers))
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
