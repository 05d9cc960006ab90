//! Which brokers listen on this machine, and what dead ones have left.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use channel::transport::{Lingering, background};

use crate::connect::{Found, is_held, look, remove_dead};
use crate::directory::Directory;
use crate::error::DirectoryError;
use crate::name::Name;
use crate::peer::Peer;
use crate::place::Place;

/// Sockets that one sweep looks at: one takes some microseconds, and a sweep holds up others.
const MOST_SWEPT: usize = 1024;

/// How long to wait for the directory's lock. Who has it clears up as well, or is about to listen; and
/// nobody is to be held up for this.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long a process may take between closing its sockets and having ended: microseconds, and more on a busy
/// machine. Looked at in steps.
const ENDING: [Duration; 7] = [
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(500),
];

/// A broker that listens on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running {
    /// The name under which it listens: `shm://NAME` reaches a broker of that name, `shm://NAME/BROKER` one of
    /// another name that listens there.
    pub name: String,
    /// The process that listens; `None` if that lives in a namespace of its own, or is too busy to answer.
    pub pid: Option<u32>,
    /// That process's user.
    pub uid: u32,
}

/// The brokers of this user that listen now, sorted by their names. Sockets that dead processes have left
/// behind are removed on the way.
///
/// Connects to each of them, and leaves at once.
///
/// # Errors
/// What is wrong with the runtime directory ([`DirectoryError`](crate::DirectoryError) inside). One that
/// does not exist has no brokers.
pub fn list() -> io::Result<Vec<Running>> {
    Ok(running(&Place::of_user()?)?)
}

/// As [`list()`], in a runtime directory that is given to endpoints by `?dir=`.
///
/// # Errors
/// As [`list()`].
pub fn list_in(directory: impl AsRef<Path>) -> io::Result<Vec<Running>> {
    Ok(running(&Place::shared(
        directory.as_ref(),
        Default::default(),
    )?)?)
}

fn running(place: &Place) -> Result<Vec<Running>, DirectoryError> {
    let Some(directory) = Directory::find(place)? else {
        return Ok(Vec::new());
    };
    let mut names = directory.names()?;
    names.sort();
    let mut running = Vec::new();
    for name in names {
        running.extend(running_as(&directory, &name)?);
    }
    Ok(running)
}

fn running_as(directory: &Directory, name: &Name) -> Result<Option<Running>, DirectoryError> {
    let (pid, uid) = match look(directory, name) {
        Ok(Found::Alive(_, peer)) => (peer.pid(), peer.uid()),
        Ok(Found::Busy) => match directory.stat(name)? {
            Some(found) => (None, found.st_uid),
            None => return Ok(None),
        },
        Ok(Found::Dead) => {
            // Best effort: it is not running, whether the file is there or not.
            let _ = remove_dead(directory, name, PATIENCE);
            return Ok(None);
        }
        // What is not ours is no broker.
        Ok(Found::Nothing) | Err(DirectoryError::InTheWay { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(Running {
        name: name.to_string(),
        pid,
        uid,
    }))
}

/// Removes the sockets that a peer has left behind, if it has ended. It cannot do that itself if it was
/// killed, so whoever talked with it does.
///
/// To be called by all who find it dead: the first one does the work, once for each directory. Takes some
/// microseconds for each socket that is there, and waits for the directory's lock for some milliseconds at
/// most.
pub(crate) fn sweep_after(peer: &Peer, place: &Place) {
    if peer.process().is_some_and(|process| process.leaves(place)) {
        // Best effort: what is left is removed by whoever comes across it.
        let _ = sweep(place);
    }
}

/// As [`sweep_after`], of one whose sockets are closed: a process that is killed closes them a little before
/// it has ended. Never blocks; a program that [lingers](channel::linger) before it exits waits for it.
///
/// `lingering` was made before anybody could hear of the loss, and exit.
pub(crate) fn sweep_once_ended(peer: &Peer, place: &Place, lingering: Lingering) {
    let (peer, place) = (peer.clone(), place.clone());
    background::run(async move {
        for pause in ENDING {
            if !peer.is_alive() {
                break;
            }
            background::sleep_until(Instant::now().checked_add(pause)).await;
        }
        sweep_after(&peer, &place);
        drop(lingering);
    });
}

fn sweep(place: &Place) -> Result<(), DirectoryError> {
    let Some(directory) = Directory::find(place)? else {
        return Ok(());
    };
    let names = directory.names()?;
    for name in names.iter().take(MOST_SWEPT) {
        // It is looked at again under the lock, for which there is rarely a need.
        if matches!(is_held(&directory, name), Ok(false)) {
            remove_dead(&directory, name, PATIENCE)?;
        }
    }
    Ok(())
}
