//! Links that this program makes itself, both ends of them: for a server and its clients where nobody
//! gives it a link.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use channel::{Domain, Endpoint};
use transport_serial::line::{End, Line, LineConfig};
use transport_serial::transport_link::Hold;
use transport_serial::{Pipe, Serial};

use super::super::transports::NAME;
use super::{Crossed, PIPE, SERIAL, Wire};
use crate::error::{Error, Result};
use crate::interrupt;

pub use transport_serial::wait_for_stdin_end as wait_for_stdio_end;

/// What a line is said to be that is as fast as the system: the most that can be said.
const FASTEST: &str = "12000000";

/// The transports over links, and the links of this program.
#[derive(Debug, Default)]
pub struct Links {
    serial: Serial,
    pipe: Pipe,
    own: Mutex<Vec<Own>>,
}

/// Keeps a link open.
pub type Held = Hold;

/// A link with both ends here.
#[derive(Debug)]
struct Own {
    server: Endpoint,
    clients: Endpoint,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Line(Line, Wire),
    /// A pair of pipes cannot be opened a second time: both ends are kept open.
    Pipes {
        _held: [Option<Hold>; 2],
    },
}

impl Links {
    /// From now on the domain reaches, and is reached by, the other ends of links.
    pub fn add_to(&self, domain: &Domain) {
        domain.add(self.serial.clone());
        domain.add(self.pipe.clone());
    }

    /// Makes a link for a transport that is about links. Tells where the server listens.
    pub fn lay(&self, transport: &Endpoint, wire: Wire) -> Result<Option<Endpoint>> {
        let own = match transport.scheme() {
            SERIAL => lay_line(transport, wire)?,
            PIPE => self.lay_pipes(transport)?,
            _ => return Ok(None),
        };
        let server = own.server.clone();
        self.own().push(own);
        Ok(Some(server))
    }

    fn lay_pipes(&self, transport: &Endpoint) -> Result<Own> {
        let number = self.own().len();
        let at = |end: &str| {
            let name = match number {
                0 => end.to_owned(),
                _ => format!("{end}-{number}"),
            };
            let at = transport.clone().with_authority(&name)?;
            match at.is_plain() {
                true => Ok(at),
                false => at.with_broker(NAME),
            }
        };
        let server = at("server").map_err(Error::Endpoint)?;
        let clients = at("pair").map_err(Error::Endpoint)?;
        let held = (|| {
            let ((near_in, far_out), (far_in, near_out)) = (io::pipe()?, io::pipe()?);
            let near = self.give(&server, near_in, near_out)?;
            let far = self.give(&clients, far_in, far_out)?;
            io::Result::Ok([near, far])
        })();
        let _held = held.map_err(Error::Link)?;
        Ok(Own {
            server,
            clients,
            kind: Kind::Pipes { _held },
        })
    }

    /// Gives the transport a pipe for this endpoint.
    fn give(
        &self,
        at: &Endpoint,
        read: impl Into<OwnedFd>,
        write: impl Into<OwnedFd>,
    ) -> io::Result<Option<Hold>> {
        let pipe = self.pipe.clone();
        let pipe = pipe.with_descriptors(at.authority(), read, write)?;
        // A bare one is the first channel's, and ends with it.
        match at.is_plain() {
            true => Ok(None),
            false => pipe.hold(at).map(Some).map_err(io::Error::other),
        }
    }

    /// Where clients reach a server that listens at this end of a link of ours.
    pub fn across(&self, server: &Endpoint) -> Option<Endpoint> {
        let own = self.own();
        let link = own.iter().find(|link| link.server == *server)?;
        Some(link.clients.clone())
    }

    /// Takes the standard input and output of a second process as a link. Tells where its other end is reached, for as
    /// long as it is held.
    pub fn attach(
        &self,
        transport: &Endpoint,
        read: impl Into<OwnedFd>,
        write: impl Into<OwnedFd>,
    ) -> Result<(Endpoint, Option<Held>)> {
        let at = transport.clone().with_authority("second-process");
        let at = at.map_err(Error::Endpoint)?;
        let held = self.give(&at, read, write).map_err(Error::Link)?;
        Ok((at, held))
    }

    /// Whether there is a line of ours, to which `--baud` and `--damage` apply.
    pub fn has_line(&self) -> bool {
        self.crossed().is_some()
    }

    /// What has crossed the first line of ours.
    pub fn crossed(&self) -> Option<Crossed> {
        let own = self.own();
        own.iter().find_map(|link| match &link.kind {
            Kind::Line(line, wire) => {
                let [a, b] = [End::A, End::B].map(|end| line.traffic(end));
                Some(Crossed {
                    wire: *wire,
                    bytes: a.bytes + b.bytes,
                    damaged: a.damaged + b.damaged,
                })
            }
            Kind::Pipes { .. } => None,
        })
    }

    fn own(&self) -> MutexGuard<'_, Vec<Own>> {
        self.own.lock().expect("nobody panics with it")
    }
}

fn lay_line(transport: &Endpoint, wire: Wire) -> Result<Own> {
    let (line, ends) = line(transport, wire, None)?;
    let [server, clients] = ends.map(|at| match at.is_plain() {
        true => at,
        false => at.with_option("broker", NAME).expect("it is short"),
    });
    Ok(Own {
        server,
        clients,
        kind: Kind::Line(line, wire),
    })
}

/// Makes a line. Tells the endpoints of its two ends.
pub fn line(
    transport: &Endpoint,
    wire: Wire,
    directory: Option<&Path>,
) -> Result<(Line, [Endpoint; 2])> {
    let line = Line::open(LineConfig {
        baud: wire.baud,
        damage: wire.damage,
        directory: directory.map(Path::to_owned),
        ..LineConfig::default()
    });
    let line = line.map_err(Error::Link)?;
    let paths = [End::A, End::B].map(|end| line.path(end));
    interrupt::remove(paths);
    if directory.is_none() {
        // It was made for the line alone.
        interrupt::remove(paths[0].parent());
    }
    let baud = wire.baud.map(|baud| baud.to_string());
    let baud = baud.as_deref().unwrap_or(FASTEST);
    let at = |path: &Path| {
        let path = path.to_string_lossy();
        let at = transport.clone().with_authority("");
        let at = at.and_then(|at| at.with_broker(path.trim_start_matches('/')));
        at.and_then(|at| at.with_option("baud", baud))
            .map_err(Error::Endpoint)
    };
    let ends = [at(paths[0])?, at(paths[1])?];
    Ok((line, ends))
}
