//! `line`: a serial line without hardware, for as long as this program runs.

use crate::args::Line;
use crate::error::Result;
use crate::place::links::Wire;
use crate::report::Output;

#[cfg(target_os = "linux")]
pub fn run(args: &Line, wire: Wire, output: Output) -> Result<()> {
    linux::run(args, wire, output)
}

#[cfg(not(target_os = "linux"))]
pub fn run(_: &Line, _: Wire, _: Output) -> Result<()> {
    Err(crate::error::Error::Link(std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        "lines without hardware are for Linux alone",
    )))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;
    use std::{fs, io, thread};

    use serde::Serialize;
    use transport_serial::line::End;

    use crate::args::Line;
    use crate::error::{Error, Result};
    use crate::interrupt;
    use crate::place::links::{SERIAL, Wire, line};
    use crate::place::transports;
    use crate::report::{Lines, Output};

    #[derive(Serialize)]
    struct Report {
        command: &'static str,
        #[serde(flatten)]
        wire: Wire,
        devices: [String; 2],
        /// What a server is given, and what its clients are.
        endpoints: [String; 2],
    }

    pub fn run(args: &Line, wire: Wire, output: Output) -> Result<()> {
        let directory = args.directory.as_ref().map(Directory::make).transpose()?;
        let path = directory.as_ref().map(|directory| &*directory.path);
        let transport = transports::parse(SERIAL).expect("a constant");
        let (line, endpoints) = line(&transport, wire, path)?;
        if let Some(made) = directory.as_ref().filter(|directory| directory.made) {
            interrupt::remove([&*made.path]);
        }
        let report = Report {
            command: "line",
            wire,
            devices: [End::A, End::B].map(|end| line.path(end).display().to_string()),
            endpoints: endpoints.map(|at| at.to_string()),
        };
        output.result(&report, &text(&report))?;
        if args.until_eof {
            // An input that cannot be read has ended as well.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        } else {
            loop {
                thread::park();
            }
        }
        drop(line);
        // Now that nothing is in it.
        drop(directory);
        Ok(())
    }

    fn text(report: &Report) -> Lines {
        let mut lines = Lines::titled(format_args!("A serial line, {}", report.wire));
        let [a, b] = &report.devices;
        lines.item("one end", a);
        lines.item("the other", b);
        let [server, clients] = &report.endpoints;
        lines.line("\nAny program can open them. With this one, in two other terminals:\n");
        lines.line(format_args!("  echo-demo serve  --endpoint '{server}'"));
        lines.line(format_args!("  echo-demo client --endpoint '{clients}'"));
        lines.line("\nCtrl-C ends it");
        lines
    }

    struct Directory {
        /// Absolute.
        path: PathBuf,
        /// By this program, which removes it again.
        made: bool,
    }

    impl Directory {
        fn make(path: &PathBuf) -> Result<Directory> {
            let made = fs::create_dir(path);
            match path.canonicalize() {
                Ok(path) if path.is_dir() => Ok(Directory {
                    path,
                    made: made.is_ok(),
                }),
                other => Err(Error::Write {
                    path: path.to_owned(),
                    error: made.err().or(other.err()).expect("one of them"),
                }),
            }
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            if self.made {
                // Unless something else is in it.
                let _ = fs::remove_dir(&self.path);
            }
        }
    }
}
