//! The server that a command brings along for its own clients: tasks of this process, or a second
//! process.

mod spawned;

use std::sync::{Arc, Mutex};

use spawned::Spawned;

use crate::args::Style;
use crate::certificates::{Certificates, Whose};
use crate::error::Result;
use crate::place::{Place, ServerRuns};
use crate::server::{EchoServer, Served};

/// A server that runs until [`stop`](Companion::stop).
pub struct Companion {
    server: Server,
    /// Made for this run, where they are needed and not given.
    #[expect(dead_code, reason = "they are removed when it is dropped")]
    certificates: Option<Certificates>,
}

enum Server {
    Here {
        server: EchoServer,
        served: Arc<Mutex<Vec<Served>>>,
    },
    Spawned(Spawned),
}

impl Companion {
    /// Starts the server, if it is not elsewhere, and tells the place where clients find it.
    pub fn start(place: &Place, style: Style) -> Result<(Place, Option<Companion>)> {
        if place.server == ServerRuns::Elsewhere {
            return Ok((place.clone(), None));
        }
        let certificates = place
            .lacks_certificates()
            .then(|| Certificates::throw_away(&place.hosts()))
            .transpose()?;
        let ours = place.secured(certificates.as_ref(), Whose::Server)?;
        let (server, bound) = match place.server {
            ServerRuns::Spawned => {
                let (spawned, bound) = Spawned::start(&ours, style)?;
                (Server::Spawned(spawned), bound)
            }
            _ => {
                let (broker, bound) = ours.server()?;
                let served = Arc::new(Mutex::new(Vec::new()));
                let observer = {
                    let served = served.clone();
                    Arc::new(move |one| served.lock().expect("nobody panics with it").push(one))
                };
                let server = EchoServer::start(broker, place.port, place.speech, style, observer)?;
                (Server::Here { server, served }, bound)
            }
        };
        let place = place.found(&bound)?;
        let place = place.secured(certificates.as_ref(), Whose::Client)?;
        let companion = Companion {
            server,
            certificates,
        };
        Ok((place, Some(companion)))
    }

    /// Accepts no more, waits until every channel has ended, and tells what became of each.
    pub fn stop(self) -> Result<Vec<Served>> {
        match self.server {
            Server::Here { server, served } => {
                server.stop()?;
                Ok(std::mem::take(
                    &mut *served.lock().expect("nobody panics with it"),
                ))
            }
            Server::Spawned(spawned) => spawned.stop(),
        }
    }
}
