//! The server that a command brings along for its own clients: tasks of this process, or a second
//! process.

mod spawned;

use std::sync::{Arc, Mutex};

use channel::Endpoint;
use spawned::Spawned;

use crate::args::Style;
use crate::certificates::{Certificates, Whose};
use crate::error::Result;
use crate::place::{Place, ServerRuns};
use crate::report::Output;
use crate::server::{EchoServer, Served};

/// A server that runs until [`stop`](Companion::stop).
pub enum Companion {
    Here {
        server: EchoServer,
        served: Arc<Mutex<Vec<Served>>>,
    },
    Spawned(Spawned),
}

impl Companion {
    /// Starts the server, if it is not elsewhere, and tells the place where clients find it.
    pub fn start(
        place: &Place,
        style: Style,
        output: Output,
    ) -> Result<(Place, Option<Companion>)> {
        if place.server == ServerRuns::Elsewhere {
            place.notes().iter().for_each(|note| output.note(note));
            return Ok((place.clone(), None));
        }
        // Made for this run, where they are needed and not given.
        let certificates = match place.lacks_certificates() {
            true => Some(Certificates::make(&place.hosts())?),
            false => None,
        };
        let (server, bound) = match (place.server, &certificates) {
            (ServerRuns::Spawned, None) => spawned(place, style)?,
            (ServerRuns::Spawned, Some(made)) => {
                // The second process has read them when it listens; then they are removed.
                let files = made.write_for_a_while()?;
                spawned(&place.with_files(files.path(), Whose::Server)?, style)?
            }
            (_, made) => {
                place.show(made.as_ref(), Whose::Server);
                let (broker, bound) = place.server()?;
                let served = Arc::new(Mutex::new(Vec::new()));
                let observer = {
                    let served = served.clone();
                    Arc::new(move |one| served.lock().expect("nobody panics with it").push(one))
                };
                let server = EchoServer::start(broker, place.port, place.speech, style, observer)?;
                (Companion::Here { server, served }, bound)
            }
        };
        let place = place.found(&bound)?;
        place.show(certificates.as_ref(), Whose::Client);
        Ok((place, Some(server)))
    }

    /// Accepts no more, waits until every channel has ended, and tells what became of each.
    pub fn stop(self) -> Result<Vec<Served>> {
        match self {
            Companion::Here { server, served } => {
                server.stop()?;
                Ok(std::mem::take(
                    &mut *served.lock().expect("nobody panics with it"),
                ))
            }
            Companion::Spawned(spawned) => spawned.stop(),
        }
    }
}

fn spawned(place: &Place, style: Style) -> Result<(Companion, Vec<Endpoint>)> {
    let (spawned, bound) = Spawned::start(place, style)?;
    Ok((Companion::Spawned(spawned), bound))
}
