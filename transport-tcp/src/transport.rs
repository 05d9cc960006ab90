//! The transport itself.

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use channel::transport::{BoxFuture, Connection, Listener, Transport};
use channel::{DialError, Endpoint, ListenError, Options};

use crate::address::{Lookup, ask_the_system};
use crate::dial::dial;
use crate::listener::TcpListening;
use crate::settings::Settings;
use crate::socket::connection;

/// The transport `tcp:`, to be added to a [`Domain`](channel::Domain). See the crate's documentation.
///
/// Cheap to clone. It holds no state: any number of them, in any number of domains, reach each other.
#[derive(Clone)]
pub struct Tcp {
    lookup: Lookup,
}

impl Tcp {
    /// Connections whose host names the system looks up.
    pub fn new() -> Tcp {
        Tcp::with_lookup(ask_the_system)
    }

    /// Connections whose host names are looked up by `lookup`, which is given the host and the port. It may
    /// block: it runs on a thread of its own, but for listeners in the thread that calls.
    ///
    /// ```
    /// # use transport_tcp::Tcp;
    /// let tcp = Tcp::with_lookup(|host, port| match host {
    ///     "server" => Ok(vec![([10, 0, 0, 1], port).into(), ([10, 0, 0, 2], port).into()]),
    ///     _ => Err(std::io::Error::other("not one of ours")),
    /// });
    /// # drop(tcp);
    /// ```
    pub fn with_lookup(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Tcp {
        Tcp {
            lookup: Arc::new(lookup),
        }
    }
}

impl Default for Tcp {
    fn default() -> Tcp {
        Tcp::new()
    }
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tcp")
    }
}

impl Transport for Tcp {
    fn schemes(&self) -> &[&str] {
        &["tcp"]
    }

    fn dial<'a>(
        &'a self,
        to: &'a Endpoint,
        options: &'a Options,
    ) -> BoxFuture<'a, Result<Connection, DialError>> {
        Box::pin(async move {
            let settings = Settings::of(to, &[])?;
            dial(to, &settings, &self.lookup, |stream, _| {
                let connection = connection(stream, to.clone(), options, to.is_plain(), None);
                ready(Ok(connection))
            })
            .await
        })
    }

    fn listen(&self, at: &Endpoint, options: &Options) -> Result<Box<dyn Listener>, ListenError> {
        Ok(Box::new(TcpListening::start(at, options, &self.lookup)?))
    }
}
