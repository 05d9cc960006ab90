//! From a broker's name to where it can be reached.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::domain::DomainInner;
use crate::endpoint::Endpoint;
use crate::transport::BoxFuture;

/// Knows where brokers are. A [`Domain`](crate::Domain) asks in order: itself, its transports' resolvers
/// ([`Transport::resolver`](crate::transport::Transport::resolver)), then those that the program has added. The
/// first one that knows the name decides.
pub trait Resolver: Send + Sync {
    /// What it is called in errors, such as `"this process"`.
    fn name(&self) -> &str;

    /// The endpoints at which the broker can be reached, to be tried in order; none if the name is
    /// unknown here. After an error the next resolver is asked, and the error is told if no other knows the
    /// name.
    fn resolve<'a>(&'a self, broker: &'a str)
    -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>>;
}

/// A resolver could not tell whether it knows a name.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{resolver}: {reason}")]
pub struct ResolveError {
    /// The resolver's name.
    pub resolver: String,
    /// What went wrong, and what to do about it.
    pub reason: String,
}

/// A table from names to endpoints, for brokers of other processes and machines.
///
/// [`Broker::connect`](crate::Broker::connect) tries the endpoints of a name in the order in which they were
/// added. Clones share the table, so that a program can change it after a domain was given it:
///
/// ```
/// use channel::{Domain, Names};
/// let names = Names::new();
/// names.add("server", "tcp://10.0.0.1:7000/server".parse()?);
/// names.add("server", "tcp://10.0.0.2:7000/server".parse()?);
/// let domain = Domain::new();
/// domain.add_resolver(names.clone());
/// // Later, when the first machine is gone for good:
/// names.set("server", ["tcp://10.0.0.2:7000/server".parse()?]);
/// # Ok::<(), channel::EndpointError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<RwLock<BTreeMap<String, Vec<Endpoint>>>>);

impl Names {
    /// An empty table.
    pub fn new() -> Names {
        Names::default()
    }

    /// Adds an endpoint, to be tried after those that the name has.
    pub fn add(&self, name: &str, endpoint: Endpoint) {
        let mut table = self.0.write();
        table.entry(name.to_owned()).or_default().push(endpoint);
    }

    /// Gives a name these endpoints, in place of those that it has; without any, the name is unknown here.
    pub fn set(&self, name: &str, endpoints: impl IntoIterator<Item = Endpoint>) {
        // The caller's iterator does not run under the lock.
        let endpoints: Vec<Endpoint> = endpoints.into_iter().collect();
        let mut table = self.0.write();
        match endpoints.is_empty() {
            true => table.remove(name),
            false => table.insert(name.to_owned(), endpoints),
        };
    }

    /// The endpoints of a name, in the order in which they are tried.
    pub fn endpoints(&self, name: &str) -> Vec<Endpoint> {
        self.0.read().get(name).cloned().unwrap_or_default()
    }
}

impl FromIterator<(String, Endpoint)> for Names {
    fn from_iter<I: IntoIterator<Item = (String, Endpoint)>>(entries: I) -> Names {
        let names = Names::new();
        for (name, endpoint) in entries {
            names.add(&name, endpoint);
        }
        names
    }
}

impl Resolver for Names {
    fn name(&self) -> &str {
        "table of names"
    }

    fn resolve<'a>(
        &'a self,
        broker: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>> {
        Box::pin(std::future::ready(Ok(self.endpoints(broker))))
    }
}

/// The brokers of the domain itself.
pub(crate) struct InProcess(pub(crate) Weak<DomainInner>);

impl Resolver for InProcess {
    fn name(&self) -> &str {
        "this process"
    }

    fn resolve<'a>(
        &'a self,
        broker: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Endpoint>, ResolveError>> {
        Box::pin(async move {
            let found = self.0.upgrade().and_then(|domain| domain.find(broker));
            Ok(found.map(|broker| broker.at.clone()).into_iter().collect())
        })
    }
}
