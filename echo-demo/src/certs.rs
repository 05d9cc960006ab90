//! `certs`: certificates to try TLS with, and the commands to use them.

use std::path::Path;

use channel::Endpoint;
use serde::Serialize;

use crate::args::Certs;
use crate::certificates::{Certificates, VALID_DAYS, Whose, with_files};
use crate::error::{Error, Result};
use crate::place::transports;
use crate::report::{Lines, Output};

#[derive(Serialize)]
struct Report<'a> {
    command: &'static str,
    directory: &'a Path,
    files: Vec<&'static str>,
    /// What the server's certificate is for.
    hosts: &'a [String],
    valid_days: u64,
    /// The endpoint, as each side is to be given it.
    server_endpoint: String,
    client_endpoint: String,
}

pub fn run(args: &Certs, output: Output) -> Result<()> {
    let at = endpoint(args)?;
    let side = |side| with_files(&at, &args.directory, side).map_err(Error::Endpoint);
    let (server, client) = (side(Whose::Server)?, side(Whose::Client)?);
    let made = Certificates::make(&args.hosts)?;
    made.write(&args.directory)?;
    let report = Report {
        command: "certs",
        directory: &args.directory,
        files: made.names(),
        hosts: &args.hosts,
        valid_days: VALID_DAYS,
        server_endpoint: server.to_string(),
        client_endpoint: client.to_string(),
    };
    output.result(&report, &text(&report))
}

/// Where the two sides are to meet: at the first of the server's names.
fn endpoint(args: &Certs) -> Result<Endpoint> {
    let usual = transports::secure();
    let Some(host) = args.hosts.first() else {
        return Ok(usual);
    };
    let port = usual.authority().rsplit(':').next().unwrap_or_default();
    let authority = match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    usual.with_authority(&authority).map_err(Error::Endpoint)
}

fn text(report: &Report<'_>) -> Lines {
    let mut lines = Lines::default();
    lines.line(format_args!(
        "In {}, for trials and for {} days: {}.",
        report.directory.display(),
        report.valid_days,
        report.files.join(", ")
    ));
    lines.line(format_args!(
        "The server's certificate is for {}. The authority's key was not kept.\n",
        report.hosts.join(", ")
    ));
    for (command, at) in [
        ("serve ", &report.server_endpoint),
        ("client", &report.client_endpoint),
    ] {
        lines.line(format_args!(
            "echo-demo {command} --endpoint {}",
            quoted(at)
        ));
    }
    lines
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    // shows E3
    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("tls://a?x=1&y"), "'tls://a?x=1&y'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
