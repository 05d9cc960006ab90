//! The server that a command brings along for its own clients: tasks of this process, or a second
//! process.

mod spawned;

use std::sync::{Arc, Mutex};

use spawned::Spawned;

use crate::args::Style;
use crate::error::Result;
use crate::place::{Place, ServerRuns};
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
    pub fn start(place: &Place, style: Style) -> Result<(Place, Option<Companion>)> {
        let (companion, endpoints) = match place.server {
            ServerRuns::Elsewhere => return Ok((place.clone(), None)),
            ServerRuns::Here => {
                let (broker, endpoints) = place.server()?;
                let served = Arc::new(Mutex::new(Vec::new()));
                let observer = {
                    let served = served.clone();
                    Arc::new(move |one| served.lock().expect("nobody panics with it").push(one))
                };
                let server = EchoServer::start(broker, place.port, place.speech, style, observer)?;
                (Companion::Here { server, served }, endpoints)
            }
            ServerRuns::Spawned => {
                let (spawned, endpoints) = Spawned::start(place, style)?;
                (Companion::Spawned(spawned), endpoints)
            }
        };
        let place = Place {
            endpoints,
            ..place.clone()
        };
        Ok((place, Some(companion)))
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
