//! The transport itself.

use std::sync::Arc;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options, Resolver};

use crate::dial::dial;
use crate::listener::ShmListener;
use crate::resolver::{SCHEME, ThisMachine};

/// The transport `shm:`, to be added to a [`Domain`](channel::Domain). See the crate's documentation.
///
/// It holds no state: any number of them, in any number of domains and processes, reach each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shm(());

impl Shm {
    /// Connections through shared memory.
    pub fn new() -> Shm {
        Shm(())
    }
}

impl Transport for Shm {
    fn schemes(&self) -> &[&str] {
        &[SCHEME]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(dial(to, options))
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Ok(Box::new(ShmListener::start(at, options)?))
    }

    fn resolver(&self) -> Option<Arc<dyn Resolver>> {
        Some(Arc::new(ThisMachine))
    }

    fn broker_of<'a>(&self, endpoint: &'a Endpoint) -> &'a str {
        endpoint.broker().unwrap_or(endpoint.authority())
    }
}
