//! Which directory, and for whom.

use std::path::{Path, PathBuf};

use crate::error::DirectoryError;

/// Names the runtime directory of a user's programs.
const OVERRIDE: &str = "CHANNEL_RUNTIME_DIR";

/// The users who may take part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Users {
    /// Besides this process's own.
    others: Vec<u32>,
}

impl Users {
    pub(crate) fn with(others: Vec<u32>) -> Users {
        Users { others }
    }

    pub(crate) fn allow(&self, uid: u32) -> bool {
        uid == own_uid() || self.others.contains(&uid)
    }

    pub(crate) fn are_others(&self) -> bool {
        !self.others.is_empty()
    }
}

/// The user in whose name this process acts.
pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A runtime directory that may or may not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// Who may own it, and whose processes are talked with.
    pub(crate) users: Users,
    /// Whether others may look into it. Nobody but its owner may ever write there.
    pub(crate) shared: bool,
}

impl Place {
    /// The runtime directory of this process's user: `$CHANNEL_RUNTIME_DIR`, else
    /// `$XDG_RUNTIME_DIR/channel-shm`, else `/tmp/channel-shm-UID`.
    pub(crate) fn of_user() -> Result<Place, DirectoryError> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(path) = set(OVERRIDE) {
            return Place::at(Path::new(&path));
        }
        let uid = own_uid();
        let path = match set("XDG_RUNTIME_DIR").map(PathBuf::from) {
            // Programs that were started by `sudo` may still have that of the user before.
            Some(path) if path.is_absolute() && is_owned_by(&path, uid) => path.join("channel-shm"),
            _ => format!("/tmp/channel-shm-{uid}").into(),
        };
        Place::at(&path)
    }

    /// A directory for this process's user alone.
    pub(crate) fn at(path: &Path) -> Result<Place, DirectoryError> {
        Ok(Place {
            path: absolute(path)?,
            users: Users::default(),
            shared: false,
        })
    }

    /// A directory that others may look into.
    pub(crate) fn shared(path: &Path, users: Users) -> Result<Place, DirectoryError> {
        Ok(Place {
            path: absolute(path)?,
            users,
            shared: true,
        })
    }
}

fn is_owned_by(path: &Path, uid: u32) -> bool {
    rustix::fs::stat(path).is_ok_and(|found| found.st_uid == uid)
}

/// Without a slash at its end, behind which a symbolic link would be followed.
fn absolute(path: &Path) -> Result<PathBuf, DirectoryError> {
    match path.is_absolute() {
        true => Ok(path.components().collect()),
        false => Err(DirectoryError::Relative { path: path.into() }),
    }
}
