//! Brokers of other processes of this machine, by their names.

use channel::transport::BoxFuture;
use channel::{Endpoint, ResolveError, Resolver};

use crate::connect::is_held;
use crate::directory::Directory;
use crate::error::DirectoryError;
use crate::name::Name;
use crate::place::Place;

/// The scheme.
pub(crate) const SCHEME: &str = "shm";

/// Knows the brokers that listen at `shm:` in this user's runtime directory.
///
/// It knows nothing of those that were killed, and bothers nobody with the question. A runtime directory
/// that cannot be used is an error, which says what to do about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl ThisMachine {
    fn find(broker: &str) -> Result<Vec<Endpoint>, DirectoryError> {
        let Ok(name) = Name::new(broker) else {
            return Ok(Vec::new());
        };
        match Directory::find(&Place::of_user()?)? {
            Some(directory) if is_held(&directory, &name)? => {
                Ok(Endpoint::new(SCHEME, broker).into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

impl Resolver for ThisMachine {
    fn name(&self) -> &str {
        "this machine"
    }

    fn resolve<'a>(
        &'a self,
        broker: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>> {
        let found = ThisMachine::find(broker).map_err(|error| ResolveError {
            resolver: self.name().to_owned(),
            reason: error.to_string(),
        });
        Box::pin(std::future::ready(found))
    }
}
