//! A world of names: brokers, transports and resolvers.

mod transports;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::{Mutex, RwLock};

use crate::broker::{Broker, BrokerInner};
use crate::endpoint::Endpoint;
use crate::error::BrokerError;
use crate::mem::Mem;
use crate::options::Options;
use crate::resolve::{InProcess, ResolveError, Resolver};
use crate::transport::Transport;
use transports::{Transports, UnknownScheme};

/// A domain owns the table of transports, the resolvers and the names of the brokers made in it.
///
/// [`Domain::default`] is the process's own; [`Domain::new`] makes a private one, for a program
/// that wants its own set of transports, or for a test. Both have `mem:`, and find the brokers of
/// the same domain; [`add`](Domain::add) brings in more transports,
/// [`add_resolver`](Domain::add_resolver) more places to look up names. Cheap to clone; clones are
/// the same domain.
#[derive(Clone)]
pub struct Domain(Arc<DomainInner>);

pub(crate) struct DomainInner {
    brokers: Mutex<HashMap<Arc<str>, Weak<BrokerInner>>>,
    transports: RwLock<Transports>,
    in_process: Arc<dyn Resolver>,
    /// Those that were added as such, in this order.
    resolvers: RwLock<Vec<Arc<dyn Resolver>>>,
}

static PROCESS: LazyLock<Domain> = LazyLock::new(Domain::new);

impl Default for Domain {
    /// The domain of the process.
    fn default() -> Domain {
        PROCESS.clone()
    }
}

impl Domain {
    /// A private domain, with `mem:` as its only transport.
    pub fn new() -> Domain {
        let inner = Arc::new_cyclic(|weak| DomainInner {
            brokers: Mutex::default(),
            transports: RwLock::default(),
            in_process: Arc::new(InProcess(Weak::clone(weak))),
            resolvers: RwLock::default(),
        });
        let domain = Domain(inner);
        domain.add(Mem::new());
        domain
    }

    /// Adds a transport under each of its schemes, in place of an earlier one of the same scheme.
    ///
    /// Its [`resolver`](Transport::resolver), if it has one, is asked for names from now on: after this process,
    /// and after those of transports that were added before; ahead of every resolver that was
    /// [added](Domain::add_resolver) as such, whenever that was. A transport that has been replaced under all of
    /// its schemes is asked no more.
    pub fn add(&self, transport: impl Transport + 'static) {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        // The transport's own code does not run under the lock.
        let resolver = transport.resolver();
        let schemes = transport.schemes().iter().map(|s| (*s).to_owned());
        let schemes = schemes.collect();
        let replaced = self.0.transports.write().add(transport, schemes, resolver);
        drop(replaced);
    }

    /// Adds a resolver, to be asked after those that are there: after this process, the transports, and those
    /// that were added before. To look names up in the configuration and then in a discovery service, they are
    /// added in this order.
    pub fn add_resolver(&self, resolver: impl Resolver + 'static) {
        self.0.resolvers.write().push(Arc::new(resolver));
    }

    /// The schemes that can be used in endpoints, sorted.
    pub fn schemes(&self) -> Vec<String> {
        self.0
            .transports
            .read()
            .schemes()
            .map(str::to_owned)
            .collect()
    }

    /// Whether both ends of a connection to this endpoint would lie in this domain; `None` if no
    /// transport serves its scheme.
    pub fn is_local(&self, endpoint: &Endpoint) -> Option<bool> {
        self.transport(endpoint)
            .ok()
            .map(|transport| transport.is_local())
    }

    /// Makes a broker with default options.
    ///
    /// # Errors
    /// [`BrokerError::NameTaken`] while another broker of that name lives in this domain,
    /// [`BrokerError::BadName`].
    pub fn broker(&self, name: &str) -> Result<Broker, BrokerError> {
        self.broker_with(name, Options::default())
    }

    /// Makes a broker.
    ///
    /// # Errors
    /// As [`broker`](Domain::broker), and [`BrokerError::Capacity`].
    pub fn broker_with(&self, name: &str, options: Options) -> Result<Broker, BrokerError> {
        Broker::in_domain(self, name, options)
    }

    /// The names of the brokers that live in this domain, sorted.
    pub fn brokers(&self) -> Vec<String> {
        self.0.names()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<BrokerInner>> {
        self.0.find(name)
    }

    /// Takes a name for a broker; `false` if another one has it, or has not yet given it back.
    pub(crate) fn enter(&self, name: Arc<str>, broker: &Arc<BrokerInner>) -> bool {
        let mut brokers = self.0.brokers.lock();
        if brokers.contains_key(&name) {
            return false;
        }
        brokers.insert(name, Arc::downgrade(broker));
        true
    }

    /// Gives a name back, if it is still this broker's.
    pub(crate) fn leave(&self, name: &str, broker: *const BrokerInner) {
        let mut brokers = self.0.brokers.lock();
        if brokers
            .get(name)
            .is_some_and(|held| std::ptr::eq(held.as_ptr(), broker))
        {
            brokers.remove(name);
        }
    }

    /// The transport that serves an endpoint; the error lists the schemes that are known.
    pub(crate) fn transport(
        &self,
        endpoint: &Endpoint,
    ) -> Result<Arc<dyn Transport>, UnknownScheme> {
        self.0.transports.read().find(endpoint)
    }

    /// The endpoints that a name stands for, or who was asked in vain.
    pub(crate) async fn resolve(
        &self,
        name: &str,
    ) -> Result<Result<Vec<Endpoint>, String>, ResolveError> {
        // This process, this machine, then whatever the program has configured.
        let mut resolvers = vec![self.0.in_process.clone()];
        resolvers.extend(self.0.transports.read().resolvers());
        resolvers.extend(self.0.resolvers.read().iter().cloned());
        let mut failed = None;
        for resolver in &resolvers {
            match resolver.resolve(name).await {
                Ok(endpoints) if !endpoints.is_empty() => return Ok(Ok(endpoints)),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(target: "channel", name, %error, "a resolver failed");
                    failed.get_or_insert(error);
                }
            }
        }
        // It might have been the one that knows.
        if let Some(error) = failed {
            return Err(error);
        }
        let asked = resolvers
            .iter()
            .map(|r| r.name())
            .collect::<Vec<_>>()
            .join(", ");
        Ok(Err(asked))
    }
}

impl DomainInner {
    pub(crate) fn find(&self, name: &str) -> Option<Arc<BrokerInner>> {
        self.brokers.lock().get(name)?.upgrade()
    }

    fn names(&self) -> Vec<String> {
        let brokers = self.brokers.lock();
        let mut names: Vec<_> = brokers
            .iter()
            .filter(|(_, broker)| broker.strong_count() > 0)
            .map(|(name, _)| name.to_string())
            .collect();
        names.sort();
        names
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("brokers", &self.brokers())
            .field("schemes", &self.schemes())
            .finish()
    }
}
