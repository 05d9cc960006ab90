//! Which devices have a driver, and who uses them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};
use std::thread;

use link_mux::Session;
use parking_lot::Mutex;

use crate::engine::Engine;
use crate::muxed::Muxed;
use crate::place::{Place, PlaceError, Settings};
use crate::plain::Plain;
use crate::shared::Shared;

/// A link that is opened anew when nothing comes of it is given so many times the interval of its keep-alive: as long
/// as a session takes to miss its other end.
const UNANSWERED: u32 = 5;

/// The drivers of a transport, by the keys of their devices.
#[derive(Default)]
pub(crate) struct Registry(Mutex<HashMap<String, Row>>);

struct Row {
    shared: Arc<Shared>,
    settings: Settings,
    plain: bool,
}

impl Registry {
    /// The driver of a place, which is started if there is none.
    pub(crate) fn enter(self: &Arc<Self>, place: Place, plain: bool) -> Result<Use, PlaceError> {
        let Place {
            key,
            settings,
            device,
        } = place;
        let mut rows = self.0.lock();
        let shared = match rows.entry(key) {
            Entry::Occupied(row) => {
                let row = row.get();
                fits(row, &settings, plain)?;
                // A device that could not be opened is tried once more.
                let mut desk = row.shared.desk();
                desk.tried.take_if(|tried| tried.is_err());
                // Under the registry's lock: a driver that nobody uses may end at any time.
                desk.enter();
                row.shared.clone()
            }
            Entry::Vacant(vacant) => {
                let shared = Shared::new(vacant.key());
                let mut desk = shared.desk();
                desk.lingers = device.lingers();
                // Before it starts: its first look would be for nobody.
                desk.enter();
                drop(desk);
                let seat = Seat {
                    registry: Arc::downgrade(self),
                    shared: shared.clone(),
                };
                if plain {
                    let load = Plain::new(shared.clone());
                    start(Engine::new(seat, device, load, settings.chunk))?;
                } else {
                    let least = settings.mux.max_frame as usize;
                    let session =
                        Session::new(settings.mux.clone(), settings.noise.clone(), seed()?)
                            .map_err(|error| PlaceError::Unsupported(error.to_string()))?;
                    let patience = settings.mux.keep_alive.filter(|_| settings.reopen);
                    let patience = patience.map(|interval| interval * UNANSWERED);
                    let load = Muxed::new(shared.clone(), session, patience);
                    start(Engine::new(seat, device, load, settings.chunk.max(least)))?;
                }
                vacant.insert(Row {
                    shared: shared.clone(),
                    settings,
                    plain,
                });
                shared
            }
        };
        Ok(Use(shared))
    }
}

fn fits(row: &Row, settings: &Settings, plain: bool) -> Result<(), PlaceError> {
    let what = if row.plain != plain {
        let mode = |plain| {
            if plain {
                "in plain mode"
            } else {
                "with many channels"
            }
        };
        format!(
            "the device is in use {}, so it cannot be used {}",
            mode(row.plain),
            mode(plain)
        )
    } else if row.settings != *settings {
        let line = |settings: &Settings| match settings.line.as_str() {
            "" => String::new(),
            line => format!(" ({line})"),
        };
        format!(
            "the device is in use with other settings{}: ask for the same, not for others{}",
            line(&row.settings),
            line(settings)
        )
    } else {
        return Ok(());
    };
    Err(PlaceError::Unsupported(what))
}

/// From the system's random numbers: two ends, or two runs, that had the same would take each other's sessions
/// for their own.
fn seed() -> Result<u64, PlaceError> {
    let seed = getrandom::u64();
    seed.map_err(|error| PlaceError::Io(Arc::new(std::io::Error::other(error))))
}

fn start<L: crate::load::Load + Send + 'static>(engine: Engine<L>) -> Result<(), PlaceError> {
    let thread = thread::Builder::new().name("link".into());
    thread.spawn(move || engine.run())?;
    Ok(())
}

/// A driver's place in the registry.
pub(crate) struct Seat {
    registry: Weak<Registry>,
    pub(crate) shared: Arc<Shared>,
}

impl Seat {
    /// Gives the place up, if nobody uses the driver: then nobody finds it any more.
    pub(crate) fn leave(&self) -> bool {
        let registry = self.registry.upgrade();
        let rows = registry.as_ref().map(|registry| registry.0.lock());
        if self.shared.desk().users > 0 {
            return false;
        }
        if let Some(mut rows) = rows {
            rows.retain(|_, row| !Arc::ptr_eq(&row.shared, &self.shared));
        }
        true
    }
}

/// Somebody uses a driver: dials, listens, or holds its link.
pub(crate) struct Use(pub(crate) Arc<Shared>);

impl std::fmt::Debug for Use {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Use").field(&self.0.name).finish()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.desk().leave();
        self.0.bell.ring();
    }
}
